package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

func (s *realStockFixture) revision() (n int64) {
	s.t.Helper()
	s.must(s.pool.QueryRow(s.t.Context(), `SELECT revision FROM sales WHERE slug = $1`, firstSlug).Scan(&n))
	return n
}

func (s *realStockFixture) lockSaleTx(slug string) (snap sale.Snapshot, err error) {
	s.t.Helper()
	err = s.tx(func(tx pgx.Tx) error {
		snap, err = s.LockSaleTx(s.t.Context(), tx, slug)
		return err
	})
	return snap, err
}

// An operator who means the current sale does not get another one because somebody was quicker.
func TestAnActOnTheCurrentSaleRefusesAnotherThatHasBecomeIt(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.exec(`INSERT INTO sales (slug, state, starts_at, ends_at, partition, secret)
		SELECT 'next', 'open', starts_at, ends_at, partition, secret FROM sales`)
	s.exec(`INSERT INTO products SELECT (SELECT max(id) FROM sales), name, description, details, specification, important_info, images,
		price_minor, discount_minor, currency_code, currency_symbol FROM products`)
	s.exec(`INSERT INTO stock (sale_id, generation, total, version) SELECT max(id), 1, 5, 1 FROM sales`)
	waits := make(chan error, 1)
	s.must(s.tx(func(tx pgx.Tx) error {
		if err := s.CloseTx(t.Context(), tx, ""); err != nil {
			return err
		}
		go func() { waits <- s.tx(func(tx pgx.Tx) error { return s.CloseTx(t.Context(), tx, "") }) }()
		for n := 0; n == 0; time.Sleep(time.Millisecond) {
			s.must(s.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN
				(SELECT pid FROM pg_locks JOIN pg_class c ON c.oid = relation JOIN pg_namespace n ON n.oid = relnamespace AND nspname = $1)`, s.schema).Scan(&n))
		}
		return nil
	}))
	if err := <-waits; !errors.Is(err, sale.ErrBusy) {
		t.Errorf("the second act gave %v", err)
	}
	if next, err := s.lockSaleTx(""); err != nil || next.Slug != "next" || next.State != sale.Open {
		t.Errorf("the next sale is %+v (%v)", next, err)
	}
}

func TestTheRevisionGrowsWithActsAndWithNothingElse(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	total := int64(9)
	order := s.decideOne(s.claim(1, 1, 1)).ClaimID
	if n := s.revision(); n != 1 {
		t.Fatalf("a purchase moved the revision to %d", n)
	}
	for _, act := range []struct {
		name string
		do   func(tx pgx.Tx) error
	}{
		{"pause", func(tx pgx.Tx) error { return s.PauseTx(t.Context(), tx, firstSlug) }},
		{"resume", func(tx pgx.Tx) error { return s.ResumeTx(t.Context(), tx, firstSlug) }},
		{"stock", func(tx pgx.Tx) error { _, err := s.SetTotalTx(t.Context(), tx, firstSlug, 7); return err }},
		{"amend", func(tx pgx.Tx) error { return s.AmendTx(t.Context(), tx, firstSlug, sale.Amendment{Total: &total}) }},
		{"cancel", func(tx pgx.Tx) error { _, err := s.CancelTx(t.Context(), tx, order); return err }},
		{"reset", func(tx pgx.Tx) error { _, err := s.BeginGenerationTx(t.Context(), tx, firstSlug, 5); return err }},
		{"close", func(tx pgx.Tx) error { return s.CloseTx(t.Context(), tx, firstSlug) }},
	} {
		var before, after sale.Snapshot
		s.must(s.tx(func(tx pgx.Tx) (err error) {
			if before, err = s.LockSaleTx(t.Context(), tx, ""); err != nil {
				return err
			}
			if err := act.do(tx); err != nil {
				return fmt.Errorf("%s: %w", act.name, err)
			}
			after, err = s.LockSaleTx(t.Context(), tx, "")
			return err
		}))
		if after.Revision != before.Revision+1 || after.Version <= before.Version {
			t.Errorf("%s: from %+v to %+v", act.name, before, after)
		}
	}
	// The ledger closes it, and then its times move it.
	seen := s.revision()
	var version int64
	s.must(s.pool.QueryRow(t.Context(), `SELECT closing_version FROM sales`).Scan(&version))
	record := closeOf(sale.Key{Sale: s.id, Generation: 2}, version)
	record.ID = sale.CloseID(s.secret, 2, version)
	s.decide(events.FromLog, record)
	s.exec(`UPDATE sales SET state = 'scheduled'`)
	moved, err := s.Advance(t.Context(), firstSlug)
	if err != nil || !moved || s.revision() != seen {
		t.Errorf("moved %v (%v), revision %d, was %d", moved, err, s.revision(), seen)
	}
}

func TestAnOrderIsReadWhateverBecameOfIt(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	id := s.decideOne(s.claim(1, 1, 1)).ClaimID
	var live, gone sale.Order
	var at sale.Snapshot
	s.must(s.tx(func(tx pgx.Tx) (err error) {
		if _, live, err = s.LockOrderTx(t.Context(), tx, id); err != nil {
			return err
		}
		if _, err = s.CancelTx(t.Context(), tx, id); err != nil {
			return err
		}
		at, gone, err = s.LockOrderTx(t.Context(), tx, id)
		return err
	}))
	if live.Slug != firstSlug || live.Unit != 1 || !live.CancelledAt.IsZero() {
		t.Errorf("a live order is %+v", live)
	}
	if gone.OrderID != id || gone.CancelledAt.IsZero() || at.Taken != 0 {
		t.Errorf("a cancelled order is %+v, its sale %+v", gone, at)
	}
	err := s.tx(func(tx pgx.Tx) error { _, _, err := s.LockOrderTx(t.Context(), tx, uuid.New()); return err })
	if !errors.Is(err, sale.ErrNoOrder) {
		t.Errorf("an order that is not there: %v", err)
	}
}
