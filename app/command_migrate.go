package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/migrations"
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
	only := cfg // of what is not configured, Postgres is enough
	only.RedisURL, only.KafkaBrokers = "unused", []string{"unused"}
	s, err := instance.FindServers(ctx, only, slog.New(slog.DiscardHandler), t.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	if err := s.OpenDatabase(ctx, cfg); err != nil {
		return err
	}
	switch direction {
	case "down":
		done, err := migrations.Down(ctx, s.Pool(), cfg.Namespace)
		if err != nil {
			return fmt.Errorf("migrate down: %w", err)
		}
		_, err = fmt.Fprintf(t.out, "taken back: %s\n", filepath.Base(done.Source.Path))
		return err
	case "up":
		done, err := migrations.Up(ctx, s.Pool(), cfg.Namespace)
		if err != nil {
			return fmt.Errorf("migrate up: %w", err)
		}
		_, err = fmt.Fprintf(t.out, "%d applied\n", len(done))
		return errors.Join(err, migrationStatus(ctx, s, cfg, t))
	}
	return migrationStatus(ctx, s, cfg, t)
}

func migrationStatus(ctx context.Context, s *instance.Servers, cfg config.Config, t terminal) error {
	all, err := migrations.Status(ctx, s.Pool(), cfg.Namespace)
	if err != nil {
		return fmt.Errorf("migrate status: %w", err)
	}
	for _, m := range all {
		_, _ = fmt.Fprintf(t.out, "%-8s %s\n", m.State, filepath.Base(m.Source.Path))
	}
	return nil
}
