package checkout

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// fixedVerdict is a ledger that decides each claim in the same way.
type fixedVerdict func(events.Claim) events.Verdict

func (f fixedVerdict) Decide(_ context.Context, c events.Claim) (events.Verdict, error) {
	return f(c), nil
}

func TestVerdictsBecomeAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		verdict events.Verdict
		kind    sale.Kind
		reason  sale.Reason
	}{
		"sold out":            {events.Verdict{Outcome: events.Declined, Reason: events.ReasonSoldOut, Fresh: true}, sale.Refused, sale.ReasonSoldOut},
		"paused":              {events.Verdict{Outcome: events.Declined, Reason: events.ReasonPaused, Fresh: true}, sale.Refused, sale.ReasonPaused},
		"ended":               {events.Verdict{Outcome: events.Declined, Reason: events.ReasonEnded, Fresh: true}, sale.Refused, sale.ReasonEnded},
		"not started":         {events.Verdict{Outcome: events.Declined, Reason: events.ReasonNotStarted, Fresh: true}, sale.Refused, sale.ReasonNotStarted},
		"a new generation":    {events.Verdict{Outcome: events.Declined, Reason: events.ReasonGenerationChanged, Fresh: true}, sale.Refused, sale.ReasonGenerationChanged},
		"undecidable":         {events.Verdict{Outcome: events.Declined, Reason: events.ReasonUndecidable, Fresh: true}, sale.Unavailable, ""},
		"owns, but cancelled": {events.Verdict{Outcome: events.Declined, Reason: events.ReasonAlreadyOwns, Fresh: true}, sale.Unavailable, ""},
		"cancelled meanwhile": {events.Verdict{Outcome: events.Ordered, NextAttempt: 2, Fresh: true}, sale.Unavailable, ""},
		"ordered":             {events.Verdict{Outcome: events.Ordered, Unit: 7, Fresh: true}, sale.AlreadyBought, ""},
		"ordered long ago":    {events.Verdict{Outcome: events.Ordered, Unit: 7}, sale.AlreadyBought, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.log.fails(errAway)
				p.direct = fixedVerdict(func(claim events.Claim) events.Verdict {
					c.verdict.ClaimID = claim.ID
					return c.verdict
				})
				a := p.press("anna")
				if a.Kind != c.kind || a.Reason != c.reason || a.Receipt.Unit != c.verdict.Unit {
					t.Errorf("got %s %q, unit %d", a.Kind, a.Reason, a.Receipt.Unit)
				}
				if a.Kind == sale.Unavailable && a.RetryAfter == 0 {
					t.Error("no time to press again")
				}
			})
		})
	}
}

// The receipt cache does not have her order and Redis has lost her place, but the ledger has the order.
func TestADeclineBecauseOfAnotherOrderIsAnsweredWithItsReceipt(t *testing.T) {
	t.Parallel()
	owns := func(c events.Claim) events.Verdict {
		return events.Verdict{ClaimID: c.ID, Outcome: events.Declined, Reason: events.ReasonAlreadyOwns, Fresh: true}
	}
	check := func(name string, away bool, kind sale.Kind) {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
				v := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
				s.log.fails(errAway)
				p.direct = fixedVerdict(owns)
				if away {
					s.ledger.fails(errAway)
				}
				if a := p.press("anna"); a.Kind != kind || kind == sale.AlreadyBought && a.Receipt.OrderID != v.ClaimID {
					t.Errorf("got %s %+v", a.Kind, a.Receipt)
				}
			})
		})
	}
	check("it is found", false, sale.AlreadyBought)
	check("it cannot be looked up", true, sale.Unavailable)
}

func TestTheGenerationChangesWhileARequestWaits(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		s.ledger.change(func(row *sale.Row) { row.Generation = 2 })
		p.readChanges(t)
		s.log.resumeConsumer()
		a := <-answer
		if a.Kind != sale.Refused || a.Reason != sale.ReasonGenerationChanged || a.Sale.Generation != 2 || a.ClaimID == uuid.Nil {
			t.Errorf("got %s %q, generation %d", a.Kind, a.Reason, a.Sale.Generation)
		}
		if a := p.press("anna"); a.Kind != sale.Bought || a.Receipt.Generation != 2 || a.Receipt.Attempt != 1 {
			t.Errorf("in the new generation: %s %+v", a.Kind, a.Receipt)
		}
	})
}
