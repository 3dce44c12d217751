package consumer

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestDirectClaimsGetTheirVerdictsInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claims := eventstest.NewClaims(20)
	verdicts, err := w.ledger(Config{}).Decide(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.ClaimID != claims[i].ID || v.Outcome != events.Ordered || !v.Fresh || v.Unit == 0 {
			t.Errorf("claim %d got %+v", i, v)
		}
	}
	if n := w.Count(`SELECT count(*) FROM log_cursors`); n != 0 {
		t.Error("the direct path moved a cursor")
	}
}

func TestAClaimOnBothPathsHasOneVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	claims := eventstest.NewClaims(60)
	w.follow(l, 0)
	direct := make(chan error, 3)
	for i := range 3 {
		part := claims[i*20 : (i+1)*20]
		go func() { _, err := l.Decide(t.Context(), part); direct <- err }()
		w.append(0, part...)
	}
	for range 3 {
		if err := <-direct; err != nil {
			t.Error(err)
		}
	}
	w.reaches(l, 0, 60)
	if n := w.Count(`SELECT count(*) FROM shop`); n != 60 {
		t.Errorf("%d verdicts for 60 claims", n)
	}
	for _, c := range claims {
		w.Eventually("both paths have told", func() bool { return len(w.shop.Told(c.ID)) == 2 })
		if told := w.shop.Told(c.ID); told[0].Unit != told[1].Unit || told[0].Fresh == told[1].Fresh {
			t.Fatalf("one claim was told %+v", told)
		}
	}
}

func TestOnlySoManyDirectDecisionsRunAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	w.shop.Before = func(events.Source, []events.Claim) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	l := w.ledger(Config{DirectMax: 1, DirectTimeout: 5 * time.Second})
	first := make(chan error, 1)
	go func() { _, err := l.Decide(t.Context(), eventstest.NewClaims(1)); first <- err }()
	<-entered
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Decide(short, eventstest.NewClaims(1)); !errors.Is(err, ErrBusy) {
		t.Errorf("the second one got %v, want ErrBusy", err)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestDirectDecisionEndsByItsDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	locked, err := w.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = locked.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := locked.Exec(t.Context(), `SELECT 1 FROM shop_lock FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	l := w.ledger(Config{DirectTimeout: 100 * time.Millisecond})
	if _, err := l.Decide(t.Context(), eventstest.NewClaims(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestDecideWithoutClaimsDoesNothing(t *testing.T) {
	t.Parallel()
	if v, err := (&Ledger{}).Decide(t.Context(), nil); v != nil || err != nil {
		t.Errorf("got %v (%v)", v, err)
	}
}

func TestADeciderThatLeavesOutAVerdictIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := New(w.Pool, w.log, oneVerdictShort{w.shop}, Config{})
	if _, err := l.Decide(t.Context(), eventstest.NewClaims(2)); err == nil {
		t.Error("two claims, one verdict, and no error")
	}
	if n := w.Count(`SELECT count(*) FROM shop`); n != 0 {
		t.Error("it was committed all the same")
	}
}

type oneVerdictShort struct{ *eventstest.Shop }

func (f oneVerdictShort) Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	rule := f.Shop.Prepare(reads, src, claims)
	return func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (events.Decision, error) {
		d, err := rule(ctx, tx, writes)
		if err == nil {
			d.Verdicts = d.Verdicts[1:]
		}
		return d, err
	}
}
