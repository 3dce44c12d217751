package consumer

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/eventstest"
)

func unlocked(context.Context, pgx.Tx) error { return nil }

func (w *world) begin() int64 {
	w.Helper()
	leftOut, err := Begin(w.Context(), w.Pool, w.log, unlocked)
	if err != nil {
		w.Fatal(err)
	}
	return leftOut
}

func TestANewLedgerBeginsAtTheEndOfAnOldLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(0, eventstest.NewClaims(3)...)
	w.append(5, eventstest.NewClaims(2)...)
	if n := w.begin(); n != 5 {
		t.Errorf("%d records are left out, want 5", n)
	}
	for partition := range claimlog.EveryPartition() {
		if n := w.Count(`SELECT count(*) FROM log_cursors WHERE log_id = $1 AND partition = $2`, w.log.ID(), partition); n != 1 {
			t.Errorf("partition %d has %d cursors", partition, n)
		}
	}
	// What comes later is after the place, whenever the followers begin.
	w.append(0, eventstest.NewClaim(9))
	if n := w.begin(); n != 0 {
		t.Errorf("%d records are left out by a ledger that has begun", n)
	}
	l := w.ledger(Config{})
	w.follow(l, 0)
	w.reaches(l, 0, 4)
	if got := w.shop.Order(t); len(got) != 1 || got[0] != 9 {
		t.Errorf("units went to %v, want to shopper 9 alone", got)
	}
	if epoch(w) != 1 {
		t.Errorf("the epoch is %d: the first place did not fit the log", epoch(w))
	}
}

func TestALedgerThatKnowsAnotherLogReadsANewOneFromItsBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Exec(sqlNewCursor, "another log", 0, 2)
	w.append(0, eventstest.NewClaims(3)...)
	if n := w.begin(); n != 0 {
		t.Errorf("%d records are left out", n)
	}
	l := w.ledger(Config{})
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	if got := w.shop.Order(t); len(got) != 3 {
		t.Errorf("units went to %v, want to all three", got)
	}
}

// A log that is replaced before the first record was read is noticed, although it is longer than the one that was left out.
func TestALogThatIsReplacedAfterTheBeginningIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(0, eventstest.NewClaims(2)...)
	w.begin()
	recreateClaims(w)
	w.append(0, eventstest.NewClaims(5)...)
	l := w.ledger(Config{})
	w.follow(l, 0)
	w.reaches(l, 0, 5)
	if got := w.shop.Order(t); len(got) != 5 {
		t.Errorf("units went to %v, want to all five", got)
	}
}

// Two instances start at once, and the first one sells before the second has looked.
func TestTwoLedgersThatBeginAtOnceHaveOnePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(0, eventstest.NewClaims(3)...)
	var mu sync.Mutex
	begun := make(chan struct{})
	lock := func(context.Context, pgx.Tx) error { mu.Lock(); return nil }
	var second int64
	var both sync.WaitGroup
	mu.Lock()
	both.Go(func() {
		close(begun)
		var err error
		if second, err = Begin(w.Context(), w.Pool, w.log, lock); err != nil {
			t.Error(err)
		}
	})
	<-begun
	first := w.begin()
	w.append(0, eventstest.NewClaim(9))
	mu.Unlock()
	both.Wait()
	if first != 3 || second != 0 {
		t.Errorf("%d and %d records are left out, want 3 and 0", first, second)
	}
	if c, err := w.ledger(Config{}).Cursor(t.Context(), 0); err != nil || c.Offset != 3 {
		t.Errorf("the place is %d (%v), want 3", c.Offset, err)
	}
}

func TestALedgerDoesNotBeginWithoutTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.log.RemoveTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(t.Context(), w.Pool, w.log, unlocked); !errors.Is(err, events.ErrLog) {
		t.Errorf("error %v", err)
	}
	if n := w.Count(`SELECT count(*) FROM log_cursors`); n != 0 {
		t.Errorf("%d cursors", n)
	}
}
