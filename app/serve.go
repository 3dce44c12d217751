package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

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

func serve(ctx context.Context, cfg config.Config, t terminal) error {
	defer server.TuneMemory()()
	log := newLogger(cfg, t.err)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	a, err := Start(ctx, cfg, log, t.err)
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

const healthPatience = 3 * time.Second

// healthCommand asks the instance on PORT whether it lives: the health check of an image without a shell.
func healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "health",
		Short:  "Ask the instance on PORT whether it lives (exit 1 if not)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), healthPatience)
			defer cancel()
			return alive(ctx, "http://127.0.0.1:"+strconv.Itoa(cfg.Port)+"/livez")
		},
	}
}

func alive(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	res, err := (&http.Client{Timeout: healthPatience}).Do(req)
	if err != nil {
		return fmt.Errorf("nothing answers on %s: %w", url, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}
