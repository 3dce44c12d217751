package ledger

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

func TestAnActOnTheCurrentSaleIsRefusedWhenAnotherSaleHasBecomeIt(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	next := d.secondSale(5)
	closeCurrent := func(tx pgx.Tx) error { return d.CloseTx(t.Context(), tx, "") }
	p := openBlockedPair(d, closeCurrent, closeCurrent)
	p.commit()
	if err := p.second(); !errors.Is(err, sale.ErrBusy) {
		t.Errorf("the second act: %v", err)
	}
	if s := d.locked(""); s.Slug != next.slug || s.State != sale.Open {
		t.Errorf("the current sale is %+v", s)
	}
}

func TestAnActThatWaitsTooLongIsRefusedAsBusy(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.Do(func(tx pgx.Tx) error {
		if _, err := d.BeginGenerationTx(t.Context(), tx, d.slug, 5); err != nil {
			return err
		}
		if _, err := d.tryBegin(7); !errors.Is(err, sale.ErrBusy) {
			t.Errorf("the second one: %v", err)
		}
		return nil
	})
}

func TestAnActOnAnUnknownSlugFindsNoSale(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.slug = "nowhere"
	total := int64(5)
	_, beginErr := d.tryBegin(total)
	for act, err := range map[string]error{
		"reset": beginErr, "pause": d.tryAct(d.PauseTx), "amend": d.tryAmend(sale.Amendment{Total: &total}), "stock": d.trySetTotal(total),
		"lock": d.Try(func(tx pgx.Tx) error { _, err := d.LockSaleTx(t.Context(), tx, d.slug); return err }),
	} {
		if !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("%s: %v", act, err)
		}
	}
	if _, err := d.Advance(t.Context(), d.slug); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("advance: %v", err)
	}
}

func TestTheRevisionGrowsWithActsOnly(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	total := int64(9)
	order := d.decideOne(d.claim(1, 1)).ClaimID
	if n := d.locked("").Revision; n != 1 {
		t.Fatalf("revision %d after a purchase, want 1", n)
	}
	for _, act := range []struct {
		name string
		do   func(tx pgx.Tx) error
	}{
		{"pause", func(tx pgx.Tx) error { return d.PauseTx(t.Context(), tx, firstSlug) }},
		{"resume", func(tx pgx.Tx) error { return d.ResumeTx(t.Context(), tx, firstSlug) }},
		{"stock", func(tx pgx.Tx) error { _, err := d.SetTotalTx(t.Context(), tx, firstSlug, 7); return err }},
		{"amend", func(tx pgx.Tx) error { return d.AmendTx(t.Context(), tx, firstSlug, sale.Amendment{Total: &total}) }},
		{"cancel", func(tx pgx.Tx) error { _, err := d.CancelTx(t.Context(), tx, order); return err }},
		{"reset", func(tx pgx.Tx) error { _, err := d.BeginGenerationTx(t.Context(), tx, firstSlug, 5); return err }},
		{"close", func(tx pgx.Tx) error { return d.CloseTx(t.Context(), tx, firstSlug) }},
	} {
		before := d.locked("")
		if err := d.Try(act.do); err != nil {
			t.Fatalf("%s: %v", act.name, err)
		}
		if after := d.locked(""); after.Revision != before.Revision+1 || after.Version <= before.Version {
			t.Errorf("%s: from %+v to %+v", act.name, before, after)
		}
	}
	// The close record closes the sale, then its start opens it.
	before := d.locked("")
	d.decide(d.CloseRecord(d.slug))
	d.Exec(`UPDATE sales SET state = 'scheduled'`)
	moved, err := d.Advance(t.Context(), d.slug)
	if after := d.locked(""); err != nil || !moved || after.State != sale.Open || after.Revision != before.Revision {
		t.Errorf("moved %v (%v): from %+v to %+v", moved, err, before, after)
	}
}

// An act that reads the sale, changes it and reads it again in one transaction sees its own change.
func TestALockedSaleShowsWhatTheTransactionHasWritten(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.Do(func(tx pgx.Tx) error {
		before, err := d.LockSaleTx(t.Context(), tx, "")
		if err != nil {
			return err
		}
		if err := d.PauseTx(t.Context(), tx, ""); err != nil {
			return err
		}
		after, err := d.LockSaleTx(t.Context(), tx, "")
		if before.State != sale.Open || after.State != sale.Paused || after.Revision != before.Revision+1 {
			t.Errorf("from %+v to %+v", before, after)
		}
		return err
	})
}

func TestALockedOrderIsReadLiveOrCancelled(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	id := d.decideOne(d.claim(1, 1)).ClaimID
	var live, cancelled sale.Order
	var after sale.Snapshot
	d.Do(func(tx pgx.Tx) (err error) {
		if _, live, err = d.LockOrderTx(t.Context(), tx, id); err != nil {
			return err
		}
		if _, err = d.CancelTx(t.Context(), tx, id); err != nil {
			return err
		}
		after, cancelled, err = d.LockOrderTx(t.Context(), tx, id)
		return err
	})
	if live.Slug != firstSlug || live.Unit != 1 || !live.CancelledAt.IsZero() {
		t.Errorf("a live order is %+v", live)
	}
	if cancelled.OrderID != id || cancelled.CancelledAt.IsZero() || after.Taken != 0 {
		t.Errorf("a cancelled order is %+v, its sale %+v", cancelled, after)
	}
	err := d.Try(func(tx pgx.Tx) error { _, _, err := d.LockOrderTx(t.Context(), tx, uuid.New()); return err })
	if !errors.Is(err, sale.ErrNoOrder) {
		t.Errorf("an unknown order: %v", err)
	}
}
