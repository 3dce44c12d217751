package app

import (
	"fmt"
	"io"
	"strings"
)

// readyLine is what scripts of the system this one replaces wait for.
const readyLine = "Application is running on: %s\n"

// banner tells the person who started the process where everything is.
func (a *App) banner(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, readyLine, a.URL())
	if a.cfg.Demo {
		b.WriteString("  Demo mode: anybody who reaches this address may buy under any name and operate the sale (DEMO=false turns it off).\n")
	}
	for _, s := range a.services.Services {
		fmt.Fprintf(&b, "  %-11s embedded, %s at %s%s\n", s.Name, s.Version, s.Address, location(s.Dir))
	}
	if len(a.services.Services) > 0 {
		b.WriteString("  Real servers: set DATABASE_URL, REDIS_URL or KAFKA_BROKERS, each on its own (see .env.example).\n")
	}
	if a.cfg.OpsAddr != "" {
		fmt.Fprintf(&b, "  Metrics     http://%s/metrics\n", a.cfg.OpsAddr)
	}
	b.WriteString("  Ctrl-C stops it; orders stay.\n")
	_, _ = io.WriteString(w, b.String())
}

func location(dir string) string {
	if dir == "" {
		return ", in memory (rebuilt from the ledger)"
	}
	return ", data in " + dir
}
