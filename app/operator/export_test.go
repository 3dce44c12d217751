package operator

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/inventory"
	"flashsale/sale/ledger"
)

// The tests of Verify start the product, which needs this package; so they see it from outside, and these single checks
// through here.

func (o *Acts) OrdersChecks(ctx context.Context) (units, shoppers Check, err error) {
	return o.ordersChecks(ctx)
}

func (o *Acts) HoldersCheck(ctx context.Context) Check { return o.holdersCheck(ctx) }
func (o *Acts) LogCheck(ctx context.Context) Check     { return o.logCheck(ctx) }
func (o *Acts) HistoryCheck(ctx context.Context) Check { return o.historyCheck(ctx) }

func (o *Acts) WaitFor(patience time.Duration) { o.patience = patience }

// Without says what it means that those shoppers had a place and no order in every comparison.
func (o *Acts) Without(ctx context.Context, k inventory.Key, shoppers []int64, err error) Check {
	stayed := differences{}
	for _, user := range shoppers {
		stayed[difference{key: k, kind: placeWithoutOrder, user: user}] = true
	}
	return o.unsettled(ctx, Check{State: Unknown}, stayed, err)
}

// Present is the generation on sale.
func (o *Acts) Present(t *testing.T) inventory.Key {
	t.Helper()
	keys, err := o.sales.CurrentKeys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d sales (%v)", len(keys), err)
	}
	return inventory.Key(keys[0])
}

// BeginUnseen begins a generation and tells no process.
func (o *Acts) BeginUnseen(ctx context.Context, slug string) error {
	return pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) error {
		_, err := o.sales.BeginGenerationTx(ctx, tx, slug, ledger.KeepTotal)
		return err
	})
}
