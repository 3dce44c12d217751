package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/operator"
	"flashsale/events/audit"
)

// byCommand is the actor of an act by a command, on a machine of the deployment.
func byCommand() operator.Act { return operator.Act{ActKey: audit.ActKey{Principal: "operator"}} }

// withDeployment opens the deployment that the environment names and hands its acts to do. Afterwards the instances get
// the messages about what was done.
func withDeployment(t terminal, do func(ctx context.Context, acts *operator.Acts) error) func(*cobra.Command, []string) error {
	return withServers(t, func(ctx context.Context, cfg config.Config, s *instance.Servers, log *slog.Logger) error {
		d, err := instance.Open(ctx, cfg, s, log)
		if err != nil {
			return err
		}
		defer d.Close(ctx)
		return do(ctx, d.Acts())
	})
}

// withServers finds the servers that the environment names, without connecting to them, and closes them after do.
func withServers(t terminal, do func(context.Context, config.Config, *instance.Servers, *slog.Logger) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := config.Load()
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
		s, err := instance.FindServers(ctx, cfg, log, t.err)
		if err != nil {
			return err
		}
		defer func() {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), instance.StopPatience)
			defer cancel()
			err = errors.Join(err, s.Close(stopping))
		}()
		return do(ctx, cfg, s, log)
	}
}
