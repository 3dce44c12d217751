package app

import (
	"context"
	"fmt"
	"strconv"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"flashsale/app/operator"
	"flashsale/users"
)

func seedCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "seed N",
		Short: "Make the first N shoppers of the series exist",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 0 || n > users.MaxSeries {
				return fmt.Errorf("%q is not a number of shoppers from 0 to %d", args[0], users.MaxSeries)
			}
			return withDeployment(t, func(ctx context.Context, acts *operator.Acts) error {
				created, err := acts.Seed(ctx, byCommand(), n, progressTo(t, "shoppers"))
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(t.out, "%d shoppers created or brought back; the first %d of the series exist\n", created, n)
				return err
			})(cmd, args)
		},
	}
}

// progressTo draws a bar on a terminal and nothing elsewhere.
func progressTo(t terminal, what string) func(done, total int) {
	if !isTerminal(t.err) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, total int) {
		if bar == nil {
			bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(t.err), progressbar.OptionSetDescription(what),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
		}
		_ = bar.Set(done)
	}
}
