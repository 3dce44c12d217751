package checkout

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

func TestAShopperWhoHasThePlaceAlready(t *testing.T) {
	t.Parallel()
	t.Run("by an owner", func(t *testing.T) {
		inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 1)
			v := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
			if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != v.ClaimID || s.calls.of("append") != 0 {
				t.Errorf("got %s with %v", a.Kind, s.calls.all())
			}
			if p.pending.count.Load() != 0 {
				t.Error("a pending claim is left over")
			}
		})
	})
	t.Run("by another request that waits", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.pauseConsumer()
			first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			second, third := p.buyInBackground(sale.PurchaseRequest{Name: "anna"}), p.buyInBackground(sale.PurchaseRequest{Name: "anna", Async: true})
			synctest.Wait()
			if a := <-third; a.Kind != sale.Pending || a.Position == nil {
				t.Errorf("an asynchronous request that joins got %s", a.Kind)
			}
			s.log.resumeConsumer()
			a, b := <-first, <-second
			if a.Kind != sale.Bought || b.Kind != sale.AlreadyBought || a.Receipt != b.Receipt {
				t.Errorf("got %s and %s", a.Kind, b.Kind)
			}
			if n := len(s.log.written()); n != 1 {
				t.Errorf("the claim was written %d times", n)
			}
		})
	})
	t.Run("by a request that is over", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 1)
			a := p.press("anna")
			if a.Kind != sale.Bought || a.Receipt.Unit != 1 || len(s.log.written()) != 1 {
				t.Errorf("got %s with %v: the claim has to be written again, and nobody else bought", a.Kind, s.calls.all())
			}
		})
	})
	t.Run("by another request whose claim is being written", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.acts(hangs)
			first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			if a, b := <-first, <-second; a.Kind != sale.Bought || b.Kind != sale.AlreadyBought {
				t.Errorf("got %s and %s", a.Kind, b.Kind)
			}
			if s.calls.of("append") != 1 || s.calls.of("direct") != 1 {
				t.Errorf("each request does for itself what one does for all: %v", s.calls.all())
			}
		})
	})
	t.Run("by another request whose claim nobody takes", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.acts(hangs)
			s.ledger.acts(hangs)
			first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			began := time.Now()
			if a := p.press("anna"); a.Kind != sale.Unavailable || time.Since(began) > lookupTime+verdictTime {
				t.Errorf("got %s after %v: nothing is pending", a.Kind, time.Since(began))
			}
			<-first
		})
	})
	t.Run("while the ledger cannot say whose", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 1)
			s.ledger.fails(errAway)
			s.log.pauseConsumer()
			if a := p.press("anna"); a.Kind != sale.Pending {
				t.Errorf("got %s", a.Kind)
			}
		})
	})
}

// However many requests find the claim pending, it is written once a second.
func TestAPendingClaimIsWrittenOnceASecond(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.places.addHolder(saleKey, 1)
		s.ledger.cursor = func() (int64, time.Time) { return 0, time.Now() } // it makes progress
		s.log.pauseConsumer()
		var all sync.WaitGroup
		for range 26 {
			for range 5 {
				all.Go(func() { p.press("anna") })
			}
			time.Sleep(100 * time.Millisecond)
		}
		all.Wait()
		if n := len(s.log.written()); n != 3 {
			t.Errorf("written %d times in 2.6 s, want 3", n)
		}
	})
}
