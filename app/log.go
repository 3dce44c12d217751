package app

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"flashsale/app/config"
)

// newLogger writes log lines to w: text for a person at a terminal, JSON for a collector. Both escape what a user
// typed.
func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" || cfg.LogFormat == "" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
