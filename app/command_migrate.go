package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/migrations"
)

func migrateCommand(t terminal) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "migrate [up|down|status]",
		Short: "Bring the schema up to date (up), take the newest step back after asking (down), or show it (status)",
		Long: "migrate up makes the schema, and an embedded database where none is configured, and applies what is missing; a\n" +
			"start does the same. It may run beside processes, because a step only adds. migrate down takes the newest step\n" +
			"back, with what is stored in it: every process has to be stopped, and it asks first. migrate status changes nothing.",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"up", "down", "status"},
		RunE: func(cmd *cobra.Command, args []string) error {
			direction := "up"
			if len(args) == 1 {
				direction = args[0]
			}
			return migrate(cmd.Context(), direction, yes, t)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "with down: do not ask")
	return c
}

func migrate(ctx context.Context, direction string, yes bool, t terminal) error {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	find, do := finding(instance.FindServers), func(ctx context.Context, s *instance.Servers) error { return migrateUp(ctx, s, cfg, t) }
	switch direction {
	case "down":
		unlock, err := lockBeside(cfg)
		if err != nil {
			return err
		}
		defer unlock()
		find, do = instance.TakeDeployment, func(ctx context.Context, s *instance.Servers) error { return migrateDown(ctx, s, cfg, yes, t) }
	case "status":
		find, do = instance.FindToLook, func(ctx context.Context, s *instance.Servers) error { return migrationStatus(ctx, s, cfg, t) }
	}
	only := cfg // of what is not configured, Postgres is enough
	only.RedisURL, only.KafkaBrokers = "unused", []string{"unused"}
	return useServers(ctx, only, cfg, t, find, func(ctx context.Context, _ config.Config, s *instance.Servers, _ *slog.Logger) error {
		if err := s.OpenDatabase(ctx, cfg); err != nil {
			return err
		}
		return do(ctx, s)
	})
}

// lockBeside keeps processes from starting that have a database of their own and other servers embedded. The start of an
// embedded database takes the lock itself.
func lockBeside(cfg config.Config) (unlock func(), err error) {
	if cfg.DatabaseURL == "" {
		return func() {}, nil
	}
	lock, err := instance.LockDirectory(cfg)
	if err != nil || lock == nil {
		return func() {}, err
	}
	return func() { _ = lock.Unlock() }, nil
}

func migrateUp(ctx context.Context, s *instance.Servers, cfg config.Config, t terminal) error {
	if err := migrations.NotAhead(ctx, s.Pool(), cfg.Namespace); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	done, err := migrations.Up(ctx, s.Pool(), cfg.Namespace)
	var denied *migrations.DeniedError
	if errors.As(err, &denied) {
		return fmt.Errorf("migrate up: this user %w", err)
	}
	if err != nil {
		return fmt.Errorf("migrate up: %w", err)
	}
	if _, err = fmt.Fprintf(t.out, "%d applied\n", len(done)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return migrationStatus(ctx, s, cfg, t)
}

// migrateDown looks for living processes twice: one may start while the question waits for its answer.
func migrateDown(ctx context.Context, s *instance.Servers, cfg config.Config, yes bool, t terminal) error {
	if err := s.SchemaExists(ctx, cfg); err != nil {
		return err
	}
	step, err := migrations.NextDown(ctx, s.Pool(), cfg.Namespace)
	if err != nil {
		return fmt.Errorf("migrate down: %w", err)
	}
	if err := s.RefuseBeside(ctx); err != nil {
		return fmt.Errorf("nothing was taken back: %w", err)
	}
	if !yes {
		question := fmt.Sprintf("This takes back %s in schema %s at %s. %s", step.File, cfg.Namespace, instance.DatabaseAddress(s.Settings), consequences(step))
		if !confirmed(ctx, t, question, cfg.Namespace) {
			return errors.New("nothing was taken back")
		}
		if err := s.RefuseBeside(ctx); err != nil {
			return fmt.Errorf("nothing was taken back: %w", err)
		}
	}
	file, err := migrations.Down(ctx, s.Pool(), cfg.Namespace)
	if err != nil {
		return fmt.Errorf("migrate down: %w", err)
	}
	_, err = fmt.Fprintf(t.out, "taken back: %s\n", file)
	return err
}

// consequences says what a step takes, and what becomes of the orders.
func consequences(step migrations.Step) string {
	said := "It " + strings.Join(step.Effects, ", ") + ". "
	switch {
	case step.Lost:
		return said + fmt.Sprintf("%d orders are lost for good.", step.Orders)
	default:
		return said + fmt.Sprintf("The %d orders stay.", step.Orders)
	}
}

func migrationStatus(ctx context.Context, s *instance.Servers, cfg config.Config, t terminal) error {
	if err := s.SchemaExists(ctx, cfg); err != nil {
		return err
	}
	all, err := migrations.Status(ctx, s.Pool(), cfg.Namespace)
	if err != nil {
		return fmt.Errorf("migrate status: %w", err)
	}
	for _, m := range all {
		state := "pending"
		if m.Applied {
			state = "applied"
		}
		if _, err := fmt.Fprintf(t.out, "%-8s %s\n", state, m.File); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}
