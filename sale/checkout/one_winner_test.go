package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// expectOneBought expects that one of these answers says "bought" and the others give the same receipt.
func expectOneBought(t *testing.T, answers ...sale.Answer) (winner int) {
	t.Helper()
	winner = -1
	for i, a := range answers {
		switch {
		case a.Receipt != answers[0].Receipt || a.Receipt.OrderID == uuid.Nil:
			t.Errorf("press %d got the receipt %+v, the first one %+v", i, a.Receipt, answers[0].Receipt)
		case a.Kind == sale.Bought && winner >= 0:
			t.Errorf("presses %d and %d both bought", winner, i)
		case a.Kind == sale.Bought:
			winner = i
		case a.Kind != sale.AlreadyBought:
			t.Errorf("press %d got %s %q", i, a.Kind, a.Reason)
		}
	}
	if winner < 0 {
		t.Error("nobody bought")
	}
	return winner
}

// While Redis is away every process lets the shopper in. All of them write the claim and hear the same verdict.
func TestOnePressOfManyProcessesBuys(t *testing.T) {
	t.Parallel()
	const processes = 3
	for name, set := range map[string]func(s *simulatedServers, all []*process){
		"all hear of it":           func(*simulatedServers, []*process) {},
		"it is looked up":          func(s *simulatedServers, _ []*process) { s.ledger.losesDecisions(true) },
		"the log is away":          func(s *simulatedServers, _ []*process) { s.log.fails(errAway) },
		"the log is away, unheard": func(s *simulatedServers, _ []*process) { s.log.fails(errAway); s.ledger.losesDecisions(true) },
		"the log stores and does not say so": func(s *simulatedServers, all []*process) {
			for _, p := range all {
				p.log = unacknowledged{s.log}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 5, func(t *testing.T, s *simulatedServers, p *process) {
				s.places.fails(sale.ErrUnavailable)
				all := []*process{p}
				for len(all) < processes {
					all = append(all, s.process(t))
				}
				s.ledger.decided = announcesTo(t, all)
				set(s, all)
				s.log.pauseConsumer()
				open := make(chan struct{})
				s.ledger.acts(until(open)) // nobody is answered before all have written
				var pressed []<-chan sale.Answer
				for _, p := range all {
					p.live = func() int { return processes }
					p.run(t)
					pressed = append(pressed, p.buyInBackground(sale.PurchaseRequest{Name: "anna"}))
				}
				synctest.Wait()
				if n := s.calls.of("append"); n != processes {
					t.Errorf("%d presses wrote the claim", n)
				}
				close(open)
				s.log.resumeConsumer()
				var answers []sale.Answer
				for _, answer := range pressed {
					answers = append(answers, <-answer)
				}
				expectOneBought(t, answers...)
				for _, p := range all {
					expect(t, p.press("anna"), sale.AlreadyBought, "")
				}
			})
		})
	}
}

// announcesTo gives a decision to all processes: to the first as its own, to the others over the bus.
func announcesTo(t *testing.T, all []*process) func(events.Decision) {
	return func(d events.Decision) {
		payload, err := json.Marshal(d)
		if err != nil {
			t.Error(err)
		}
		all[0].Decided(d)
		for _, other := range all[1:] {
			other.receiveText(payload)
		}
	}
}

// Of two presses at once the one whose record the ledger met first has bought, whoever got the place: the other one
// found the place taken, and was quicker.
func TestAPressThatWasOvertaken(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		e := p.catalog.find("")
		own := &purchase{Checkout: p.Checkout, entry: e, shopper: s.accounts.shopper("anna")}
		own.refreshSnapshot()
		own.pressedAt = own.sale.Now
		s.places.addHolder(saleKey, 1)
		other := p.press("anna")
		if expectOneBought(t, other, own.claimReserved(context.Background())) != 0 {
			t.Error("the press that was late says that it bought")
		}
		if n := len(s.log.written()); n != 1 {
			t.Errorf("the claim was written %d times", n)
		}
	})
}

// The same with both records in the log: who came first in it bought, although the other one wrote too.
func TestTheFirstRecordInTheLogBuys(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		q := s.process(t)
		s.ledger.decided = announcesTo(t, []*process{p, q})
		s.log.pauseConsumer()
		first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		second := q.buyInBackground(sale.PurchaseRequest{Name: "anna"}) // another press has the place; this process has not written yet
		synctest.Wait()
		if n := len(s.log.written()); n != 2 {
			t.Fatalf("written %d times", n)
		}
		s.log.resumeConsumer()
		if expectOneBought(t, <-first, <-second) != 0 {
			t.Error("the second record bought")
		}
	})
}

// Who bought and was told "pending", or is gone, was not told; and nobody is told in its stead.
func TestNobodyInheritsAPurchase(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		q := s.process(t)
		s.ledger.decided = announcesTo(t, []*process{p, q})
		s.log.pauseConsumer()
		expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true}), sale.Pending, "")
		joined := q.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		s.log.resumeConsumer()
		expect(t, <-joined, sale.AlreadyBought, "")
		expect(t, p.press("anna"), sale.AlreadyBought, "")
	})
}

