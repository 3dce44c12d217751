package app

import (
	"fmt"
	"io"
	"strings"

	"flashsale/app/embedded"
	"flashsale/app/instance"
)

// readyLine is what scripts of the system this one replaces wait for.
const readyLine = "Application is running on: %s\n"

// banner tells the person who started the process where everything is.
func banner(w io.Writer, a *instance.Instance, demo bool) {
	var b strings.Builder
	fmt.Fprintf(&b, readyLine, a.URL())
	if demo {
		b.WriteString("  Demo mode: anybody who reaches this address may buy under any name and operate the sale (DEMO=false turns it off).\n")
	}
	for _, s := range a.Embedded() {
		fmt.Fprintf(&b, "  %-11s embedded, %s %s%s\n", s.Name, s.Version, place(s.Address), location(s.Dir))
	}
	if len(a.Embedded()) > 0 {
		b.WriteString("  Real servers: set DATABASE_URL, REDIS_URL or KAFKA_BROKERS, each on its own (see .env.example).\n")
	}
	if a.OpsAddr() != "" {
		fmt.Fprintf(&b, "  Metrics     http://%s/metrics\n", a.OpsAddr())
	}
	b.WriteString("  Ctrl-C stops it; orders stay.\n")
	_, _ = io.WriteString(w, b.String())
}

func place(address string) string {
	if address == embedded.InProcess {
		return address
	}
	return "at " + address
}

func location(dir string) string {
	if dir == "" {
		return ", in memory (rebuilt from the ledger)"
	}
	return ", data in " + dir
}
