package ledger

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events"
	"flashsale/sale"
)

func TestACancelledOrderReturnsItsUnit(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	order := d.decideOne(d.claim(11, 1)).ClaimID
	before := d.PostedCount()
	if r := d.cancel(order); r.UserID != 11 || r.Unit != 1 {
		t.Errorf("cancelled %+v", r)
	}
	if types := d.PostedTypes(before); types[events.TypeOrderCancelled] != 1 || types[events.TypeStockChanged] != 1 {
		t.Errorf("messages %v", types)
	}
	if v := d.decideOne(d.claim(12, 1)); v.Outcome != events.Ordered || v.Unit != 1 {
		t.Errorf("the next shopper got %+v", v)
	}
	d.verify()
}

func TestASecondCancelReturnsTheReceiptAndChangesNothing(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	order := d.decideOne(d.claim(11, 1)).ClaimID
	first := d.cancel(order)
	messages, level := d.PostedCount(), d.level()
	again, err := d.tryCancel(order)
	if !errors.Is(err, sale.ErrAlreadyCancelled) || again != first || again.UserID != 11 {
		t.Errorf("again: %+v, %v; the first time %+v", again, err, first)
	}
	if d.PostedCount() != messages || d.level() != level {
		t.Errorf("a repeat posted %+v, and the stock is %+v", d.Posted(messages), d.level())
	}
}

func TestACancelOfWhatIsNoOrderIsRefused(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 0)
	declined := d.decideOne(d.claim(12, 1))
	for what, id := range map[string]uuid.UUID{"an unknown id": uuid.New(), "a declined claim": declined.ClaimID} {
		if r, err := d.tryCancel(id); !errors.Is(err, sale.ErrNoOrder) || r != (sale.Receipt{}) {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}

// Decisions lock stock rows by generation ascending. A cancel that locks the row of the present generation before that of an
// older one can wait for a decision that waits for the cancel.
func TestACancelInAnOlderGenerationLocksNoStockOfTheNewer(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	old := d.key
	order := d.decideOne(d.claim(11, 1)).ClaimID
	d.begin(5)
	lock := func(tx pgx.Tx, k sale.Key) error {
		_, err := d.stock.LockTx(t.Context(), tx, []sale.Key{k})
		return err
	}
	p := openBlockedPair(d, func(tx pgx.Tx) error { return lock(tx, old) }, func(tx pgx.Tx) error {
		_, err := d.CancelTx(t.Context(), tx, order)
		return err
	})
	d.Must(lock(p.first, d.key))
	p.commit()
	d.Must(p.second())
	d.digestAll()
	d.verify()
}

func TestACancelThatWaitsForADigestLocksNoStock(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	order := d.decideOne(d.claim(11, 1)).ClaimID
	d.begin(5)
	p := openBlockedPair(d, func(digesting pgx.Tx) error {
		var k sale.Key
		return digesting.QueryRow(t.Context(), sqlUndigested).Scan(&k.Sale, &k.Generation)
	}, func(tx pgx.Tx) error {
		_, err := d.CancelTx(t.Context(), tx, order)
		return err
	})
	d.Exec(`SELECT 1 FROM stock FOR UPDATE NOWAIT`)
	if err := p.second(); !errors.Is(err, sale.ErrBusy) {
		t.Errorf("a cancel that waited for too long: %v", err)
	}
	p.commit()
	d.cancel(order)
	d.digestAll()
	d.verify()
}

// Batches have claims of two generations, as the log and the direct path bring them after a reset. At the same time orders of
// both generations are cancelled, those of the present one twice.
func TestCancelsAndDecisionsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	const orders = 120
	d := openLedger(t, 2*orders)
	old := d.claims(1, orders)
	d.decide(old...)
	d.begin(2 * orders)
	var deadlocks, batches atomic.Int64
	count := func(err error) {
		if isDeadlock(err) {
			deadlocks.Add(1)
		}
	}
	cancels := make(chan uuid.UUID, 5*orders)
	for _, c := range old {
		cancels <- c.ID
	}
	var paths, operators sync.WaitGroup
	for path := range int64(2) {
		paths.Go(func() {
			for n := range int64(orders) {
				late, fresh := d.claimIn(1, 1_000*(path+1)+n, 1), d.claimIn(2, orders*path+n+1, 1)
				err := d.tryDecide(fresh, old[n], late)
				if count(err); err == nil {
					batches.Add(1)
					cancels <- fresh.ID
					cancels <- fresh.ID
				}
			}
		})
	}
	for range 3 {
		operators.Go(func() {
			for id := range cancels {
				_, err := d.tryCancel(id)
				if count(err); err != nil && !errors.Is(err, sale.ErrAlreadyCancelled) && !errors.Is(err, sale.ErrBusy) {
					t.Errorf("cancel: %v", err)
				}
			}
		})
	}
	paths.Wait()
	close(cancels)
	operators.Wait()
	if n := deadlocks.Load(); n > 0 || batches.Load() < 2*orders {
		t.Errorf("%d deadlocks in %d batches", n, batches.Load())
	}
	d.digestAll()
	d.verify()
}

func isDeadlock(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "40P01"
}
