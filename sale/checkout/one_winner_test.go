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
	// A receipt that was read from the order's row knows the key of the press, one of a verdict does not.
	keyless := func(r sale.Receipt) sale.Receipt {
		r.IdempotencyKey, r.KeyKnown = uuid.Nil, false
		return r
	}
	for i, a := range answers {
		switch {
		case keyless(a.Receipt) != keyless(answers[0].Receipt) || a.Receipt.OrderID == uuid.Nil:
			t.Errorf("request %d got the receipt %+v, the first one %+v", i, a.Receipt, answers[0].Receipt)
		case a.Kind == sale.Bought && winner >= 0:
			t.Errorf("requests %d and %d both bought", winner, i)
		case a.Kind == sale.Bought:
			winner = i
		case a.Kind != sale.AlreadyBought:
			t.Errorf("request %d got %s %q", i, a.Kind, a.Reason)
		}
	}
	if winner < 0 {
		t.Error("nobody bought")
	}
	return winner
}

// While Redis is away every process admits the shopper. All of them write the claim and get the same verdict.
func TestOneRequestToManyProcessesBuys(t *testing.T) {
	t.Parallel()
	const processes = 3
	for name, set := range map[string]func(s *simulatedServers, all []*process){
		"it is announced":              func(*simulatedServers, []*process) {},
		"it is looked up":              func(s *simulatedServers, _ []*process) { s.ledger.losesDecisions(true) },
		"the log is away":              func(s *simulatedServers, _ []*process) { s.log.fails(errAway) },
		"the log is away, unannounced": func(s *simulatedServers, _ []*process) { s.log.fails(errAway); s.ledger.losesDecisions(true) },
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
				var waiting []<-chan sale.Answer
				for _, p := range all {
					p.live = func() int { return processes }
					p.run(t)
					waiting = append(waiting, p.buyInBackground(sale.PurchaseRequest{Name: "anna"}))
				}
				synctest.Wait()
				if n := s.calls.of("append"); n != processes {
					t.Errorf("%d requests wrote the claim", n)
				}
				close(open)
				s.log.resumeConsumer()
				var answers []sale.Answer
				for _, answer := range waiting {
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

// Two requests at once: the ledger met the record of one first, and the other got the place. The first one has bought.
func TestTheFirstOfTwoRequestsInOneProcessBuys(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		e := p.catalog.find("")
		own := &purchase{Checkout: p.Checkout, entry: e, shopper: s.accounts.shopper("anna")}
		own.refreshSnapshot()
		own.pressedAt = own.sale.Now
		s.places.addHolder(saleKey, 1)
		other := p.press("anna")
		if expectOneBought(t, other, own.claimReserved(context.Background())) != 0 {
			t.Error("the request that was late says that it bought")
		}
		if n := len(s.log.written()); n != 1 {
			t.Errorf("the claim was written %d times", n)
		}
	})
}

// Both wrote their records. The request whose record comes first in the log has bought.
func TestTheFirstOfTwoRecordsInTheLogBuys(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		q := s.process(t)
		s.ledger.decided = announcesTo(t, []*process{p, q})
		s.log.pauseConsumer()
		first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		second := q.buyInBackground(sale.PurchaseRequest{Name: "anna"}) // another request has the place; this process has not written yet
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

// The request that bought was answered "pending". No other request is answered "bought" in its place.
func TestNoRequestIsAnsweredBoughtForAnother(t *testing.T) {
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

// A request knows its own record by its request id and not by the clock, also when it is looked up long afterwards.
func TestARequestKnowsItsOwnRecordByTheRequestID(t *testing.T) {
	t.Parallel()
	for _, ago := range []time.Duration{0, time.Hour, -time.Hour} {
		for name, requestID := range map[string]func(events.Claim) uuid.UUID{
			"mine":       func(c events.Claim) uuid.UUID { return c.RequestID },
			"another's":  func(events.Claim) uuid.UUID { return uuid.New() },
			"not stored": func(events.Claim) uuid.UUID { return uuid.Nil },
		} {
			t.Run(fmt.Sprint(name, ", decided ", ago, " before"), func(t *testing.T) {
				inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
					s.log.fails(errAway)
					p.direct = fixedVerdict(func(c events.Claim) events.Verdict {
						return events.Verdict{ClaimID: c.ID, Outcome: events.Ordered, Unit: 1, At: time.Now().Add(-ago), RequestID: requestID(c)}
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

// The clock runs ahead by a minute, so the verdict seems to be from before the request.
func TestTheClockDoesNotMakeAnOwnVerdictOld(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		p.catalog.clock.sample(time.Now(), time.Now(), time.Now().Add(time.Minute))
		expect(t, p.press("anna"), sale.Bought, "")
		if n := s.calls.of("verdicts"); n != 0 {
			t.Errorf("looked up %d times", n)
		}
	})
}

// A process of the version before decided. It keeps no request ids, so the request with the place answers as it did there.
func TestAVerdictOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fresh, own bool
		ago        time.Duration
		kind       sale.Kind
	}{
		"announced at once":       {true, true, 0, sale.Bought},
		"within the uncertainty":  {true, true, clockDrift, sale.Bought},
		"from before the request": {true, true, clockDrift + time.Millisecond, sale.AlreadyBought},
		"looked up":               {false, true, 0, sale.AlreadyBought},
		"of a holder":             {true, false, 0, sale.AlreadyBought},
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

// A request does not buy with a receipt from before it, whatever Redis has lost.
func TestAnOldReceiptIsNotBoughtAgain(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		v := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
		s.places.acts(func(context.Context) error { // her order is announced while Redis is asked
			p.cacheReceipts([]events.Verdict{v}, nil)
			return nil
		})
		expect(t, p.press("anna"), sale.AlreadyBought, "")
	})
}

// The verdict that is announced is older than the request: it says what was true then.
func TestAVerdictThatIsAnnouncedLate(t *testing.T) {
	t.Parallel()
	// announcedLate announces the verdict on a first claim of anna's while a request of hers waits. since is what happened in
	// between.
	announcedLate := func(name string, since func(s *simulatedServers, v events.Verdict), want func(t *testing.T, s *simulatedServers, a sale.Answer, late events.Verdict)) {
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
	announcedLate("of an order that was cancelled since", func(s *simulatedServers, v events.Verdict) { s.ledger.cancel(v.ClaimID) },
		func(t *testing.T, _ *simulatedServers, a sale.Answer, late events.Verdict) {
			if expect(t, a, sale.Bought, ""); a.Receipt.OrderID == late.ClaimID || a.Receipt.Attempt != 2 {
				t.Errorf("got the cancelled receipt: %+v", a.Receipt)
			}
		})
	announcedLate("of an order that still stands", func(*simulatedServers, events.Verdict) {},
		func(t *testing.T, _ *simulatedServers, a sale.Answer, late events.Verdict) {
			if expect(t, a, sale.AlreadyBought, ""); a.Receipt.OrderID != late.ClaimID {
				t.Errorf("got %+v", a.Receipt)
			}
		})
}

// The same for a decline: a shopper who pressed while the sale was paused, and again when it is open, is not refused again.
func TestADeclineThatIsAnnouncedLate(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
		d := s.ledger.decide(events.FromLog, p.claimOf(s, "anna", 1))
		s.ledger.change(func(row *sale.Row) { row.State = sale.Open })
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

// The announced verdict is looked up once more. If that fails, the claim is pending where the log has it.
func TestAnOldVerdictThatCannotBeLookedUp(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		d := s.ledger.decide(events.FromLog, p.claimOf(s, "anna", 1))
		time.Sleep(time.Second)
		s.log.pauseConsumer()
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		s.ledger.fails(errAway)
		p.pending.deliver(&d.Verdicts[0], nil)
		if a := <-answer; a.Kind != sale.Pending || a.Position == nil {
			t.Errorf("got %s %+v", a.Kind, a.Position)
		}
	})
}

// Two requests of one shopper take a place each, or none. One of them bought.
func TestOnlyOneOfTwoRequestsBuys(t *testing.T) {
	t.Parallel()
	t.Run("without Redis", func(t *testing.T) {
		inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
			late := make(chan struct{})
			s.places.acts(func(context.Context) error { <-late; return sale.ErrUnavailable })
			second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			s.places.fails(sale.ErrUnavailable)
			if a := p.press("anna"); a.Kind != sale.Bought {
				t.Fatalf("the first request got %s", a.Kind)
			}
			close(late)
			if a := <-second; a.Kind != sale.AlreadyBought || a.Receipt.Unit != 1 {
				t.Errorf("the second request got %s", a.Kind)
			}
			if n := len(s.log.written()); n != 1 {
				t.Errorf("the claim was written %d times", n)
			}
		})
	})
	t.Run("with a Redis that lost the place while the claim was pending", func(t *testing.T) {
		inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.pauseConsumer()
			first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			_ = s.places.Release(t.Context(), saleKey, []int64{1})
			second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			s.log.resumeConsumer()
			if expectOneBought(t, <-first, <-second) != 0 {
				t.Error("the second request bought")
			}
		})
	})
	t.Run("with a Redis that has lost the place", func(t *testing.T) {
		inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
			late := make(chan struct{})
			s.places.acts(until(late))
			second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			s.places.acts(nil)
			if a := p.press("anna"); a.Kind != sale.Bought {
				t.Fatalf("the first request got %s", a.Kind)
			}
			_ = s.places.Release(t.Context(), saleKey, []int64{1})
			close(late)
			if a := <-second; a.Kind != sale.AlreadyBought || a.Receipt.Unit != 1 {
				t.Errorf("the second request got %s", a.Kind)
			}
		})
	})
}
