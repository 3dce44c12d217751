package checkout

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

func TestFourHundredRequestsOfOneShopperBuyOneUnit(t *testing.T) {
	t.Parallel()
	request := func(int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: "anna"} }
	check := func(t *testing.T, s *simulatedServers, p *process) {
		kinds, answers := p.buyAll(400, request)
		if kinds[sale.Bought] != 1 || kinds[sale.AlreadyBought] != 399 {
			t.Fatalf("answers %v", kinds)
		}
		for _, a := range answers {
			if a.Receipt.OrderID != answers[0].Receipt.OrderID || a.Receipt.Unit != 1 {
				t.Fatalf("two receipts: %+v and %+v", a.Receipt, answers[0].Receipt)
			}
		}
		if p.pending.count.Load() != 0 || len(p.pending.shares) != 0 {
			t.Errorf("%d pending claims are left over, shares %v", p.pending.count.Load(), p.pending.shares)
		}
		if s.ledger.state.Levels[saleKey].Taken != 1 {
			t.Error("more than one unit is gone")
		}
	}
	t.Run("all parts work", func(t *testing.T) { inFakeTime(t, 10, check) })
	t.Run("the servers take their time", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.takes(4 * time.Millisecond)
			s.ledger.cursorFault.fails(nil)
			check(t, s, p)
		})
	})
	t.Run("another process decides, and its messages are lost", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.ledger.losesDecisions(true)
			p.run(t)
			check(t, s, p)
		})
	})
	t.Run("Redis is away", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.fails(sale.ErrUnavailable)
			check(t, s, p)
		})
	})
	t.Run("the log is away", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.fails(errAway)
			check(t, s, p)
		})
	})
	t.Run("everything but the ledger is away, and Redis says so late", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			n, mu := 0, sync.Mutex{}
			s.log.fails(errAway)
			s.places.acts(func(context.Context) error {
				mu.Lock()
				n++
				late := time.Duration(n%7) * time.Millisecond
				mu.Unlock()
				time.Sleep(late)
				return sale.ErrUnavailable
			})
			check(t, s, p)
		})
	})
}

func TestMoreShoppersThanUnits(t *testing.T) {
	inFakeTime(t, 20, func(t *testing.T, s *simulatedServers, p *process) {
		p.run(t)
		s.addShoppers(300)
		s.places.limit = 40 // more places than units, as in a Redis that is out of date
		kinds, answers := p.buyAll(300, func(i int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: fmt.Sprintf("s%d", i)} })
		units := make(map[int64]bool)
		for _, a := range answers {
			switch {
			case a.Kind == sale.Bought:
				units[a.Receipt.Unit] = true
			case a.Reason != sale.ReasonSoldOut && a.Reason != sale.ReasonAllClaimed:
				t.Errorf("a loser got %s %q", a.Kind, a.Reason)
			case a.Reason == sale.ReasonSoldOut && a.Sale.Left() != 0:
				t.Errorf("sold out with %d left", a.Sale.Left())
			}
		}
		if kinds[sale.Bought] != 20 || kinds[sale.Refused] != 280 || len(units) != 20 {
			t.Errorf("answers %v, %d units", kinds, len(units))
		}
		synctest.Wait()
		if n := len(s.places.holders[saleKey]); n != 20 {
			t.Errorf("%d holders, want the 20 owners: declined claims give their places back", n)
		}
	})
}

func TestAShopperWhoLeavesDelaysNoOther(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan sale.Answer, 1)
		go func() { gone <- p.Buy(ctx, sale.PurchaseRequest{Name: "anna"}) }()
		synctest.Wait()
		joined, other := p.buyInBackground(sale.PurchaseRequest{Name: "anna"}), p.buyInBackground(sale.PurchaseRequest{Name: "ben"})
		synctest.Wait()
		leave()
		synctest.Wait()
		s.log.resumeConsumer()
		if a, b := <-joined, <-other; a.Kind != sale.AlreadyBought || b.Kind != sale.Bought {
			t.Errorf("those who stayed got %s and %s", a.Kind, b.Kind)
		}
		if a := <-gone; a.Kind != sale.Bought {
			t.Errorf("the claim of the one who left came to %s", a.Kind)
		}
	})
}
