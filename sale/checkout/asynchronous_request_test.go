package checkout

import (
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

func TestAnAsynchronousRequest(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		began := time.Now()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		if a.Kind != sale.Pending || a.Position == nil || time.Since(began) != 0 {
			t.Errorf("got %s after %v", a.Kind, time.Since(began))
		}
		s.log.resumeConsumer()
		synctest.Wait()
		if a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true}); a.Kind != sale.AlreadyBought {
			t.Errorf("after the verdict: %s", a.Kind)
		}
		s.log.fails(errAway)
		if a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "ben", Async: true}); a.Kind != sale.Bought {
			t.Errorf("without an acknowledgement nothing is pending, but: %s", a.Kind)
		}
	})
}

// A shopper who is answered "pending" at once presses again soon. The claim is not written each time.
func TestAsynchronousRequestsDoNotFillTheLog(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		p.run(t)
		first := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		for range 9 {
			time.Sleep(resendEvery / 10)
			again := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
			if again.Kind != sale.Pending || again.ClaimID != first.ClaimID || again.Position == nil || *again.Position != *first.Position {
				t.Fatalf("the repeat got %+v, want what was answered before: %+v", again, first)
			}
		}
		if n := len(s.log.written()); n != 1 {
			t.Errorf("the claim was written %d times within a second", n)
		}
		time.Sleep(resendEvery / 5)
		expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true}), sale.Pending, "")
		if n := len(s.log.written()); n != 2 {
			t.Errorf("after a second it was written %d times, want once more", n)
		}
		time.Sleep(2 * resendEvery)
		if n := p.pending.count.Load(); n != 0 {
			t.Errorf("%d claims are pending although nobody waits", n)
		}
	})
}

// A request that waits comes soon after one that did not. Only the later one can find that nobody consumes.
func TestARequestAfterAnAsynchronousOneIsDecidedThoughNobodyConsumes(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true}), sale.Pending, "")
		a := p.press("anna")
		if a.Kind != sale.AlreadyBought && a.Kind != sale.Bought {
			t.Errorf("got %s", a.Kind)
		}
		if n := len(s.log.written()); n != 1 {
			t.Errorf("the claim was written %d times", n)
		}
	})
}
