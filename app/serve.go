package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"flashsale/app/config"
	"flashsale/app/server"

	"github.com/spf13/cobra"
)

// stopPatience bounds an orderly stop; what has not ended by then is cut off.
const stopPatience = drainGrace + requestPatience + partsPatience

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

func serve(ctx context.Context, cfg config.Config, t terminal, options ...Option) error {
	defer server.TuneMemory()()
	log := newLogger(cfg, t.err)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	a, err := Start(ctx, cfg, log, t.err, options...)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before the start was complete; nothing is lost")
		}
		return err
	}
	a.banner(t.out)
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-a.Failed():
	}
	_, _ = fmt.Fprintln(t.out, "Stopping: finishing what is in flight (press Ctrl-C again to cut it off).")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return errors.Join(failure, a.Stop(stopping))
}

// Version names the build: the module's version or the commit it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " (modified)"
		}
	}
	return version + revision + dirty
}

func versionCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(t.out, "flashsale %s %s %s/%s\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
