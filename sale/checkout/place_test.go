package checkout

import (
	"context"
	"testing"
	"time"

	"flashsale/sale"
)

func TestPlacesThatAreNotLoaded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		places            func(p *simulatedPlaces)
		rebuilds, reserve int
	}{
		"are loaded once, then asked again": {(*simulatedPlaces).loseAll, 1, 2},
		"and go missing again": {func(p *simulatedPlaces) {
			p.acts(func(context.Context) error { return sale.ErrMissing })
		}, 1, 2},
		"and cannot be loaded": {func(p *simulatedPlaces) { p.loseAll(); p.loadFault.fails(errAway) }, 1, 1},
		"nor be asked at all":  {func(p *simulatedPlaces) { p.fails(sale.ErrUnavailable) }, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				c.places(s.places)
				expect(t, p.press("anna"), sale.Bought, "")
				if s.calls.of("rebuild") != c.rebuilds || s.calls.of("reserve") != c.reserve {
					t.Errorf("calls %v", s.calls.all())
				}
			})
		})
	}
}

func TestOnlyTheLedgerSaysSoldOut(t *testing.T) {
	t.Parallel()
	// whileAsked gives all places away, and has something happen while Redis is asked.
	whileAsked := func(name string, happens func(s *simulatedServers, p *process) error, kind sale.Kind, reason sale.Reason) {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.places.addHolder(saleKey, 99)
				s.places.acts(func(context.Context) error { return happens(s, p) })
				expect(t, p.press("anna"), kind, reason)
				if now, _ := p.catalog.Snapshot(""); now.AllClaimed {
					t.Error("the catalog says that all places are taken")
				}
			})
		})
	}
	whileAsked("the last unit goes", func(s *simulatedServers, p *process) error {
		s.ledger.sell(sale.Shopper{ID: 99, Username: "other"}, sale.PurchaseRequest{})
		return p.catalog.refresh(context.Background())
	}, sale.Refused, sale.ReasonSoldOut)
	whileAsked("the sale is paused", func(s *simulatedServers, p *process) error {
		s.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
		return p.catalog.refresh(context.Background())
	}, sale.Refused, sale.ReasonPaused)
	whileAsked("the receipt comes", func(s *simulatedServers, p *process) error {
		p.catalog.find("").receipts.add([]sale.OrderRow{{Receipt: sale.ReceiptOf(new(s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{}))), Revision: 99}})
		return nil
	}, sale.AlreadyBought, "")
	t.Run("every place is taken", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 99)
			a := p.press("anna")
			expect(t, a, sale.Refused, sale.ReasonAllClaimed)
			expectRetry(t, a, time.Second, 3*time.Second)
			if now, _ := p.catalog.Snapshot(""); !now.AllClaimed || !a.Sale.AllClaimed {
				t.Error("it is not shown")
			}
			_ = s.places.Release(t.Context(), saleKey, []int64{99})
			expect(t, p.press("ben"), sale.Bought, "")
			s.ledger.cancel(p.claimOf(s, "ben", 1).ID)
			_ = s.places.Release(t.Context(), saleKey, []int64{2})
			expect(t, p.press("anna"), sale.Refused, sale.ReasonSoldOut) // as far as this process knows
			p.readChanges(t)
			s.log.pauseConsumer()
			expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true}), sale.Pending, "")
			if now, _ := p.catalog.Snapshot(""); now.AllClaimed {
				t.Error("a place was given, and it is still shown")
			}
		})
	})
}
