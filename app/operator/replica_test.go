package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"flashsale/events/audit"
	"flashsale/sale"
)

// What a replica has found is shown with its age. What it has not found, and what failed there, is asked of the primary, and so is
// everything for somebody who is not known, or where there is no replica.
func TestAListIsTheReplicasOrThePrimarys(t *testing.T) {
	t.Parallel()
	first, second := &Shown{OrdersOf: orders(1)}, &Shown{OrdersOf: orders(2)}
	for name, one := range map[string]struct {
		none, unnamed bool
		may           bool
		there         bool
		err           error
		want          int64 // the server that answers
		saw           string
	}{
		"no replica":               {none: true, want: 1},
		"nobody's":                 {unnamed: true, may: true, there: true, want: 1},
		"it may not answer":        {there: true, want: 1},
		"found":                    {may: true, there: true, want: 2, saw: "true <nil>"},
		"not found":                {may: true, want: 1, saw: "false <nil>"},
		"a sale it does not know":  {may: true, there: true, err: fmt.Errorf("read: %w", sale.ErrNoSale), want: 1, saw: "false <nil>"},
		"an order it has not":      {may: true, there: true, err: sale.ErrNoOrder, want: 1, saw: "false <nil>"},
		"an entry it does not has": {may: true, there: true, err: audit.ErrNoEntry, want: 1, saw: "false <nil>"},
		"an error":                 {may: true, there: true, err: io.ErrUnexpectedEOF, want: 1, saw: "false unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			saw := ""
			d := &Desk{primary: *first}
			if !one.none {
				d.cfg.Copy = &Copy{Shown: *second, Read: func(ctx context.Context, who string, read func(context.Context) (bool, error)) (time.Duration, bool) {
					if who != "olga" {
						t.Errorf("%q reads", who)
					}
					if !one.may {
						return 0, false
					}
					found, err := read(ctx)
					saw = fmt.Sprint(found, err)
					return time.Second, found && err == nil
				}}
			}
			ctx, by := ReadBy(t.Context(), "olga")
			if one.unnamed {
				ctx = t.Context()
			}
			found, err := shown(ctx, d, func(found []sale.Order) bool { return one.there }, func(ctx context.Context, on Shown) ([]sale.Order, error) {
				found, err := on.OrdersOf(ctx, 7, 1)
				if found[0].SaleID == 2 && one.err != nil {
					return nil, one.err
				}
				return found, err
			})
			if err != nil || len(found) != 1 || found[0].SaleID != one.want || saw != one.saw {
				t.Errorf("%+v of %d wanted, %v, saw %q", found, one.want, err, saw)
			}
			if old := one.want == 2; (by.Age() == time.Second) != old || (by.Age() == 0) == old {
				t.Errorf("%v old", by.Age())
			}
		})
	}
}

func orders(server int64) func(context.Context, int64, int) ([]sale.Order, error) {
	return func(_ context.Context, account int64, limit int) ([]sale.Order, error) {
		if account != 7 || limit != 1 {
			return nil, errors.New("another account")
		}
		o := sale.Order{}
		o.SaleID = server
		return []sale.Order{o}, nil
	}
}
