package app

import (
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/term"

	"flashsale/app/config"
)

// newLogger writes log lines to w: text for a person at a terminal, JSON for a collector. Both escape what a user
// typed. Lines that cannot be written are counted.
func newLogger(cfg config.Config, w io.Writer) (*slog.Logger, *lossy) {
	options, to := &slog.HandlerOptions{Level: cfg.LogLevel}, &lossy{to: w}
	if cfg.LogFormat == "text" || cfg.LogFormat == "" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(to, options)), to
	}
	return slog.New(slog.NewJSONHandler(to, options)), to
}

// lostLines shows how many lines of the log could not be written.
func lostLines(l *lossy) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "flashsale_log_lost_total", Help: "Lines of the log that could not be written: its reader has left, or the disk is full.",
	}, func() float64 { return float64(l.lost.Load()) })
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
