package app

import (
	"fmt"
	"io"
	"strings"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/instance"
)

// readyLine is what scripts of the system this one replaces wait for.
const readyLine = "Application is running on: %s\n"

// banner tells the person who started the process where everything is.
func banner(w io.Writer, a *instance.Instance, cfg config.Config) {
	var b strings.Builder
	fmt.Fprintf(&b, readyLine, a.URL())
	if cfg.Demo {
		fmt.Fprintf(&b, "  Demo mode: %s may buy under any name and operate the sale (DEMO=false turns it off).\n", audience(a))
	}
	if cfg.LegacyStatus {
		b.WriteString("  Legacy statuses: the API answers refused purchases and repeats with 201 and success:false (LEGACY_STATUS=false turns it off).\n")
	}
	for _, s := range a.Embedded() {
		fmt.Fprintf(&b, "  %-11s embedded, %s %s%s\n", s.Name, s.Version, reachedAt(s.Address), location(s.Dir))
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

// audience is who can connect to the instance.
func audience(a *instance.Instance) string {
	if a.OnLoopback() {
		return "everybody on this machine"
	}
	return "everybody whose machine can connect to this one"
}

// reachedAt says where an embedded server is reached.
func reachedAt(address string) string {
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
