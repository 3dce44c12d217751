package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
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
			"afterwards. It exits with 1 when anything was sold twice, oversold or lost.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				cfg.Scenario = args[0]
			}
			if !slices.Contains(names, cfg.Scenario) {
				return fmt.Errorf("there is no scenario %q; choose one of %s", cfg.Scenario, strings.Join(names, ", "))
			}
			return runStress(cmd.Context(), cfg)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&cfg.URL, "url", nil, "address of a running instance; repeat it for several, shoppers pick one at random")
	f.IntVar(&cfg.Users, "users", 0, "number of shoppers (instead of a scenario)")
	f.IntVar(&cfg.Stock, "stock", 0, "units on sale (with --users)")
	f.IntVar(&cfg.Connections, "connections", 0, "keep-alive connections the shoppers share (0: the scenario's)")
	f.Float64Var(&cfg.OpenLoop, "open-loop", 0, "let so many shoppers a second come, whatever the server does (0: all at once)")
	f.DurationVar(&cfg.Ramp, "ramp", 0, "with --open-loop: how long the rate takes to grow from nothing")
	f.IntVar(&cfg.Streams, "streams", 0, "live updates that are open meanwhile and must show the end")
	f.Int64Var(&cfg.Seed, "seed", 0, "seed of every random choice (0: a new one, printed)")
	f.BoolVar(&cfg.JSON, "json", false, "print the report as JSON")
	return c
}

// runStress drives the given instances, or one of its own.
func runStress(ctx context.Context, cfg stress.Config) error {
	if len(cfg.URL) > 0 {
		cfg.Remote = true // naming an address is the operator's decision to send load there
		return report(stress.Run(ctx, cfg))
	}
	a, cleanup, err := temporaryInstance(ctx)
	if err != nil {
		return err
	}
	cfg.URL = []string{a.URL()}
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

// temporaryInstance is the whole product on embedded servers, with its data in a directory that cleanup removes.
func temporaryInstance(ctx context.Context) (*instance.Instance, func() error, error) {
	dir, err := os.MkdirTemp("", "flashsale-stress-")
	if err != nil {
		return nil, nil, fmt.Errorf("temporary directory: %w", err)
	}
	cfg, err := config.From(func(string) (string, bool) { return "", false })
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
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), instance.StopPatience)
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
