package consumer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/eventstest"
)

// A process that stops while it gathers copies decides those it has: nobody else may read the log until it is back, and meanwhile
// it would look as if claims were still to be decided.
func TestAProcessThatStopsDecidesTheCopiesItHasGathered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	for n := range int64(5) { // on a busy machine the copy may be taken over later than the process is stopped
		stop := w.follow(l, 0)
		w.append(0, eventstest.NewClaim(2*n+1))
		w.reaches(l, 0, 2*n+1)
		aCopy := eventstest.NewClaim(2*n + 2)
		aCopy.Beside = true
		w.append(0, aCopy)
		time.Sleep(copiesWait / 5)
		stop()
		c, err := l.Cursor(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if c.Offset == 2*n+2 {
			return
		}
	}
	t.Error("each time the copy is left in the log")
}

// Copies of claims that a process has decided beside the log wait for more of them, for copiesWait at most, and not once a claim comes that
// somebody waits for.
func TestCopiesAreGatheredAndNobodyWaitsForThem(t *testing.T) {
	aCopy := claimlog.Record{Claim: events.Claim{Kind: events.KindClaim, Beside: true}}
	aClaim := claimlog.Record{Claim: events.Claim{Kind: events.KindClaim}}
	aClose := claimlog.Record{Claim: events.Claim{Kind: events.KindClose, Beside: true}}
	unreadable := claimlog.Record{Claim: aCopy.Claim, Undecodable: errors.New("unreadable")}
	for name, c := range map[string]struct {
		taken  claimlog.Record
		come   []claimlog.Record // one after the other, a millisecond apart
		want   int
		within time.Duration
	}{
		"a claim":                   {aClaim, []claimlog.Record{aCopy}, 1, 0},
		"a close record":            {aClose, []claimlog.Record{aCopy}, 1, 0},
		"a record nobody can read":  {unreadable, []claimlog.Record{aCopy}, 1, 0},
		"a copy alone":              {aCopy, nil, 1, copiesWait},
		"copies":                    {aCopy, []claimlog.Record{aCopy, aCopy}, 3, copiesWait},
		"copies, then a claim":      {aCopy, []claimlog.Record{aCopy, aClaim, aCopy}, 3, 2 * time.Millisecond},
		"as many as a batch may be": {aCopy, []claimlog.Record{aCopy, aCopy, aCopy, aCopy}, 4, 3 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &follower{ledger: &Ledger{cfg: Config{BatchMax: 4}}}
				began := time.Now()
				got := f.gatherCopies(t.Context(), []claimlog.Record{c.taken}, func(ctx context.Context, _ int) ([]claimlog.Record, error) {
					if len(c.come) == 0 {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					time.Sleep(time.Millisecond)
					one := c.come[:1]
					c.come = c.come[1:]
					return one, nil
				})
				if len(got) != c.want || time.Since(began) != c.within {
					t.Errorf("%d records after %v, want %d after %v", len(got), time.Since(began), c.want, c.within)
				}
			})
		})
	}
}
