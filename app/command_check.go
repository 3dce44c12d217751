package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"flashsale/app/web"
	"flashsale/migrations"
)

func verifyCommand(t terminal) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check the invariants against PostgreSQL, Redis and the log (exit 1 when one is broken)",
		Args:  cobra.NoArgs,
		RunE: withDeployment(t, func(ctx context.Context, b beside) error {
			checks, err := b.operations.Verify(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(t.out).Encode(checks)
			} else {
				err = writeChecks(t.out, checks)
			}
			if err == nil && anyBroken(checks) {
				return errReported
			}
			return err
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func writeChecks(w io.Writer, checks []web.Check) error {
	for _, c := range checks {
		line := fmt.Sprintf("%-8s %s  %s", c.State, c.ID, c.Title)
		if c.Detail != "" {
			line += ": " + c.Detail
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

func anyBroken(checks []web.Check) bool {
	for _, c := range checks {
		if c.State == stateBroken {
			return true
		}
	}
	return false
}

func doctorCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Show each dependency, how it answers and what to do (exit 1 when one is bad)",
		Args:  cobra.NoArgs,
		RunE:  withDeployment(t, func(ctx context.Context, b beside) error { return b.diagnose(ctx, t.out) }),
	}
}

// diagnose writes a line for each server and for the schema and the topics.
func (b beside) diagnose(ctx context.Context, w io.Writer) error {
	bad := false
	for i, p := range b.operations.probing.list {
		asked, cancel := context.WithTimeout(ctx, 3*time.Second)
		begun := time.Now()
		version, err := p.ask(asked)
		cancel()
		kind := "configured"
		if b.operations.probing.list[i].embedded {
			kind = "embedded"
		}
		if err != nil {
			bad = true
			_, _ = fmt.Fprintf(w, "bad      %-11s %s (%s): %v; start it or correct its address\n", p.name, p.address, kind, err)
			continue
		}
		_, _ = fmt.Fprintf(w, "ok       %-11s %s (%s) %s, round trip %s\n", p.name, p.address, kind, version, time.Since(begun).Round(10*time.Microsecond))
	}
	return b.diagnoseState(ctx, w, bad)
}

func (b beside) diagnoseState(ctx context.Context, w io.Writer, bad bool) error {
	pending := 0
	all, err := migrations.Status(ctx, b.services.pool, b.cfg.Namespace)
	for _, m := range all {
		if m.State != "applied" {
			pending++
		}
	}
	if err != nil || pending > 0 {
		bad = true
		_, _ = fmt.Fprintf(w, "bad      schema %s: %d migrations to apply (%v); run `flashsale migrate`\n", b.cfg.Namespace, pending, err)
	} else {
		_, _ = fmt.Fprintf(w, "ok       schema      %s, %d migrations applied\n", b.cfg.Namespace, len(all))
	}
	description, err := b.services.log.Describe(ctx)
	if err != nil {
		bad = true
		_, _ = fmt.Fprintf(w, "bad      topics: %v\n", err)
	}
	for _, topic := range description.Topics {
		state := "ok "
		if topic.Leaderless > 0 {
			state, bad = "bad", true
		}
		_, _ = fmt.Fprintf(w, "%s      topic       %s, %d partitions, %d without a leader\n", state, topic.Name, topic.Partitions, topic.Leaderless)
	}
	lag, err := b.lag(ctx)
	if err != nil {
		bad = true
		_, _ = fmt.Fprintf(w, "bad      lag: %v\n", err)
	} else {
		_, _ = fmt.Fprintf(w, "ok       lag         %d claims not yet read by the ledger\n", lag)
	}
	if bad {
		return errReported
	}
	return nil
}

// lag is how many claims the log has that the ledger has not read.
func (b beside) lag(ctx context.Context) (int64, error) {
	var sum int64
	partitions, err := b.ledger.Lag(ctx)
	for _, p := range partitions {
		sum += p.Records
	}
	return sum, err
}
