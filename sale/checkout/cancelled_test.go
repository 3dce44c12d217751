package checkout

import (
	"errors"
	"testing"

	"flashsale/sale"
)

// The process knows of the cancellation only by its refresh, as in the moment after an operator's commit.
func TestACancelFreesThePlaceAndForgetsTheReceipt(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		first := p.press("anna")
		if first.Kind != sale.Bought {
			t.Fatalf("%+v", first)
		}
		s.ledger.cancel(first.Receipt.OrderID)
		p.readChanges(t)
		if a := p.press("ben"); a.Kind != sale.Refused || a.Reason != sale.ReasonAllClaimed {
			t.Fatalf("while the place is still taken: %s %s", a.Kind, a.Reason)
		}
		if err := p.Cancelled(t.Context(), first.Receipt); err != nil {
			t.Fatal(err)
		}
		again := p.press("anna")
		if again.Kind != sale.Bought || again.Receipt.Attempt != 2 || again.Receipt.OrderID == first.Receipt.OrderID {
			t.Errorf("the shopper, at once: %s, %+v", again.Kind, again.Receipt)
		}
		// Cancelled is called once more, by mistake or late: the order that the shopper has now stays, and so does the place.
		if err := p.Cancelled(t.Context(), first.Receipt); err != nil {
			t.Fatal(err)
		}
		if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != again.Receipt.OrderID {
			t.Errorf("after a repeat: %s, %+v", a.Kind, a.Receipt)
		}
		if s.calls.of("release") != 1 {
			t.Errorf("%d places were given back", s.calls.of("release"))
		}
	})
}

func TestACancelOfAnOlderGenerationLeavesThePresentOneAlone(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		old := p.press("anna").Receipt
		s.ledger.change(func(row *sale.Row) { row.Generation++ })
		p.readChanges(t)
		now := p.press("anna")
		if now.Kind != sale.Bought {
			t.Fatalf("%+v", now)
		}
		if err := p.Cancelled(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != now.Receipt.OrderID || s.calls.of("release") != 0 {
			t.Errorf("%s, %+v, %d places given back", a.Kind, a.Receipt, s.calls.of("release"))
		}
	})
}

func TestACancelWithoutRedisSaysThatThePlaceIsStillTaken(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		r := p.press("anna").Receipt
		s.ledger.cancel(r.OrderID)
		p.readChanges(t)
		s.places.releaseFault.fails(errAway)
		if err := p.Cancelled(t.Context(), r); !errors.Is(err, errAway) {
			t.Errorf("%v", err)
		}
		if _, ok := p.catalog.find("").receipts.receipt(sale.Key{Sale: r.SaleID, Generation: r.Generation}, sale.Shopper{ID: r.UserID}); ok {
			t.Error("the receipt is still shown")
		}
	})
}
