package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"flashsale/app/operator"
)

func verifyCommand(t terminal) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check the invariants against PostgreSQL, Redis and the log (exit 1 when one is broken)",
		Args:  cobra.NoArgs,
		RunE: lookingAt(t, func(ctx context.Context, acts *operator.Acts) error {
			checks, err := acts.Verify(ctx)
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

func writeChecks(w io.Writer, checks []operator.Check) error {
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

func anyBroken(checks []operator.Check) bool {
	for _, c := range checks {
		if c.State == operator.Broken {
			return true
		}
	}
	return false
}
