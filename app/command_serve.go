package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/server"
)

func serveCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the product until Ctrl-C (the default command)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, t)
		},
	}
}

func serve(ctx context.Context, cfg config.Config, t terminal, options ...instance.Option) error {
	defer server.TuneMemory()()
	log, lost := newLogger(cfg, t.err)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	a, err := instance.Start(ctx, cfg, log, t.err, append(options, instance.Measuring(lostLines(lost)))...)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before the start was complete; nothing is lost")
		}
		return err
	}
	banner(t.out, a, cfg)
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-a.Failed():
	}
	_, _ = fmt.Fprintln(t.out, "Stopping: finishing what is in flight (press Ctrl-C again to cut it off).")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), instance.StopPatience)
	defer cancel()
	return errors.Join(failure, a.Stop(stopping))
}
