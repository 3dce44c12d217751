package consumer

import (
	"errors"
	"strings"
	"testing"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// wantSettled checks whether all of partition 0 is decided, and returns the epoch.
func (w *world) wantSettled(l *Ledger, when string, want bool) int64 {
	w.Helper()
	epoch, settled, err := l.Settled(w.Context(), 0)
	if err != nil || settled != want {
		w.Errorf("%s: settled %v, %v; want %v", when, settled, err, want)
	}
	return epoch
}

func TestALogIsSettledWhenAllThatItHoldsIsDecided(t *testing.T) {
	t.Parallel()
	for name, grown := range map[string]int{"shorter": 2, "as long": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.wantSettled(w.ledger(Config{}), "never read", false)
			l := w.decided(3)
			before := w.wantSettled(l, "all decided", true)
			recreateClaims(w)
			w.append(0, eventstest.NewClaims(grown)...)
			w.wantSettled(l, "a new log that nobody has read", false)
			w.follow(l, 0)
			w.Eventually("the new log is read", func() bool {
				_, settled, err := l.Settled(w.Context(), 0)
				return err == nil && settled
			})
			if after := w.wantSettled(l, "the new log", true); after == before {
				t.Errorf("the epoch is %d as it was before", after)
			}
		})
	}
}

func TestALogWithUndecidedRecordsIsNotSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.decided(3)
	w.append(0, eventstest.NewClaims(1)...)
	w.wantSettled(l, "one more record", false)
}

// A partition that no sale has is no reason to connect again, because no server is asked about it.
func TestAPartitionThatNoSaleHasIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	for _, partition := range []int{-1, events.Partitions, 9999} {
		if _, _, err := l.Settled(t.Context(), partition); !errors.Is(err, events.ErrLog) || !strings.Contains(err.Error(), "there is no partition") {
			t.Errorf("partition %d: %v", partition, err)
		}
	}
}
