package app

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/operator"
	"flashsale/app/wipe"
	series "flashsale/users"
)

func resetCommand(t terminal) *cobra.Command {
	var stock int64
	var users int
	var all, yes bool
	c := &cobra.Command{
		Use:   "reset",
		Short: "Begin a new generation of the sale with nothing sold (--wipe: remove everything, after asking)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return wipe.Deployment(cmd.Context(), t.out, func(question, word string) bool {
					return yes || confirmed(cmd.Context(), t, question, word)
				})
			}
			return withDeployment(t, func(ctx context.Context, acts *operator.Acts) error {
				return resetSale(ctx, acts, cmd.Flags().Changed("stock"), stock, users, t)
			})(cmd, args)
		},
	}
	c.Flags().Int64Var(&stock, "stock", operator.SmallStock, "units on sale afterwards")
	c.Flags().IntVar(&users, "users", 10, "shoppers of the series that exist afterwards")
	c.Flags().BoolVar(&all, "wipe", false, "remove every sale, order and shopper of this deployment")
	c.Flags().BoolVar(&yes, "yes", false, "with --wipe: do not ask")
	return c
}

func resetSale(ctx context.Context, acts *operator.Acts, setStock bool, stock int64, users int, t terminal) error {
	if stock < 0 || stock > config.MaxStock {
		return fmt.Errorf("--stock must be from 0 to %d", config.MaxStock)
	}
	if users < 0 || users > series.MaxSeries {
		return fmt.Errorf("--users must be from 0 to %d", series.MaxSeries)
	}
	total := int64(operator.SmallStock)
	if setStock {
		total = stock
	}
	done, err := acts.ResetTo(ctx, byCommand(), "", total, users, progressTo(t, "shoppers"))
	if err != nil {
		return err
	}
	after := done.After
	_, err = fmt.Fprintf(t.out, "sale %s: generation %d begins, %d units, nothing sold\n", after.Slug, after.Generation, after.Total)
	return err
}
