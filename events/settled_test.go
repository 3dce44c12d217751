package events

import "testing"

// wantSettled asks whether all of partition 0 is decided, and answers with the epoch.
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
			w.wantSettled(w.ledger(LedgerConfig{}), "never read", false)
			l := w.decided(3)
			before := w.wantSettled(l, "all decided", true)
			recreateClaims(w)
			w.append(0, newClaims(grown)...)
			w.wantSettled(l, "a new log that nobody has read", false)
			w.follow(l, 0)
			w.eventually("the new log is read", func() bool {
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
	w.append(0, newClaims(1)...)
	w.wantSettled(l, "one more record", false)
}
