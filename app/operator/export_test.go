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

// MomentChecks are those of what is read of Postgres at one moment: I1, I2, I7 and I8.
func (o *Acts) MomentChecks(ctx context.Context) ([]Check, error) {
	m, err := o.readMoment(ctx)
	return []Check{unitsCheck(m.counts, m.levels), shoppersCheck(m.counts), historyCheck(m.changed, m.undigested, m.historyErr),
		pressesCheck(m.presses)}, err
}

func (o *Acts) HoldersCheck(ctx context.Context) Check { return o.holdersCheck(ctx) }
func (o *Acts) LogCheck(ctx context.Context) Check     { return o.logCheck(ctx) }

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
