package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/operator"
	"flashsale/app/server"
	"flashsale/users/login"
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
	supervisor := server.NewSupervisor(log)
	handed, err := server.Handed()
	if err != nil {
		return err
	}
	a, err := instance.Start(ctx, cfg, log, t.err, append(options, instance.Listening(handed), instance.Measuring(lostLines(lost)))...)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before the start was complete; nothing is lost")
		}
		return err
	}
	banner(t.out, a, cfg)
	announceFirstOwner(ctx, a, cfg, log, t.out)
	supervisor.Ready("Serves on " + a.URL() + ".")
	defer keepAlive(ctx, supervisor)()
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-a.Failed():
	}
	_, _ = fmt.Fprintln(t.out, "Stopping: finishing what is in flight (press Ctrl-C again to cut it off).")
	supervisor.Stopping()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Patience())
	defer cancel()
	return errors.Join(failure, a.Stop(stopping))
}

// keepAlive sends signs of life to the service manager until the function that it returns is called, which waits for their end.
func keepAlive(ctx context.Context, supervisor *server.Supervisor) func() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var sending sync.WaitGroup
	sending.Go(func() { supervisor.KeepAlive(ctx) })
	return func() {
		cancel()
		sending.Wait()
	}
}

// announceFirstOwner prints the link of the first owner to a person at a terminal while there is no owner. A log, which others may
// read, is told how to get one.
func announceFirstOwner(ctx context.Context, a *instance.Instance, cfg config.Config, log *slog.Logger, w io.Writer) {
	if cfg.Demo {
		return
	}
	exists, err := a.Acts().OwnerExists(ctx)
	if err == nil && !exists && !isTerminal(w) {
		log.Info("nobody may operate this deployment yet: run `flashsale admin invite` for the link of the first owner")
		return
	}
	if err == nil && !exists {
		var link operator.Link
		if link, err = a.Acts().InviteFirstOwner(ctx, byCommand()); err == nil {
			err = firstOwnerLine(w, cmp.Or(cfg.PublicURL, a.URL()), link)
		}
	}
	if err != nil && !errors.Is(err, login.ErrOwnerExists) {
		log.Warn("the link of the first owner could not be made; `flashsale admin invite` makes one", "error", err)
	}
}
