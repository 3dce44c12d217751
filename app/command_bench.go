package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"flashsale/app/bench"
	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/server"
)

// benchFlags say what is measured and on which servers; bench.Config has the sizes.
type benchFlags struct {
	quick, configured, curve bool
	tls                      bool
	url, ops, profile        string
	growth                   int
}

func benchCommand(t terminal) *cobra.Command {
	var b benchFlags
	cfg := bench.Full()
	c := &cobra.Command{
		Use:   "bench",
		Short: "Compare with a server that does nothing, and print the goals and the figures",
		Long: "bench starts an instance and an echo server that does nothing, each a process of its own, sends requests to\n" +
			"both in turn in short slices, and prints the rate of the product as a fraction of the rate of the other, with\n" +
			"CPU and allocations per request. The instance is an embedded one in a temporary directory unless --configured or\n" +
			"--url is given. The exit code is 1 when an invariant of the sale is broken afterwards, not for a missed goal.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.check(cmd.Flags().Changed); err != nil {
				return err
			}
			cfg = withSizes(cfg, b.sizes(), cmd.Flags().Changed)
			cfg.Out = t.out
			if isTerminal(t.err) {
				cfg.Progress = t.err
			}
			return runBench(cmd.Context(), b, cfg)
		},
	}
	f := c.Flags()
	f.BoolVar(&b.quick, "quick", false, "a short run, to see that everything works; its figures mean little")
	f.IntVar(&cfg.Cycles, "cycles", cfg.Cycles, "how often every path is measured")
	f.DurationVar(&cfg.Slice, "slice", cfg.Slice, "how long a measurement of a path takes")
	f.IntVar(&cfg.Connections, "connections", cfg.Connections, "keep-alive connections that send requests at the same time")
	f.IntVar(&cfg.Shoppers, "shoppers", cfg.Shoppers, "shoppers that exist, and units in a sale of confirmed purchases")
	f.IntVar(&cfg.Crowd.Shoppers, "crowd", cfg.Crowd.Shoppers, "shoppers of the sale that is measured from its opening to its last unit")
	f.IntVar(&cfg.Crowd.Units, "units", cfg.Crowd.Units, "units of that sale (0: there is none)")
	f.IntVar(&cfg.Accounts, "accounts", cfg.Accounts, "accounts that buy with sessions on one more instance, outside demo mode (0: nothing is measured there)")
	f.IntVar(&cfg.Storm, "storm", cfg.Storm, "of those, how many sign in by code at once beside a running sale, three times (0: none)")
	f.IntVar(&cfg.Streams, "streams", cfg.Streams, "live updates, and as many idle connections, that are open at the same time")
	f.IntVar(&cfg.Desks, "desks", cfg.Desks, "operators' pages that are open while --units sell, and closed while as many more sell (0: it is not measured)")
	f.Int64Var(&cfg.Seed, "seed", 0, "seed of every random choice (0: a new one, printed)")
	f.BoolVar(&cfg.JSON, "json", false, "print the report as JSON")
	f.BoolVar(&b.configured, "configured", false, "use the servers the environment names (in a namespace of its own, removed afterwards)")
	f.BoolVar(&b.tls, "tls", false, "measure also what TLS, HTTP/2 and new connections cost, on one more instance")
	f.StringVar(&b.url, "url", "", "measure the instance running there, which is reset again and again")
	f.StringVar(&b.ops, "ops", "", "with --url: where that instance shows /metrics, like http://127.0.0.1:9464")
	f.IntVar(&b.growth, "growth", 0, "measure instead what a purchase costs in sales of 1,000 to this many units, with streams, and with more processes")
	f.BoolVar(&b.curve, "curve", false, "measure instead purchases with 1 to 1,000 connections, beside one transaction a verdict, and where their time goes")
	f.StringVar(&b.profile, "profile", "", "write a CPU profile of one path's process to this file")
	f.StringVar(&cfg.ProfileOf, "profile-of", "purchases", "the path: one of "+strings.Join(bench.Profiled(), ", "))
	return c
}

// runBench starts what is to be measured, measures, and stops it.
func runBench(ctx context.Context, b benchFlags, cfg bench.Config) (err error) {
	defer server.TuneMemory()()
	if b.profile != "" {
		file, err := os.Create(b.profile)
		if err != nil {
			return fmt.Errorf("--profile: %w", err)
		}
		defer func() { _ = file.Close() }()
		cfg.Profile = file
	}
	h, err := newBenchHarness()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(context.WithoutCancel(ctx))) }()
	if err := h.provide(ctx, b, &cfg); err != nil {
		return err
	}
	var ok bool
	switch {
	case b.curve:
		ok, err = h.curve(ctx, cfg)
	case b.growth > 0:
		ok, err = bench.Grow(ctx, bench.GrowthConfig{Config: cfg, Units: b.growth, SeedShoppers: h.seed, Another: h.another})
	default:
		ok, err = bench.Run(ctx, cfg)
	}
	if err == nil && !ok {
		err = errReported
	}
	return err
}

// check refuses flags that contradict each other.
func (b benchFlags) check(asked func(flag string) bool) error {
	switch {
	case b.url == "" && b.ops != "":
		return errors.New("--ops is for an instance that is named with --url")
	case b.curve && asked("growth"):
		return errors.New("--curve and --growth are two measurements; leave one of them out")
	case (b.curve || asked("growth")) && b.profile != "":
		return errors.New("--profile is of a path, and --growth and --curve measure none; leave one of them out")
	case asked("growth") && b.growth < 1:
		return errors.New("--growth must be at least 1000 units")
	}
	return nil
}

// sizes are those of the measurement that was asked for.
func (b benchFlags) sizes() bench.Config {
	switch {
	case b.curve && b.quick:
		return bench.QuickCurve()
	case b.curve:
		return bench.FullCurve()
	case b.quick:
		return bench.Quick()
	}
	return bench.Full()
}

// withSizes gives cfg these sizes, except those that a flag has set.
func withSizes(cfg, of bench.Config, asked func(flag string) bool) bench.Config {
	for flag, set := range map[string]func(){
		"cycles": func() { cfg.Cycles = of.Cycles }, "slice": func() { cfg.Slice = of.Slice },
		"connections": func() { cfg.Connections = of.Connections }, "streams": func() { cfg.Streams = of.Streams },
		"shoppers": func() { cfg.Shoppers = of.Shoppers }, "crowd": func() { cfg.Crowd.Shoppers = of.Crowd.Shoppers },
		"units": func() { cfg.Crowd.Units = of.Crowd.Units }, "accounts": func() { cfg.Accounts = of.Accounts },
		"storm": func() { cfg.Storm = of.Storm }, "desks": func() { cfg.Desks = of.Desks },
	} {
		if !asked(flag) {
			set()
		}
	}
	return cfg
}

// noopCommand runs the server that the product is compared with; the bench harness starts it.
func noopCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use: "bench-noop", Short: "An echo server that does nothing, until its input ends", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer server.TuneMemory()() // the same settings as the product's
			return bench.ServeNoop(cmd.Context(), t.in, t.out)
		},
	}
}

// saturatedCommand runs the instance that shows what a purchase request costs as far as Redis; the bench harness starts it.
func saturatedCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use: "bench-saturated", Short: "An instance in which every place is taken and nothing is decided", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, t, instance.Saturated(bench.SaturatedShoppers))
		},
	}
}
