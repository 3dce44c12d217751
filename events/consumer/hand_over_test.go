package consumer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// inTheLog are the shoppers of partition 0's claims, in the order of the log.
func (w *world) inTheLog(n int) (users []int64) {
	w.Helper()
	for offset := int64(0); int(offset) < n; {
		records, err := w.log.Fetch(w.Context(), 0, offset)
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range records {
			users = append(users, r.Claim.UserID)
			offset = r.Offset + 1
		}
	}
	return users
}

// The claims are taken over, fetched, or both in turn. The verdicts are those of the log's order each time.
func TestVerdictsAreTheSameWhicheverWayTheClaimsCome(t *testing.T) {
	t.Parallel()
	own := func() bool { return true }
	other := func() bool { return false }
	mixed := func() bool { return rand.N(2) == 0 }
	for name, writes := range map[string]func() bool{"taken over": own, "fetched": other, "mixed": mixed} {
		for _, alone := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, alone %v", name, alone), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				elsewhere := w.openLog(eventstest.Quiet())
				l := w.ledger(Config{Alone: func() bool { return alone }})
				w.follow(l, 0)
				const writers, each = 4, 40
				var writing sync.WaitGroup
				for i := range writers {
					writing.Go(func() {
						for j := range each {
							log := elsewhere
							if writes() {
								log = w.log
							}
							if _, err := log.Append(t.Context(), 0, []events.Claim{eventstest.NewClaim(int64(1 + i*each + j))}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				writing.Wait()
				w.reaches(l, 0, writers*each)
				if got, want := w.shop.Order(t), w.inTheLog(writers*each); !slices.Equal(got, want) {
					t.Errorf("units went to %v, the log has %v", got, want)
				}
				w.once(writers * each)
			})
		}
	}
}

// once checks that every claim of partition 0 has one verdict and that it was told once.
func (w *world) once(n int) {
	w.Helper()
	if got := w.Count(`SELECT count(*) FROM shop`); got != n {
		w.Errorf("%d verdicts for %d claims", got, n)
	}
	for offset := int64(0); int(offset) < n; {
		records, err := w.log.Fetch(w.Context(), 0, offset)
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range records {
			w.Eventually("it is told", func() bool { return len(w.shop.Told(r.Claim.ID)) > 0 })
			if told := w.shop.Told(r.Claim.ID); len(told) != 1 {
				w.Errorf("the verdict on the claim at %d was told %d times", r.Offset, len(told))
			}
			offset = r.Offset + 1
		}
	}
}
