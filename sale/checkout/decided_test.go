package checkout

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/events/cluster"
	"flashsale/sale"
)

// declinedNow is a fresh verdict against the shopper.
func declinedNow(user int64, reason events.Reason) events.Verdict {
	return events.Verdict{
		ClaimID: uuid.New(), SaleID: flashSale, Generation: 1, UserID: user, Attempt: 1,
		Outcome: events.Declined, Reason: reason, Fresh: true,
	}
}

func TestADecisionReachesTheRequestThatWaits(t *testing.T) {
	inFakeTime(t, 5, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		began := time.Now()
		s.log.resumeConsumer()
		a := <-answer
		expect(t, a, sale.Bought, "")
		if time.Since(began) != 0 || a.Sale.Taken != 1 || s.calls.of("verdicts") != 0 {
			t.Errorf("after %v, with %d taken and %v", time.Since(began), a.Sale.Taken, s.calls.all())
		}
	})
}

// The message with a verdict was lost, or another process consumed the log while Redis was away.
func TestVerdictsThatWereNotAnnouncedAreLookedUp(t *testing.T) {
	inFakeTime(t, 400, func(t *testing.T, s *simulatedServers, p *process) {
		s.addShoppers(200)
		s.ledger.losesDecisions(true)
		p.run(t)
		synctest.Wait()
		began := time.Now()
		kinds, _ := p.buyAll(200, func(i int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: fmt.Sprintf("s%d", i)} })
		if took := time.Since(began); kinds[sale.Bought] != 200 || took > 2*lookUpAfter {
			t.Errorf("answers %v after %v", kinds, took)
		}
		if n := s.calls.of("verdicts"); n > 2 {
			t.Errorf("%d questions for 200 claims, want one for all", n)
		}
	})
}

// A shopper who is answered "bought" sees it in the figures of this process at once, however the verdict came.
func TestAnAnswerByALookUpShowsItsOwnOrder(t *testing.T) {
	inFakeTime(t, 5, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.losesDecisions(true)
		p.run(t)
		synctest.Wait()
		a := <-p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		expect(t, a, sale.Bought, "")
		now, err := p.catalog.Snapshot("")
		if err != nil || a.Sale.Taken != 1 || now.Taken != 1 || s.calls.of("verdicts") == 0 {
			t.Errorf("the answer shows %d sold, the status %d, %v; %v", a.Sale.Taken, now.Taken, err, s.calls.all())
		}
	})
}

func TestNoLookUpsWhileNoRequestWaits(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		p.run(t)
		time.Sleep(time.Minute)
		if n := s.calls.of("verdicts"); n != 0 {
			t.Errorf("%d questions about nothing", n)
		}
	})
}

func TestALookUpThatFailsIsMadeAgain(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.losesDecisions(true)
		p.run(t)
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		s.ledger.fails(errAway)
		time.Sleep(3 * lookUpAfter)
		s.ledger.fails(nil)
		began := time.Now()
		expect(t, <-answer, sale.Bought, "")
		if took := time.Since(began); took > lookUpAfter {
			t.Errorf("the next read came after %v", took)
		}
	})
}

// The request of a claim in the share was answered "pending". The share is free as soon as the verdict is found.
func TestAPendingClaimLeavesTheShareWhenItsVerdictIsFound(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.places.fails(sale.ErrUnavailable)
		s.ledger.losesDecisions(true)
		s.log.pauseConsumer()
		p.live = func() int { return 2 }
		p.run(t)
		expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true}), sale.Pending, "")
		expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "ben", Async: true}), sale.Overloaded, "")
		s.log.resumeConsumer()
		time.Sleep(20*lookUpAfter + lookUpAfter)
		expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "ben", Async: true}), sale.Pending, "")
	})
}

func TestPlacesOfDeclinedClaimsComeBack(t *testing.T) {
	inFakeTime(t, 9, func(t *testing.T, s *simulatedServers, p *process) {
		for user := range int64(6) {
			s.places.addHolder(saleKey, user)
		}
		old := declinedNow(2, events.ReasonSoldOut)
		old.Fresh = false
		p.Decided(events.Decision{Verdicts: []events.Verdict{
			declinedNow(0, events.ReasonSoldOut), declinedNow(1, events.ReasonPaused), old, declinedNow(3, events.ReasonAlreadyOwns),
			{ClaimID: uuid.New(), SaleID: flashSale, Generation: 1, UserID: 4, Outcome: events.Ordered, Fresh: true}, {},
		}})
		p.run(t)
		synctest.Wait()
		for user, taken := range []bool{false, false, true, true, true, true} {
			if s.places.isHolder(int64(user)) != taken {
				t.Errorf("place %d taken: %v, want %v", user, !taken, taken)
			}
		}
		if n := s.calls.of("release"); n != 1 {
			t.Errorf("%d calls for one batch", n)
		}
	})
}

