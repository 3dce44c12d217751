package checkout

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

func TestWithoutRedisEachProcessAdmitsItsShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ left, processes, share int }{{1, 1, 1}, {7, 1, 7}, {7, 2, 4}, {8, 2, 4}, {9, 4, 3}, {1, 5, 1}, {3, 0, 3}} {
		t.Run(fmt.Sprintf("%d left, %d processes", c.left, c.processes), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSimulatedServers(t, int64(c.left)+1)
				s.ledger.sell(s.accounts.shopper("cleo"), sale.PurchaseRequest{})
				p := s.process(t, func(d *Deps) { d.Live = func() int { return c.processes } })
				s.addShoppers(30)
				s.places.fails(fmt.Errorf("%w: breaker open", sale.ErrUnavailable))
				s.ledger.cursor = func() (int64, time.Time) { return 0, time.Now() }
				s.log.pauseConsumer()
				kinds, answers := p.buyAll(30, func(i int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: fmt.Sprintf("s%d", i)} })
				if kinds[sale.Pending] != c.share || kinds[sale.Overloaded] != 30-c.share {
					t.Fatalf("answers %v, want %d admitted", kinds, c.share)
				}
				for _, a := range answers {
					if a.Kind == sale.Overloaded && (a.RetryAfter < 2*time.Second || a.RetryAfter >= 5*time.Second) {
						t.Errorf("press again after %v", a.RetryAfter)
					}
				}
				if a := p.press("cleo"); a.Kind != sale.AlreadyBought {
					t.Errorf("an owner beyond the share got %s", a.Kind)
				}
				// Their requests are answered, but the log has their claims, so they still count.
				if a := p.press("anna"); a.Kind != sale.Overloaded {
					t.Errorf("another shopper got %s while all of the share is undecided", a.Kind)
				}
				s.log.resumeConsumer()
				synctest.Wait()
				if len(p.pending.shares) != 0 || p.pending.count.Load() != 0 {
					t.Errorf("shares %v after the verdicts", p.pending.shares)
				}
			})
		})
	}
}

// A claim that the log did not take leaves the share with its request.
func TestAClaimThatTheLogDidNotTakeLeavesTheShare(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.places.fails(sale.ErrUnavailable)
		s.log.fails(errAway)
		s.ledger.fails(errAway)
		for range 5 {
			if a := p.press("anna"); a.Kind != sale.Unavailable {
				t.Fatalf("got %s", a.Kind)
			}
		}
		s.ledger.fails(nil)
		if a := p.press("ben"); a.Kind != sale.Bought {
			t.Errorf("when the ledger is back: %s", a.Kind)
		}
	})
}
