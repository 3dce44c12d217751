package consumer

import (
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events/claimlog"
	"flashsale/events/eventstest"
)

// recreateClaims deletes the claims topic and makes it again, as an operator does, or as happens after the loss of a
// disk.
func recreateClaims(w *world) {
	w.Helper()
	topic := w.log.ClaimsTopic()
	if _, err := w.client().DeleteTopics(w.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}}); err != nil {
		w.Fatal(err)
	}
	w.Eventually("the topic is new", func() bool {
		brokers, id := embeddedtest.Kafka(w)
		again, err := claimlog.Open(w.Context(), claimlog.Config{Brokers: brokers, LogID: id, Namespace: w.Schema, Logger: eventstest.Quiet()})
		if err != nil {
			return false
		}
		defer func() { _ = again.Close() }()
		_, end, err := again.Range(w.Context(), 0)
		return err == nil && end == 0
	})
}

// decided is a ledger that has decided that many claims of partition 0 and no longer follows it.
func (w *world) decided(claims int) *Ledger {
	w.Helper()
	l := w.ledger(Config{})
	stop := w.follow(l, 0)
	w.append(0, eventstest.NewClaims(claims)...)
	w.reaches(l, 0, int64(claims))
	stop()
	return l
}

func epoch(w *world) int {
	w.Helper()
	return w.Count(`SELECT epoch FROM log_cursors WHERE log_id = $1 AND partition = 0`, w.log.ID())
}

func TestARecreatedTopicIsNoticedEvenPastTheCursor(t *testing.T) {
	t.Parallel()
	for name, grown := range map[string]int{"shorter": 2, "as long": 3, "longer": 9} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			l := w.ledger(Config{})
			stop := w.follow(l, 0)
			w.append(0, eventstest.NewClaims(3)...)
			w.reaches(l, 0, 3)
			stop()
			recreateClaims(w)
			w.append(0, eventstest.NewClaims(grown)...)
			w.follow(l, 0)
			w.Eventually("all claims of the new log are decided", func() bool {
				return w.Count(`SELECT count(*) FROM shop`) == 3+grown
			})
			w.reaches(l, 0, int64(grown))
			if e := epoch(w); e != 2 {
				t.Errorf("the epoch is %d, want 2", e)
			}
		})
	}
}

func TestATopicThatIsDeletedWhileALedgerRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	w.Start(l.Run)
	w.append(0, eventstest.NewClaims(3)...)
	w.reaches(l, 0, 3)
	topic := w.log.ClaimsTopic()
	if _, err := w.client().DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}}); err != nil {
		t.Fatal(err)
	}
	// Deleting takes a moment: the first of these may still go to the old topic and vanish with it.
	w.Eventually("appending brings the topic back and the ledger begins anew", func() bool {
		_, _ = w.log.Append(t.Context(), 0, eventstest.NewClaims(1))
		return epoch(w) > 1
	})
	last := eventstest.NewClaim(1)
	w.append(0, last)
	w.Eventually("the new topic's claims are decided", func() bool {
		return w.Count(`SELECT count(*) FROM shop WHERE claim_id = $1`, last.ID) == 1
	})
}

func TestACursorOutsideTheLogStartsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	claims := eventstest.NewClaims(3)
	w.append(0, claims...)
	if _, err := w.Pool.Exec(t.Context(), sqlNewCursor, w.log.ID(), 0, 500); err != nil {
		t.Fatal(err)
	}
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	if got := w.shop.Order(t); !slices.Equal(got, []int64{1, 2, 3}) || epoch(w) != 2 {
		t.Errorf("units went to %v in epoch %d", got, epoch(w))
	}
}

func TestACursorThatFitsTheLogIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.decided(3)
	p, err := l.resume(t.Context(), 0)
	if err != nil || p.next != 3 || p.epoch != 1 {
		t.Errorf("resume gave %+v (%v)", p, err)
	}
	if n := w.Count(`SELECT count(*) FROM log_cursors`); n != 1 {
		t.Errorf("%d cursors", n)
	}
}

func TestCursorsOfAnotherLogDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	if _, err := w.Pool.Exec(t.Context(), sqlNewCursor, "another log", 0, 2); err != nil {
		t.Fatal(err)
	}
	w.append(0, eventstest.NewClaims(3)...)
	if c, err := l.Cursor(t.Context(), 0); err != nil || c != (Cursor{}) {
		t.Errorf("before the first claim the cursor is %+v (%v)", c, err)
	}
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	if n := w.Count(`SELECT count(*) FROM shop`); n != 3 {
		t.Errorf("%d verdicts for 3 claims", n)
	}
}

func TestCursorSaysWhenItMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	var before, after time.Time
	now := func(at *time.Time) {
		if err := w.Pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(at); err != nil {
			t.Fatal(err)
		}
	}
	now(&before)
	w.append(0, eventstest.NewClaim(1))
	w.follow(l, 0)
	w.reaches(l, 0, 1)
	now(&after)
	c, err := l.Cursor(t.Context(), 0)
	if err != nil || c.MovedAt.Before(before) || c.MovedAt.After(after) {
		t.Errorf("it moved at %v (%v), not between %v and %v", c.MovedAt, err, before, after)
	}
}