func TestAPlaceThatWasGivenBackIsGivenAgain(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		p.run(t)
		s.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
		expect(t, p.press("anna"), sale.Refused, sale.ReasonPaused)
		synctest.Wait()
		s.ledger.change(func(row *sale.Row) { row.State = sale.Open })
		p.readChanges(t)
		expect(t, p.press("ben"), sale.Bought, "")
	})
}

// Redis is slow or away: places that do not fit into the queue are left to the reconciler, and nobody waits.
func TestReleasesNeverBlockADecision(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, _ *process) {
		registry := prometheus.NewRegistry()
		p := s.process(t, func(d *Deps) { d.Registerer = registry })
		many := make([]events.Verdict, releaseQueue+100)
		for i := range many {
			many[i] = declinedNow(int64(i), events.ReasonSoldOut)
		}
		p.Decided(events.Decision{Verdicts: many})
		if n := metric(t, registry, "flashsale_releases_dropped_total"); n != 100 || len(p.releases) != releaseQueue {
			t.Errorf("%v dropped, %d wait", n, len(p.releases))
		}
		s.places.releaseFault.acts(func(ctx context.Context) error {
			if _, limited := ctx.Deadline(); !limited {
				t.Error("a call without a deadline")
			}
			return errAway
		})
		p.run(t)
		synctest.Wait()
		if n := metric(t, registry, "flashsale_releases_dropped_total"); n != releaseQueue+100 {
			t.Errorf("%v are counted as not given back", n)
		}
		if n := s.calls.of("release"); n > releaseQueue/releaseBatch+1 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestTheCatalogRefreshesForWhatADecisionDoesNotSay(t *testing.T) {
	ordered := events.Verdict{ClaimID: uuid.New(), SaleID: flashSale, Generation: 1, UserID: 1, Outcome: events.Ordered}
	for name, c := range map[string]struct {
		decision events.Decision
		reads    int
	}{
		"a closed sale":           {events.Decision{Closed: []int64{1}}, 1},
		"orders read again":       {events.Decision{Verdicts: []events.Verdict{ordered}}, 1},
		"declines only":           {events.Decision{Verdicts: []events.Verdict{declinedNow(1, events.ReasonSoldOut)}}, 0},
		"orders with their stock": {events.Decision{Verdicts: []events.Verdict{ordered}, Stocks: []events.Stock{{SaleID: 1, Generation: 1, Version: 11}}}, 0},
		"an unknown generation":   {events.Decision{Stocks: []events.Stock{{SaleID: 1, Generation: 2, Version: 50}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, _ *simulatedServers, p *process) {
				if p.Decided(c.decision); len(p.catalog.refreshDue) != c.reads {
					t.Errorf("%d refreshes asked for, want %d", len(p.catalog.refreshDue), c.reads)
				}
			})
		})
	}
}

func TestOnlyLiveOrdersOfThisGenerationBecomeReceipts(t *testing.T) {
	order := events.Verdict{ClaimID: uuid.New(), SaleID: flashSale, Generation: 1, UserID: 1, Outcome: events.Ordered, Unit: 1, Revision: 99}
	for name, c := range map[string]struct {
		change  func(*events.Verdict)
		noticed bool
	}{
		"decided now":           {func(v *events.Verdict) { v.Fresh = true }, true},
		"read again":            {func(*events.Verdict) {}, true},
		"cancelled":             {func(v *events.Verdict) { v.NextAttempt = 2 }, false},
		"of another generation": {func(v *events.Verdict) { v.Generation = 7 }, false},
		"of another sale":       {func(v *events.Verdict) { v.SaleID = 7 }, false},
		"declined":              {func(v *events.Verdict) { v.Outcome = events.Declined }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
				v := order
				c.change(&v)
				p.Decided(events.Decision{Verdicts: []events.Verdict{v}})
				if r, ok := p.catalog.find("").receipts.receipt(saleKey, s.accounts.shopper("anna")); ok != c.noticed {
					t.Errorf("the receipt cache has %+v, %v", r, ok)
				}
			})
		})
	}
}

