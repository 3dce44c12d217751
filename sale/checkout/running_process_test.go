package checkout

import (
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

// The catalog runs beside the checkout, so nothing but time changes what a request gets.

func TestASaleIsBoughtFromInItsFirstMoment(t *testing.T) {
	inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
		s.takes(4 * time.Millisecond)
		p.runAll(t)
		start := time.Now().Add(10 * time.Second)
		s.ledger.change(func(row *sale.Row) { row.State, row.StartsAt = sale.Scheduled, start })
		time.Sleep(time.Until(start) - time.Millisecond)
		expect(t, p.press("anna"), sale.Refused, sale.ReasonNotStarted)
		time.Sleep(time.Until(start))
		a := p.press("ben")
		expect(t, a, sale.Bought, "")
		if a.Sale.Status() != sale.Active {
			t.Errorf("status %s", a.Sale.Status())
		}
	})
}

func TestASaleEndsAtItsTimeAndIsClosedThroughTheLog(t *testing.T) {
	inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
		s.takes(4 * time.Millisecond)
		p.runAll(t)
		end := time.Now().Add(10 * time.Second)
		s.ledger.change(func(row *sale.Row) { row.EndsAt = end })
		time.Sleep(time.Until(end))
		expect(t, p.press("anna"), sale.Refused, sale.ReasonEnded)
		time.Sleep(time.Second)
		synctest.Wait()
		if now, _ := p.catalog.Snapshot(""); now.State != sale.Closed {
			t.Errorf("state %s: the ledger has not reached the close record", now.State)
		}
	})
}

// Invariant I6: another process cancels an order, and its message does not arrive.
func TestSoldOutIsNotSaidTwoSecondsAfterAUnitCameBack(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.takes(4 * time.Millisecond)
		p.runAll(t)
		order := p.press("anna").Receipt.OrderID
		expect(t, p.press("ben"), sale.Refused, sale.ReasonSoldOut)
		s.ledger.cancel(order)
		if err := s.places.Release(t.Context(), saleKey, []int64{1}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		expect(t, p.press("ben"), sale.Bought, "")
		expect(t, p.press("anna"), sale.Refused, sale.ReasonSoldOut)
	})
}
