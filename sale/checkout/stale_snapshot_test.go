package checkout

import (
	"maps"
	"testing"
	"time"

	"flashsale/sale"
)

// With a stale snapshot a claim can be sent. Nothing is refused because of it.
func TestAStaleSnapshotRefusesNobody(t *testing.T) {
	t.Parallel()
	for name, state := range notBuyable {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1+state.left, func(t *testing.T, s *simulatedServers, p *process) {
				s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
				s.ledger.change(state.set)
				p.readChanges(t)
				p.loadReceiptCache(t)
				before := s.calls.all()
				time.Sleep(sale.Lease + time.Millisecond)
				for _, who := range []string{"ben", "nobody"} {
					a := p.press(who)
					expect(t, a, sale.Unavailable, "")
					expectRetry(t, a, time.Second, 2*time.Second)
					if !a.Sale.Stale || a.Sale.Total != 1+state.left {
						t.Errorf("the last figures are not shown as such: %+v", a.Sale)
					}
				}
				expect(t, p.press("anna"), sale.AlreadyBought, "")
				expect(t, p.press("barred"), sale.NotAuthorized, "")
				if after := s.calls.all(); !maps.Equal(before, after) {
					t.Errorf("a question per request: %v, then %v", before, after)
				}
			})
		})
	}
	t.Run("open, with room", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, _ *simulatedServers, p *process) {
			time.Sleep(2 * sale.Lease)
			a := p.press("anna")
			expect(t, a, sale.Bought, "")
			if !a.Sale.Stale {
				t.Error("the figures are not marked stale")
			}
		})
	})
	t.Run("open, without room", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 99)
			time.Sleep(2 * sale.Lease)
			expect(t, p.press("anna"), sale.Unavailable, "")
			if now, _ := p.catalog.Snapshot(""); now.AllClaimed {
				t.Error("the catalog shows that all places are taken")
			}
		})
	})
	t.Run("only after its lease", func(t *testing.T) {
		inFakeTime(t, 0, func(t *testing.T, _ *simulatedServers, p *process) {
			p.loadReceiptCache(t)
			time.Sleep(sale.Lease)
			expect(t, p.press("anna"), sale.Refused, sale.ReasonSoldOut)
			time.Sleep(time.Nanosecond)
			expect(t, p.press("anna"), sale.Unavailable, "")
		})
	})
}