// An order was made, then cancelled, and announced only then: over the bus, or by a slow read.
func TestAnOrderAnnouncedTooLateAddsNoReceipt(t *testing.T) {
	t.Parallel()
	for name, since := range map[string]func(t *testing.T, s *simulatedServers, p *process){
		"the process has seen the change":   func(t *testing.T, _ *simulatedServers, p *process) { p.readChanges(t) },
		"and has emptied the receipt cache": func(t *testing.T, _ *simulatedServers, p *process) { p.readChanges(t); p.loadReceiptCache(t) },
		"and has loaded the receipt cache": func(t *testing.T, s *simulatedServers, p *process) {
			s.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
			p.readChanges(t)
			p.loadReceiptCache(t)
			if !p.catalog.find("").receipts.complete(12) {
				t.Fatal("not loaded")
			}
		},
		"of another generation": func(t *testing.T, s *simulatedServers, p *process) {
			s.ledger.change(func(row *sale.Row) { row.Generation++ })
			p.readChanges(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
				v := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
				s.ledger.cancel(v.ClaimID)
				since(t, s, p)
				p.apply(events.Decision{Verdicts: []events.Verdict{v}}, p.metrics.told)
				p.readChanges(t)
				if r, ok := p.catalog.find("").receipts.receipt(p.catalog.find("").Key, s.accounts.shopper("anna")); ok {
					t.Errorf("the receipt cache has an order that was cancelled: %+v", r)
				}
			})
		})
	}
	t.Run("a process that has just begun", func(t *testing.T) {
		inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, _ *process) {
			v := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
			s.ledger.cancel(v.ClaimID)
			p := s.process(t)
			p.apply(events.Decision{Verdicts: []events.Verdict{v}}, p.metrics.told)
			if _, ok := p.catalog.find("").receipts.receipt(saleKey, s.accounts.shopper("anna")); ok {
				t.Error("the receipt cache has an order that was cancelled")
			}
		})
	})
}

// A ledger that was restored from a backup goes on from an older version. What it says from then on is new.
func TestARestoredLedgerIsBelieved(t *testing.T) {
	inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
		p.press("anna")
		p.readChanges(t)
		p.loadReceiptCache(t)
		s.ledger.mu.Lock()
		level := s.ledger.state.Levels[saleKey]
		level.Version = 3
		s.ledger.state.Levels[saleKey] = level
		s.ledger.mu.Unlock()
		time.Sleep(time.Second)
		p.readChanges(t)
		expect(t, p.press("ben"), sale.Bought, "")
		if _, ok := p.catalog.find("").receipts.receipt(saleKey, s.accounts.shopper("ben")); !ok {
			t.Error("commits of the restored ledger are taken for old ones")
		}
	})
}

func TestAProcessThatIsAlonePublishesNothing(t *testing.T) {
	t.Parallel()
	for live, published := range map[int]int{1: 0, 2: 1} {
		s := newSimulatedServers(t, 1)
		bus := newRecordedBus()
		p := s.process(t, func(d *Deps) { d.Bus, d.Live = bus, func() int { return live } })
		d := events.Decision{Verdicts: []events.Verdict{declinedNow(1, events.ReasonPaused)}, Stocks: []events.Stock{{SaleID: 1, Generation: 1, Taken: 1}}}
		p.Decided(d)
		if len(bus.queue) != published {
			t.Fatalf("%d live processes: %d messages", live, len(bus.queue))
		}
		if published == 0 {
			continue
		}
		if m := <-bus.queue; m.channel != verdictsChannel || fmt.Sprint(*m.decision) != fmt.Sprint(d) {
			t.Errorf("published %+v on %s, want %+v", m.decision, m.channel, d)
		}
	}
}

// messageOf is a decision as a message of another process.
func messageOf(t *testing.T, d *events.Decision) []byte {
	t.Helper()
	text, err := cluster.Write("another", d)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWhatAnotherProcessDecided(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		bus := newRecordedBus()
		other := s.process(t, func(d *Deps) { d.Bus, d.Live = bus, func() int { return 2 } })
		s.ledger.decided = other.Decided
		s.log.pauseConsumer()
		p.places = s.places
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		s.log.resumeConsumer()
		synctest.Wait()
		p.receiveText([]byte("{")) // unreadable: ignored
		p.receiveText(messageOf(t, (<-bus.queue).decision))
		a := <-answer
		expect(t, a, sale.Bought, "")
		if a.Sale.Taken != 1 {
			t.Errorf("the answer shows %d taken", a.Sale.Taken)
		}
		before := s.calls.all()
		expect(t, p.press("anna"), sale.AlreadyBought, "")
		if after := s.calls.all(); fmt.Sprint(before) != fmt.Sprint(after) {
			t.Error("the receipt was announced, and is looked up")
		}
		p.receiveText([]byte(`{"closed":[1]}`))
		if len(p.catalog.refreshDue) != 1 {
			t.Error("a sale that was closed is not read")
		}
		if len(p.releases) != 0 {
			t.Error("every process that gets the message gives the place back")
		}
	})
}
