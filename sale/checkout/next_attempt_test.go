package checkout

import (
	"fmt"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

func TestAnOldDecline(t *testing.T) {
	t.Parallel()
	decline := func(s *simulatedServers, p *process, attempt int) {
		s.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
		s.ledger.decide(events.FromLog, p.claimOf(s, "anna", attempt))
		s.ledger.change(func(row *sale.Row) { row.State = sale.Open })
		time.Sleep(time.Second)
	}
	t.Run("is answered with the next attempt, once", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			decline(s, p, 1)
			p.readChanges(t)
			a := p.press("anna")
			if a.Kind != sale.Bought || a.Receipt.Attempt != 2 || len(s.log.written()) != 2 {
				t.Errorf("got %s, attempt %d, with %v", a.Kind, a.Receipt.Attempt, s.calls.all())
			}
		})
	})
	t.Run("of a shopper who has the place", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			decline(s, p, 1)
			p.readChanges(t)
			s.places.addHolder(saleKey, 1)
			if a := p.press("anna"); a.Kind != sale.Bought || a.Receipt.Attempt != 2 {
				t.Errorf("got %s, attempt %d", a.Kind, a.Receipt.Attempt)
			}
		})
	})
	t.Run("is remembered", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			p.Decided(events.Decision{Verdicts: []events.Verdict{{SaleID: 1, Generation: 1, UserID: 1, Outcome: events.Declined, NextAttempt: 4}}})
			if a := p.press("anna"); a.Kind != sale.Bought || a.Receipt.Attempt != 4 || len(s.log.written()) != 1 {
				t.Errorf("got %s, attempt %d", a.Kind, a.Receipt.Attempt)
			}
		})
	})
	t.Run("after an old decline ends the request", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.ledger.losesDecisions(true)
			s.log.fails(errAway)
			p.direct = fixedVerdict(func(c events.Claim) events.Verdict {
				return events.Verdict{ClaimID: c.ID, Attempt: c.Attempt, Outcome: events.Declined, Reason: sale.ReasonPaused, NextAttempt: c.Attempt + 1}
			})
			if a := p.press("anna"); a.Kind != sale.Refused || a.Reason != sale.ReasonPaused || s.calls.of("append") != 2 {
				t.Errorf("got %s %q with %v", a.Kind, a.Reason, s.calls.all())
			}
			if p.pending.count.Load() != 0 {
				t.Error("a pending claim is left over")
			}
			if next := p.attempts.of(sale.ShopperKey{Key: saleKey, User: 1}); next < 2 {
				t.Errorf("the next request is attempt %d again", next)
			}
		})
	})
	t.Run("of a request to this process is remembered", func(t *testing.T) {
		inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
			s.ledger.change(func(row *sale.Row) { row.State = sale.Paused }) // the catalog does not show it yet
			expect(t, p.press("anna"), sale.Refused, sale.ReasonPaused)
			s.ledger.change(func(row *sale.Row) { row.State = sale.Open })
			p.readChanges(t)
			a := p.press("anna")
			expect(t, a, sale.Bought, "")
			if n := len(s.log.written()); n != 2 || a.Receipt.Attempt != 2 {
				t.Errorf("attempt %d after %d claims, want the second after 2", a.Receipt.Attempt, n)
			}
		})
	})
	t.Run("with a live order from another attempt", func(t *testing.T) {
		inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
			decline(s, p, 1)
			second := p.claimOf(s, "anna", 2)
			s.ledger.decide(events.FromLog, second)
			p.readChanges(t)
			if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != second.ID {
				t.Errorf("got %s %+v", a.Kind, a.Receipt)
			}
		})
	})
	t.Run("that is an order, cancelled and bought again", func(t *testing.T) {
		inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
			first := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
			s.ledger.cancel(first.ClaimID)
			second := p.claimOf(s, "anna", 2)
			s.ledger.decide(events.FromLog, second)
			time.Sleep(time.Second)
			p.readChanges(t)
			if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != second.ID {
				t.Errorf("got %s %+v, want the live order", a.Kind, a.Receipt)
			}
		})
	})
	t.Run("a cancelled order is one, too", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			first := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
			s.ledger.cancel(first.ClaimID)
			time.Sleep(time.Second)
			p.readChanges(t)
			if a := p.press("anna"); a.Kind != sale.Bought || a.Receipt.Attempt != 2 || a.Receipt.OrderID == first.ClaimID {
				t.Errorf("got %s, attempt %d", a.Kind, a.Receipt.Attempt)
			}
		})
	})
}

// This process only finds the verdict, which another process made. Its time says whether it is from before the request.
func TestADeclineFromElsewhereIsNewOrOldByItsTime(t *testing.T) {
	t.Parallel()
	for ago, tries := range map[time.Duration]int{0: 1, clockDrift: 1, clockDrift + time.Millisecond: 2} {
		t.Run(fmt.Sprint(ago), func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.log.fails(errAway)
				p.direct = fixedVerdict(func(c events.Claim) events.Verdict {
					return events.Verdict{ClaimID: c.ID, Outcome: events.Declined, Reason: sale.ReasonPaused, NextAttempt: c.Attempt + 1, At: time.Now().Add(-ago)}
				})
				expect(t, p.press("anna"), sale.Refused, sale.ReasonPaused)
				if n := s.calls.of("append"); n != tries {
					t.Errorf("%d attempts, want %d", n, tries)
				}
			})
		})
	}
}