// A press knows its own record by what stands in it, not by the clock: also when it is looked up long afterwards.
func TestAPressKnowsItsOwnRecord(t *testing.T) {
	t.Parallel()
	for _, ago := range []time.Duration{0, time.Hour, -time.Hour} {
		for name, press := range map[string]func(events.Claim) uuid.UUID{
			"mine":       func(c events.Claim) uuid.UUID { return c.RequestID },
			"another's":  func(events.Claim) uuid.UUID { return uuid.New() },
			"not stored": func(events.Claim) uuid.UUID { return uuid.Nil },
		} {
			t.Run(fmt.Sprint(name, ", decided ", ago, " before"), func(t *testing.T) {
				inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
					s.log.fails(errAway)
					p.direct = fixedVerdict(func(c events.Claim) events.Verdict {
						return events.Verdict{ClaimID: c.ID, Outcome: events.Ordered, Unit: 1, At: time.Now().Add(-ago), RequestID: press(c)}
					})
					want := sale.AlreadyBought
					if name == "mine" {
						want = sale.Bought
					}
					expect(t, p.press("anna"), want, "")
				})
			})
		}
	}
}

// The clock runs ahead by a minute, so the verdict seems to be from before the press.
func TestTheClockDoesNotMakeAnOwnVerdictOld(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		p.catalog.clock.sample(time.Now(), time.Now(), time.Now().Add(time.Minute))
		expect(t, p.press("anna"), sale.Bought, "")
		if n := s.calls.of("verdicts"); n != 0 {
			t.Errorf("looked up %d times", n)
		}
	})
}

// A process of the version before decided, which keeps no presses: the press with the place answers as it did there.
func TestAVerdictOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fresh, own bool
		ago        time.Duration
		kind       sale.Kind
	}{
		"heard of at once":       {true, true, 0, sale.Bought},
		"within the uncertainty": {true, true, clockDrift, sale.Bought},
		"from before the press":  {true, true, clockDrift + time.Millisecond, sale.AlreadyBought},
		"looked up":              {false, true, 0, sale.AlreadyBought},
		"of a holder":            {true, false, 0, sale.AlreadyBought},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.log.fails(errAway)
				if !c.own {
					s.places.addHolder(saleKey, 1)
				}
				p.direct = fixedVerdict(func(claim events.Claim) events.Verdict {
					return events.Verdict{ClaimID: claim.ID, Outcome: events.Ordered, Unit: 1, At: time.Now().Add(-c.ago), Fresh: c.fresh}
				})
				expect(t, p.press("anna"), c.kind, "")
			})
		})
	}
}

// A receipt from before the press is nobody's purchase of now, whatever Redis has forgotten.
func TestAnOldReceiptIsNotBoughtAgain(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		v := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
		s.places.acts(func(context.Context) error { // she is heard of while Redis is asked
			p.cacheReceipts([]events.Verdict{v})
			return nil
		})
		expect(t, p.press("anna"), sale.AlreadyBought, "")
	})
}

// A verdict is announced that is older than the press: it says what was true then.
func TestAVerdictThatIsHeardLate(t *testing.T) {
	t.Parallel()
	// heardLate has anna wait while the verdict on a first claim of hers is on its way, and since does what came between.
	heardLate := func(name string, since func(s *simulatedServers, v events.Verdict), want func(t *testing.T, s *simulatedServers, a sale.Answer, late events.Verdict)) {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				d := s.ledger.decide(events.FromLog, p.claimOf(s, "anna", 1))
				time.Sleep(time.Second)
				since(s, d.Verdicts[0])
				time.Sleep(time.Second)
				p.readChanges(t)
				s.log.pauseConsumer()
				answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
				synctest.Wait()
				d.Stocks = nil
				p.apply(d, p.metrics.told)
				synctest.Wait()
				s.log.resumeConsumer()
				want(t, s, <-answer, d.Verdicts[0])
			})
		})
	}
	heardLate("of an order that was cancelled since", func(s *simulatedServers, v events.Verdict) { s.ledger.cancel(v.ClaimID) },
		func(t *testing.T, _ *simulatedServers, a sale.Answer, late events.Verdict) {
			if expect(t, a, sale.Bought, ""); a.Receipt.OrderID == late.ClaimID || a.Receipt.Attempt != 2 {
				t.Errorf("got the cancelled receipt: %+v", a.Receipt)
			}
		})
	heardLate("of an order that still stands", func(*simulatedServers, events.Verdict) {},
		func(t *testing.T, _ *simulatedServers, a sale.Answer, late events.Verdict) {
			if expect(t, a, sale.AlreadyBought, ""); a.Receipt.OrderID != late.ClaimID {
				t.Errorf("got %+v", a.Receipt)
			}
		})
}

// The same for a refusal: who was told that the sale is paused, and presses when it is not, is not told so again.
func TestARefusalThatIsHeardLate(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.change(func(sh *sale.Row) { sh.State = sale.Paused })
		d := s.ledger.decide(events.FromLog, p.claimOf(s, "anna", 1))
		s.ledger.change(func(sh *sale.Row) { sh.State = sale.Open })
		time.Sleep(time.Second)
		p.readChanges(t)
		s.log.pauseConsumer()
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		p.apply(d, p.metrics.told)
		synctest.Wait()
		s.log.resumeConsumer()
		if a := <-answer; a.Kind != sale.Bought || a.Receipt.Attempt != 2 {
			t.Errorf("got %s %q, attempt %d", a.Kind, a.Reason, a.Receipt.Attempt)
		}
	})
}

// What was heard is looked up once more; when that fails, the claim is where the log has it, or nobody knows.
func TestAnOldVerdictThatCannotBeLookedUp(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		d := s.ledger.decide(events.FromLog, p.claimOf(s, "anna", 1))
		time.Sleep(time.Second)
		s.log.pauseConsumer()
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		s.ledger.fails(errAway)
		p.pending.deliver(&d.Verdicts[0])
		if a := <-answer; a.Kind != sale.Pending || a.Position == nil {
			t.Errorf("got %s %+v", a.Kind, a.Position)
		}
	})
}
