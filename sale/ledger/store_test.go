package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestCurrentKeysAreThoseOfThePresentGenerations(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	other := d.secondSale(5)
	d.begin(5)
	d.begin(5)
	keys, err := d.CurrentKeys(saletest.Context(t))
	if want := []sale.Key{{Sale: d.key.Sale, Generation: 3}, {Sale: other.key.Sale, Generation: 1}}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("%v, %v; want %v", keys, err, want)
	}
}

func TestOwnersAreShoppersWithALiveOrderOfThatGeneration(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	old := d.key
	made := d.decide(d.claims(1, 4)...) // the fourth is declined
	d.cancel(made.Verdicts[1].ClaimID)
	d.begin(5)
	d.decide(d.claims(7, 8)...)
	for k, want := range map[sale.Key][]int64{old: {1, 3}, d.key: {7, 8}, {Sale: d.key.Sale, Generation: 9}: nil} {
		var owners []int64
		d.Do(func(tx pgx.Tx) (err error) {
			owners, err = d.OwnersTx(t.Context(), tx, k)
			return err
		})
		slices.Sort(owners)
		if !slices.Equal(owners, want) {
			t.Errorf("owners of %v: %v, want %v", k, owners, want)
		}
	}
}

// The reconciler and verify compare them, whatever is committed meanwhile.
func TestOwnersAndCountsAgreeWithTheStockInOneSnapshot(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	d.decide(d.claims(1, 2)...)
	tx, err := d.Pool.BeginTx(saletest.Context(t), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	d.Must(err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	var taken int64
	d.Must(tx.QueryRow(t.Context(), `SELECT taken FROM stock`).Scan(&taken))
	d.decide(d.claims(3, 5)...)
	owners, err := d.OwnersTx(t.Context(), tx, d.key)
	if err != nil || int64(len(owners)) != taken {
		t.Errorf("%d owners of %d units, %v", len(owners), taken, err)
	}
	counts, err := d.CountsTx(t.Context(), tx)
	if err != nil || len(counts) != 1 || counts[0].Live != taken {
		t.Errorf("%+v of %d units, %v", counts, taken, err)
	}
}

func (d *ledgerFixture) counts() (counts []Count) {
	d.t.Helper()
	d.Do(func(tx pgx.Tx) (err error) {
		counts, err = d.CountsTx(saletest.Context(d.t), tx)
		return err
	})
	return counts
}

func TestCountsAreThoseOfLiveOrders(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	made := d.decide(d.claims(1, 4)...)
	d.cancel(made.Verdicts[3].ClaimID)
	d.cancel(made.Verdicts[0].ClaimID)
	old := d.key
	d.begin(10)
	d.decide(d.claims(1, 1)...)
	if got, want := d.counts(), []Count{{old, 2, 2, 2, 3}, {d.key, 1, 1, 1, 1}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	// The counts do not rely on the unique indexes: without those they show the second order of a shopper.
	d.Exec(`DROP INDEX orders_one_per_shopper, orders_one_per_unit`)
	d.Exec(`UPDATE orders SET user_id = 2 WHERE user_id = 3`)
	if got := d.counts()[0]; got != (Count{old, 2, 1, 2, 3}) {
		t.Errorf("two orders of one shopper: %+v", got)
	}
}

func TestAnOrderKeepsTheTimeOfItsPressAndOfItsDecision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	d.Exec(`UPDATE sales SET starts_at = starts_at - interval '1 hour'`)
	waited, before := d.claim(1, 1), d.claim(2, 1)
	waited.PressedAt = waited.PressedAt.Add(-time.Minute)
	before.V-- // its time means nothing
	made := d.decide(waited, before)
	again := d.decide(waited, before)
	found, err := d.OrdersSince(saletest.Context(t), d.key, 0)
	d.Must(err)
	slices.SortFunc(found, func(a, b sale.OrderRow) int { return int(a.UserID - b.UserID) })
	pressed := waited.PressedAt.UTC().Truncate(time.Microsecond)
	for i, want := range []struct{ pressed, shown time.Time }{{pressed, pressed}, {time.Time{}, made.Verdicts[1].At}} {
		v, repeated, row := made.Verdicts[i], again.Verdicts[i], found[i]
		if !v.PressedAt.Equal(want.pressed) || v.At.Before(waited.PressedAt.Add(time.Minute)) || !sale.ReceiptOf(&v).At.Equal(want.shown) {
			t.Errorf("verdict %+v, want a press at %s and a receipt of %s", v, want.pressed, want.shown)
		}
		if repeated.PressedAt != v.PressedAt || repeated.At != v.At {
			t.Errorf("the repeat says %+v, the first %+v", repeated, v)
		}
		if row.PressedAt != want.pressed || row.DecidedAt != v.At || row.At != want.shown {
			t.Errorf("row %+v, want a press at %s and a receipt of %s", row, want.pressed, want.shown)
		}
		d.Do(func(tx pgx.Tx) error {
			o, err := d.OrderTx(saletest.Context(t), tx, v.ClaimID)
			if o.At != want.shown {
				t.Errorf("operators see %s, want %s", o.At, want.shown)
			}
			return err
		})
	}
}

// The times belong to the generation: an ended one is compared with those that it ended with.
func TestPressesAreComparedWithTheTimesOfTheirGeneration(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	made := d.decide(d.claims(1, 3)...)
	d.cancel(made.Verdicts[2].ClaimID) // it was pressed all the same
	old := d.key
	d.begin(10)
	d.Exec(`UPDATE sales SET starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour', state = 'scheduled'`)
	d.Exec(`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at, pressed_at)
SELECT gen_random_uuid(), sale_id, 2, user_id, username, unit, 1, 9, decided_at, CASE user_id WHEN 1 THEN pressed_at END FROM orders WHERE user_id < 3`)
	var all []Presses
	d.Do(func(tx pgx.Tx) (err error) {
		all, err = d.PressesTx(saletest.Context(t), tx)
		return err
	})
	want := []Presses{{Key: old, Orders: 3, Known: 3}, {Key: d.key, Orders: 2, Known: 1, Outside: 1}}
	for i := range all {
		if all[i].StartsAt == nil || all[i].EndsAt == nil {
			t.Errorf("no times of %v", all[i].Key)
		}
		all[i].StartsAt, all[i].EndsAt = nil, nil
	}
	if !slices.Equal(all, want) {
		t.Errorf("%+v, want %+v", all, want)
	}
}

// A caller that gets an empty list instead of the error removes every owner from Redis, or reports that nothing is wrong.
func TestAReadThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	d.decideOne(d.claim(1, 1))
	ids := []uuid.UUID{d.claim(1, 1).ID}
	reads := map[string]func(ctx context.Context) error{
		"keys":     func(ctx context.Context) error { _, err := d.CurrentKeys(ctx); return err },
		"any":      func(ctx context.Context) error { _, err := d.Any(ctx); return err },
		"changes":  func(ctx context.Context) error { _, err := d.ReadChanges(ctx, nil, nil); return err },
		"verdicts": func(ctx context.Context) error { _, err := d.Verdicts(ctx, ids); return err },
		"receipts": func(ctx context.Context) error { _, err := d.LiveReceipts(ctx, d.key, []int64{1}); return err },
		"orders":   func(ctx context.Context) error { _, err := d.OrdersSince(ctx, d.key, 0); return err },
	}
	inTx := map[string]func(ctx context.Context, tx pgx.Tx) error{
		"owners":  func(ctx context.Context, tx pgx.Tx) error { _, err := d.OwnersTx(ctx, tx, d.key); return err },
		"digests": func(ctx context.Context, tx pgx.Tx) error { _, _, err := d.DigestCheckTx(ctx, tx); return err },
		"presses": func(ctx context.Context, tx pgx.Tx) error { _, err := d.PressesTx(ctx, tx); return err },
		"counts":  func(ctx context.Context, tx pgx.Tx) error { _, err := d.CountsTx(ctx, tx); return err },
		"order":   func(ctx context.Context, tx pgx.Tx) error { _, err := d.OrderTx(ctx, tx, ids[0]); return err },
		"digest":  func(ctx context.Context, tx pgx.Tx) error { _, _, err := digest(ctx, tx, d.key); return err },
	}
	for what, read := range inTx {
		reads[what] = func(ctx context.Context) error {
			tx, err := d.Pool.Begin(saletest.Context(t))
			d.Must(err)
			defer func() { _ = tx.Rollback(saletest.Context(t)) }()
			return read(ctx, tx)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for what, read := range reads {
		if err := read(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := read(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("%s without an answer: %v", what, err)
		}
	}
	// The tables are away, as in a database without the migrations.
	d.Exec(`ALTER TABLE orders RENAME TO orders_away`)
	d.Exec(`ALTER TABLE sales RENAME TO sales_away`)
	d.Exec(`ALTER TABLE generations RENAME TO generations_away`)
	for what, read := range reads {
		var refused *pgconn.PgError
		if err := read(t.Context()); !errors.As(err, &refused) {
			t.Errorf("%s without tables: %v", what, err)
		}
	}
}
