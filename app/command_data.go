package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/events/audit"
	"flashsale/migrations"
	"flashsale/users"
)

func migrateCommand(t terminal) *cobra.Command {
	directions := []string{"up", "down", "status"}
	return &cobra.Command{
		Use:       "migrate [up|down|status]",
		Short:     "Bring the schema up to date (up), take the newest step back (down), or show it (status)",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: directions,
		RunE: func(cmd *cobra.Command, args []string) error {
			direction := "up"
			if len(args) == 1 {
				direction = args[0]
			}
			return migrate(cmd.Context(), direction, t)
		},
	}
}

func migrate(ctx context.Context, direction string, t terminal) (err error) {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	s, found, err := borrowServers(cfg)
	if err == nil && !found {
		only := cfg
		only.RedisURL, only.KafkaBrokers = "unused", []string{"unused"}
		s, err = startServers(ctx, only, slog.New(slog.DiscardHandler), t.err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(context.WithoutCancel(ctx))) }()
	if err := s.openDatabase(ctx, cfg); err != nil {
		return err
	}
	switch direction {
	case "down":
		done, err := migrations.Down(ctx, s.pool, cfg.Namespace)
		if err != nil {
			return fmt.Errorf("migrate down: %w", err)
		}
		_, err = fmt.Fprintf(t.out, "taken back: %s\n", filepath.Base(done.Source.Path))
		return err
	case "up":
		done, err := migrations.Up(ctx, s.pool, cfg.Namespace)
		if err != nil {
			return fmt.Errorf("migrate up: %w", err)
		}
		_, err = fmt.Fprintf(t.out, "%d applied\n", len(done))
		return errors.Join(err, migrationStatus(ctx, s, cfg, t))
	}
	return migrationStatus(ctx, s, cfg, t)
}

func migrationStatus(ctx context.Context, s *services, cfg config.Config, t terminal) error {
	all, err := migrations.Status(ctx, s.pool, cfg.Namespace)
	if err != nil {
		return fmt.Errorf("migrate status: %w", err)
	}
	for _, m := range all {
		_, _ = fmt.Fprintf(t.out, "%-8s %s\n", m.State, filepath.Base(m.Source.Path))
	}
	return nil
}

func seedCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "seed N",
		Short: "Make the first N shoppers of the series exist",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 || n > users.MaxSeries {
				return fmt.Errorf("%q is not a number of shoppers from 1 to %d", args[0], users.MaxSeries)
			}
			return withDeployment(t, func(ctx context.Context, b beside) error {
				created, err := b.operations.seed(ctx, byCommand(), n, progressTo(t, "shoppers"))
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(t.out, "%d shoppers created or brought back; the first %d of the series exist\n", created, n)
				return err
			})(cmd, args)
		},
	}
}

// progressTo draws a bar on a terminal and nothing elsewhere.
func progressTo(t terminal, what string) func(done, total int) {
	if !isTerminal(t.err) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, total int) {
		if bar == nil {
			bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(t.err), progressbar.OptionSetDescription(what),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
		}
		_ = bar.Set(done)
	}
}

func resetCommand(t terminal) *cobra.Command {
	var stock int64
	var users int
	var wipe, yes bool
	c := &cobra.Command{
		Use:   "reset",
		Short: "Begin a new generation of the sale with nothing sold (--wipe: remove everything, after asking)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if wipe {
				return wipeDeployment(cmd.Context(), yes, t)
			}
			return withDeployment(t, func(ctx context.Context, b beside) error {
				return resetSale(ctx, b, cmd.Flags().Changed("stock"), stock, users, t)
			})(cmd, args)
		},
	}
	c.Flags().Int64Var(&stock, "stock", smallStock, "units on sale afterwards")
	c.Flags().IntVar(&users, "users", 10, "shoppers of the series that exist afterwards")
	c.Flags().BoolVar(&wipe, "wipe", false, "remove every sale, order and shopper of this deployment")
	c.Flags().BoolVar(&yes, "yes", false, "with --wipe: do not ask")
	return c
}

func resetSale(ctx context.Context, b beside, setStock bool, stock int64, users int, t terminal) error {
	if stock < 0 || stock > config.MaxStock {
		return fmt.Errorf("--stock must be from 0 to %d", config.MaxStock)
	}
	if _, err := b.operations.seed(ctx, byCommand(), users, progressTo(t, "shoppers")); err != nil {
		return err
	}
	total := int64(smallStock)
	if setStock {
		total = stock
	}
	done, err := b.operations.beginGeneration(ctx, byCommand(), "", total, audit.Entry{Action: "sale.reset"}, func(pgx.Tx) error { return nil })
	if err != nil {
		return err
	}
	after := done.After
	_, err = fmt.Fprintf(t.out, "sale %s: generation %d begins, %d units, nothing sold\n", after.Slug, after.Generation, after.Total)
	return err
}
