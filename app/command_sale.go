package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/operator"
	"flashsale/sale"
)

func saleCommand(t terminal) *cobra.Command {
	c := &cobra.Command{Use: "sale", Short: "Change a sale", Args: cobra.NoArgs}
	c.AddCommand(saleSetCommand(t))
	return c
}

// saleSet is what the command line of `sale set` gives.
type saleSet struct {
	slug, start, end string
	message          string
	stock            int64
	limit            sale.PressLimit
}

func saleSetCommand(t terminal) *cobra.Command {
	var set saleSet
	c := &cobra.Command{
		Use:   "set [--slug S] [--start T] [--end T] [--stock N] [--message TEXT] [--account-press-rate N] ...",
		Short: "Change the times, the stock, the message to shoppers and the limit of presses of a sale, also of one that runs; what is sold stays sold",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := set.amendment(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return withDeployment(t, func(ctx context.Context, acts *operator.Acts) error { return amendSale(ctx, acts, set.slug, to, t) })(cmd, args)
		},
	}
	c.Flags().StringVar(&set.slug, "slug", "", "the sale; without it the current one")
	c.Flags().StringVar(&set.start, "start", "", "when it starts, like 2026-01-01T10:00:00Z; not once it has orders")
	c.Flags().StringVar(&set.end, "end", "", "when it ends, like 2026-01-01T12:00:00Z; never in the past")
	c.Flags().Int64Var(&set.stock, "stock", 0, "units on sale, at least as many as are sold")
	c.Flags().StringVar(&set.message, "message", "", `what shoppers read on the sale's page, for example why it is paused; "" takes it away`)
	c.Flags().Int64Var(&set.limit.AccountRate, flagAccountRate, 0, "presses of the button that one account has each second")
	c.Flags().Int64Var(&set.limit.AccountBurst, flagAccountBurst, 0, "presses that one account has at once")
	c.Flags().Int64Var(&set.limit.NetworkRate, flagNetworkRate, 0, "presses that everybody behind one address has each second")
	c.Flags().Int64Var(&set.limit.NetworkBurst, flagNetworkBurst, 0, "presses that everybody behind one address has at once")
	return c
}

const (
	flagAccountRate  = "account-press-rate"
	flagAccountBurst = "account-press-burst"
	flagNetworkRate  = "network-press-rate"
	flagNetworkBurst = "network-press-burst"
)

// amendment is what the flags change. given tells which flags there are.
func (s *saleSet) amendment(given func(flag string) bool) (to sale.Amendment, err error) {
	if to.StartsAt, err = flagTime("--start", s.start); err != nil {
		return to, err
	}
	if to.EndsAt, err = flagTime("--end", s.end); err != nil {
		return to, err
	}
	if given("stock") {
		if s.stock < 0 || s.stock > config.MaxStock {
			return to, fmt.Errorf("--stock must be from 0 to %d", config.MaxStock)
		}
		to.Total = &s.stock
	}
	if given("message") {
		message, err := sale.ReadMessage(s.message)
		if err != nil {
			return to, fmt.Errorf("--message %w", err)
		}
		to.Message = &message
	}
	if err := s.amendLimit(&to, given); err != nil {
		return to, err
	}
	if to == (sale.Amendment{}) {
		return to, errors.New("nothing to change: give at least one of --start, --end, --stock, --message and the limits of presses")
	}
	return to, nil
}

// amendLimit reads the flags that change the limit of presses.
func (s *saleSet) amendLimit(to *sale.Amendment, given func(flag string) bool) error {
	for _, one := range []struct {
		flag  string
		value *int64
		into  **int64
	}{
		{flagAccountRate, &s.limit.AccountRate, &to.AccountRate}, {flagAccountBurst, &s.limit.AccountBurst, &to.AccountBurst},
		{flagNetworkRate, &s.limit.NetworkRate, &to.NetworkRate}, {flagNetworkBurst, &s.limit.NetworkBurst, &to.NetworkBurst},
	} {
		if !given(one.flag) {
			continue
		}
		if *one.value < 1 || *one.value > sale.MaxPressLimit {
			return fmt.Errorf("--%s must be from 1 to %d", one.flag, sale.MaxPressLimit)
		}
		*one.into = one.value
	}
	return nil
}

func flagTime(name, value string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	t, err := config.ParseTime(value)
	if err != nil || t.Year() < config.FirstYear || t.Year() > config.LastYear {
		return nil, fmt.Errorf("%s is %q; it must be a time like 2026-01-01T10:00:00Z, of the years %d to %d", name, value, config.FirstYear, config.LastYear)
	}
	return &t, nil
}

func amendSale(ctx context.Context, acts *operator.Acts, slug string, to sale.Amendment, t terminal) error {
	done, err := acts.Amend(ctx, byCommand(), slug, to)
	if err != nil {
		return err
	}
	after := done.After
	_, err = fmt.Fprintf(t.out, "sale %s: %s, %s to %s, %d units, %d sold (revision %d)\n", after.Slug, after.Status(),
		after.StartsAt.Format(time.RFC3339Nano), after.EndsAt.Format(time.RFC3339Nano), after.Total, after.Taken, after.Revision)
	return err
}
