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
	"flashsale/sale/saletest"
)

// cancel takes an order back in a transaction of its own.
func (s *realStockFixture) cancel(id uuid.UUID) (r sale.Receipt, err error) {
	err = s.tx(func(tx pgx.Tx) error {
		r, err = s.CancelTx(s.t.Context(), tx, id)
		return err
	})
	return r, err
}

// cancelling takes an order back on a connection of its own and says which backend does it.
func (s *realStockFixture) cancelling(id uuid.UUID) (backend uint32, done <-chan error) {
	began, ended := make(chan uint32, 1), make(chan error, 1)
	go func() {
		ended <- pgx.BeginFunc(s.t.Context(), s.pool, func(tx pgx.Tx) error {
			began <- tx.Conn().PgConn().PID()
			_, err := s.CancelTx(s.t.Context(), tx, id)
			return err
		})
	}()
	return <-began, ended
}

// waits is reached when that backend waits for a lock of another transaction.
func (s *realStockFixture) waits(backend uint32) {
	s.t.Helper()
	saletest.InTime(s.t, "the cancel to wait for a lock", func() bool {
		var waits bool
		s.must(s.pool.QueryRow(s.t.Context(), `SELECT coalesce(wait_event_type = 'Lock', false) FROM pg_stat_activity WHERE pid = $1`,
			backend).Scan(&waits))
		return waits
	})
}

// The ledger locks stock rows by generation ascending. A cancel that has locked the present one's while it waits for an
// older one's waits for a ledger that waits for it.
func TestACancelOfAnOlderGenerationKeepsTheLockOrder(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	old := s.decideOne(s.claim(1, 11, 1)).ClaimID
	_, err := s.begin(5)
	s.must(err)
	var done <-chan error
	s.must(s.tx(func(tx pgx.Tx) error {
		lock := func(generation int64) error {
			_, err := s.stock.LockTx(t.Context(), tx, []sale.Key{{Sale: s.id, Generation: generation}})
			return err
		}
		if err := lock(1); err != nil {
			return err
		}
		var backend uint32
		backend, done = s.cancelling(old)
		s.waits(backend)
		return lock(2)
	}))
	s.must(<-done)
	s.digested()
	s.whole()
}

// A digest of a large generation takes its time. Who waits for it must not keep the ledger out meanwhile.
func TestACancelThatWaitsForADigestLocksNoStock(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	old := s.decideOne(s.claim(1, 11, 1)).ClaimID
	_, err := s.begin(5)
	s.must(err)
	s.must(s.tx(func(digesting pgx.Tx) error {
		var k sale.Key
		if err := digesting.QueryRow(t.Context(), sqlUndigested).Scan(&k.Sale, &k.Generation); err != nil {
			return err
		}
		backend, done := s.cancelling(old)
		s.waits(backend)
		s.exec(`SELECT 1 FROM stock WHERE sale_id = $1 FOR UPDATE NOWAIT`, s.id)
		if err := <-done; !errors.Is(err, sale.ErrBusy) {
			t.Errorf("a cancel that waited for too long: %v", err)
		}
		return nil
	}))
	_, err = s.cancel(old)
	s.must(err)
	s.digested()
	s.whole()
}

// Claims of two generations in one batch, as the log and the direct path bring them after a reset, against cancels of
// the older one, of the present one, and of the same order twice.
func TestCancelsAndTheLedgerNeverWaitForEachOther(t *testing.T) {
	t.Parallel()
	const orders = 120
	s := newRealStock(t, 2*orders)
	var old []events.Claim
	for user := range int64(orders) {
		old = append(old, s.claim(1, user+1, 1))
	}
	s.decide(events.FromLog, old...)
	_, err := s.begin(2 * orders)
	s.must(err)

	var deadlocks, batches atomic.Int64
	seen := func(err error) {
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "40P01" {
			deadlocks.Add(1)
		}
	}
	cancels := make(chan uuid.UUID, 5*orders)
	for _, c := range old {
		cancels <- c.ID
	}
	var ledger, operators sync.WaitGroup
	for path := range int64(2) {
		ledger.Go(func() {
			for n := range int64(orders) {
				late, fresh := s.claim(1, 1_000*(path+1)+n, 1), s.claim(2, orders*path+n+1, 1)
				err := s.tx(func(tx pgx.Tx) error {
					_, err := s.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{fresh, old[n], late})
					return err
				})
				if seen(err); err == nil {
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
				_, err := s.cancel(id)
				if seen(err); err != nil && !errors.Is(err, sale.ErrAlreadyCancelled) && !errors.Is(err, sale.ErrBusy) {
					t.Errorf("cancel: %v", err)
				}
			}
		})
	}
	ledger.Wait()
	close(cancels)
	operators.Wait()
	if n := deadlocks.Load(); n > 0 || batches.Load() < 2*orders {
		t.Errorf("%d deadlocks in %d batches", n, batches.Load())
	}
	s.digested()
	s.whole()
}

func TestACancelTellsItsRepeat(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	order := s.decideOne(s.claim(1, 11, 1)).ClaimID
	first, err := s.cancel(order)
	s.must(err)
	s.outbox.drain()
	before := s.level()
	again, err := s.cancel(order)
	if !errors.Is(err, sale.ErrAlreadyCancelled) || again != first || again.UserID != 11 {
		t.Errorf("again: %+v, %v; the first time %+v", again, err, first)
	}
	if told := s.outbox.drain(); len(told) > 0 || s.level() != before {
		t.Errorf("a repeat changed %v, %+v", told, s.level())
	}
	declined := s.claim(1, 12, 1)
	s.exec(`UPDATE sales SET state = 'paused'`)
	s.decideOne(declined)
	for what, id := range map[string]uuid.UUID{"unknown": uuid.New(), "declined": declined.ID} {
		if r, err := s.cancel(id); !errors.Is(err, sale.ErrNoOrder) || r != (sale.Receipt{}) {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}

func (s *realStockFixture) level() sale.Level {
	s.t.Helper()
	levels, err := s.stock.Levels(s.t.Context(), []sale.Key{{Sale: s.id, Generation: 1}})
	if err != nil || len(levels) != 1 {
		s.t.Fatalf("levels %v, %v", levels, err)
	}
	return levels[0]
}
