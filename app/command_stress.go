package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/server"
	"flashsale/app/stress"
)

func stressCommand(t terminal) *cobra.Command {
	cfg := stress.Config{Scenario: "1000", Out: t.out, Progress: isTerminal(t.err)}
	var sessions string
	var names []string
	for _, s := range stress.Scenarios() {
		names = append(names, s.Name)
	}
	names = append(names, "all")
	c := &cobra.Command{
		Use:   "stress [" + strings.Join(names, "|") + "]",
		Short: "Send many shoppers at once and check that the sale stays exact",
		Long: "stress sends many shoppers at once, follows every answer to its verdict and compares receipts with the\n" +
			"units sold. Without --url it starts an instance of its own in a temporary directory and removes it\n" +
			"afterwards. It exits with 1 when anything was sold twice, oversold or lost.\n\n" +
			"With --accounts everybody is somebody: accounts are created and signed in ahead, each from an address of its own,\n" +
			"and press with their sessions; buying for somebody else must be refused. The instance of its own then runs with\n" +
			"DEMO=false. One at --url must have DEMO=false and MAIL_DEV=true, because the codes are read at its /dev/mail, and\n" +
			"TRUSTED_PROXIES with this machine, or its limits see one address; or give sessions with --accounts-file. It is not\n" +
			"reset: what its sale has left is sold.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				cfg.Scenario = args[0]
			}
			if !slices.Contains(names, cfg.Scenario) {
				return fmt.Errorf("there is no scenario %q; choose one of %s", cfg.Scenario, strings.Join(names, ", "))
			}
			if err := withSessions(&cfg, sessions, len(args) == 1); err != nil {
				return err
			}
			return runStress(cmd.Context(), cfg)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&cfg.URL, "url", nil, "address of a running instance; repeat it for several, shoppers pick one at random")
	f.IntVar(&cfg.Users, "users", 0, "number of shoppers (instead of a scenario)")
	f.IntVar(&cfg.Stock, "stock", 0, "units on sale (with --users; with --accounts half of them when it is not given)")
	f.IntVar(&cfg.Accounts, "accounts", 0, "outside demo mode: accounts that sign in ahead and then press (instead of a scenario)")
	f.StringVar(&sessions, "accounts-file", "", "with --url: take their sessions from this file, a line \"USERNAME session=VALUE\" for each account")
	f.IntVar(&cfg.Connections, "connections", 0, "keep-alive connections the shoppers share (0: the scenario's)")
	f.Float64Var(&cfg.OpenLoop, "open-loop", 0, "let so many shoppers a second come, whatever the server does (0: all at once)")
	f.DurationVar(&cfg.Ramp, "ramp", 0, "with --open-loop: how long the rate takes to grow from nothing")
	f.IntVar(&cfg.Streams, "streams", 0, "live updates that are open meanwhile and must show the end")
	f.Int64Var(&cfg.Seed, "seed", 0, "seed of every random choice (0: a new one, printed)")
	f.BoolVar(&cfg.JSON, "json", false, "print the report as JSON")
	return c
}

// withSessions checks the flags of accounts and reads their sessions from the named file, if any.
func withSessions(cfg *stress.Config, file string, scenario bool) error {
	switch {
	case cfg.Accounts == 0 && file == "":
		return nil
	case scenario || cfg.Users > 0:
		return errors.New("--accounts and --accounts-file are instead of a scenario and of --users; leave those out")
	case cfg.Accounts > 0 && file != "":
		return errors.New("--accounts makes accounts and --accounts-file names some; choose one of them")
	case cfg.Stock > 0 && len(cfg.URL) > 0:
		return errors.New("--stock with accounts is for an instance of its own; the one at --url sells what its sale has left")
	case file == "":
		return nil
	case len(cfg.URL) == 0:
		return errors.New("--accounts-file is for an instance that is named with --url")
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--accounts-file: %w", err)
	}
	cfg.Sessions, err = stress.ReadAccounts(string(content))
	return err
}

// signInSettings are those of an instance outside demo mode whose mails the load generator reads, and which believes it that
// every shopper has an address of its own.
func signInSettings(cfg *stress.Config) map[string]string {
	if cfg.Stock == 0 {
		cfg.Stock = max(1, cfg.Accounts/2)
	}
	return map[string]string{"DEMO": "false", "MAIL_DEV": "true", "TRUSTED_PROXIES": "127.0.0.0/8,::1/128", "MAX_STOCK": strconv.Itoa(cfg.Stock)}
}

// verifyOf asks an instance of this process for its invariants; over HTTP only an operator may.
func verifyOf(ctx context.Context, a *instance.Instance) ([]stress.Check, error) {
	found, err := a.Acts().Verify(ctx)
	var checks []stress.Check
	for _, c := range found {
		checks = append(checks, stress.Check{ID: c.ID, Title: c.Title, State: c.State, Detail: c.Detail})
	}
	return checks, err
}

// runStress drives the given instances, or one of its own.
func runStress(ctx context.Context, cfg stress.Config) error {
	if len(cfg.URL) > 0 {
		cfg.Remote = true // naming an address is the operator's decision to send load there
		return report(stress.Run(ctx, cfg))
	}
	settings := map[string]string{}
	if cfg.Accounts > 0 {
		settings = signInSettings(&cfg)
	}
	a, cleanup, err := temporaryInstance(ctx, settings)
	if err != nil {
		return err
	}
	cfg.URL = []string{a.URL()}
	if cfg.Accounts > 0 {
		cfg.Verify = func(ctx context.Context) ([]stress.Check, error) { return verifyOf(ctx, a) }
	}
	err = report(stress.Run(ctx, cfg))
	return errors.Join(err, cleanup())
}

func report(r stress.Report, err error) error {
	if err != nil {
		return err
	}
	if !r.OK {
		return errReported
	}
	return nil
}

// temporaryInstance is the whole product on embedded servers with these settings and no others, with its data in a directory
// that cleanup removes.
func temporaryInstance(ctx context.Context, settings map[string]string) (*instance.Instance, func() error, error) {
	dir, err := os.MkdirTemp("", "flashsale-stress-")
	if err != nil {
		return nil, nil, fmt.Errorf("temporary directory: %w", err)
	}
	cfg, err := config.From(func(name string) (string, bool) {
		value, ok := settings[name]
		return value, ok
	})
	if err != nil {
		return nil, nil, err
	}
	untuned := server.TuneMemory()
	cfg.Port, cfg.OpsAddr, cfg.DataDir = 0, "", dir
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	a, err := instance.Start(ctx, cfg, log, io.Discard)
	if err != nil {
		untuned()
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return a, func() error {
		defer untuned()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Patience())
		defer cancel()
		return errors.Join(a.Stop(stopping), removeSoon(dir))
	}, nil
}

// removeSoon removes a temporary directory. It tolerates a server that is still writing its last file.
func removeSoon(dir string) error {
	var err error
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s could not be removed: %w", dir, err)
}
