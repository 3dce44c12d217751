package app

import (
	"context"
	"errors"
	"log/slog"

	"flashsale/app/config"

	"github.com/spf13/cobra"
)

// beside is what a one-off command works with: the domains of a deployment, in which nothing runs by itself.
type beside struct {
	*core
	cfg config.Config
}

// withDeployment opens the deployment that the environment names and hands it to do.
func withDeployment(t terminal, do func(ctx context.Context, b beside) error) func(*cobra.Command, []string) error {
	return withServers(t, func(ctx context.Context, cfg config.Config, s *services, log *slog.Logger) error {
		return inDeployment(ctx, cfg, s, log, do)
	})
}

// inDeployment hands the deployment on those servers to do, and afterwards tells its instances what they should look at.
func inDeployment(ctx context.Context, cfg config.Config, s *services, log *slog.Logger, do func(ctx context.Context, b beside) error) error {
	if err := s.connect(ctx, cfg, log, nil); err != nil {
		return err
	}
	c := newCore(cfg, s, log, nil)
	defer c.close()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	err := do(ctx, beside{c, cfg})
	if untold := c.bus.Flush(ctx); untold != nil {
		log.Debug("running instances find out by looking", "error", untold)
	}
	return err
}

// withServers finds the servers that the environment names, without connecting to them: the configured ones, the
// embedded ones of the instance running on the same data directory, or, when none runs, embedded ones started for
// this command only.
func withServers(t terminal, do func(context.Context, config.Config, *services, *slog.Logger) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := config.Load()
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
		s, found, err := borrowServers(cfg)
		if err == nil && !found {
			s, err = startServers(ctx, cfg, log, t.err)
		}
		if err != nil {
			return err
		}
		defer func() {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
			defer cancel()
			err = errors.Join(err, s.close(stopping))
		}()
		return do(ctx, cfg, s, log)
	}
}
