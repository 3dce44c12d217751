package checkout

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

func TestALogThatDoesNotAcknowledge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		log  func(context.Context) error
		took time.Duration
	}{
		"refuses":           {func(context.Context) error { return errAway }, 0},
		"hangs":             {hangs, appendTime},
		"is slow":           {func(context.Context) error { time.Sleep(appendTime - time.Millisecond); return nil }, appendTime - time.Millisecond},
		"answers just late": {func(ctx context.Context) error { time.Sleep(appendTime + time.Millisecond); return ctx.Err() }, appendTime + time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.log.acts(c.log)
				began := time.Now()
				a := p.press("anna")
				if a.Kind != sale.Bought || time.Since(began) != c.took {
					t.Errorf("got %s after %v, want it bought after %v", a.Kind, time.Since(began), c.took)
				}
				want := 1
				if name == "is slow" {
					want = 0
				}
				if n := s.calls.of("direct"); n != want {
					t.Errorf("the ledger was asked %d times, want %d", n, want)
				}
			})
		})
	}
}

func TestNobodyReadsTheLog(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		time.Sleep(time.Minute)
		p.readChanges(t)
		s.log.pauseConsumer()
		began := time.Now()
		a := p.press("anna")
		if a.Kind != sale.Bought || time.Since(began) != idleTime || s.calls.of("direct") != 1 {
			t.Errorf("got %s after %v with %v", a.Kind, time.Since(began), s.calls.all())
		}
		s.log.resumeConsumer()
		synctest.Wait()
		if at, _ := s.log.position(); at != 1 {
			t.Fatal("the log's copy was not read")
		}
		if again := p.press("anna"); again.Kind != sale.AlreadyBought || again.Receipt != a.Receipt {
			t.Errorf("after the log's copy of the claim: %+v", again)
		}
	})
}

// A ledger that gets on, but slowly, is not helped by more work.
func TestALogThatIsReadSlowly(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.cursor = func() (int64, time.Time) { return 0, time.Now().Add(-100 * time.Millisecond) }
		s.log.pauseConsumer()
		began := time.Now()
		a := p.press("anna")
		if a.Kind != sale.Pending || time.Since(began) != verdictTime || s.calls.of("direct") != 0 {
			t.Errorf("got %s after %v with %v", a.Kind, time.Since(began), s.calls.all())
		}
		if a.Position == nil || *a.Position != (events.Position{Partition: 3, Offset: 0}) || a.ClaimID != s.log.written()[0].ID {
			t.Errorf("the answer does not say where the claim is: %+v", a)
		}
	})
}

func TestWithoutTheLedger(t *testing.T) {
	t.Parallel()
	t.Run("an acknowledged claim is pending", func(t *testing.T) {
		for name, away := range map[string]func(context.Context) error{"refuses": func(context.Context) error { return errAway }, "hangs": hangs} {
			t.Run(name, func(t *testing.T) {
				inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
					s.log.pauseConsumer()
					s.ledger.acts(away)
					s.ledger.cursorFault.acts(away)
					began := time.Now()
					a := p.press("anna")
					if took := time.Since(began); a.Kind != sale.Pending || took < verdictTime || took > verdictTime+appendTime {
						t.Errorf("got %s after %v", a.Kind, took)
					}
					s.ledger.acts(nil)
					s.log.resumeConsumer()
					synctest.Wait()
					if a := p.press("anna"); a.Kind != sale.AlreadyBought {
						t.Errorf("when the ledger is back: %s", a.Kind)
					}
				})
			})
		}
	})
	t.Run("any other is not bought as far as anybody knows", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.acts(hangs)
			s.ledger.acts(hangs)
			began := time.Now()
			a := p.press("anna")
			if took := time.Since(began); a.Kind != sale.Unavailable || took != appendTime+directTime {
				t.Errorf("got %s after %v", a.Kind, took)
			}
			if a.RetryAfter < time.Second || a.RetryAfter >= 2*time.Second || a.Position != nil {
				t.Errorf("answer %+v", a)
			}
		})
	})
}

func TestAVerdictThatComesWhileTheLedgerIsAskedDirectly(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.acts(func(context.Context) error { return errAway })
		s.ledger.acts(func(context.Context) error {
			p.Decided(s.ledger.decide(events.Direct, p.claimOf(s, "anna", 1))) // by somebody else
			return errAway
		})
		if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.Unit != 1 {
			t.Errorf("got %s", a.Kind)
		}
	})
}

func TestAnAsynchronousPress(t *testing.T) {
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

// Who is told "pending" at once presses again soon; the log need not have the claim each time.
func TestAsynchronousPressesDoNotFillTheLog(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		p.run(t)
		first := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		for range 9 {
			time.Sleep(resendEvery / 10)
			again := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
			if again.Kind != sale.Pending || again.ClaimID != first.ClaimID || again.Position == nil || *again.Position != *first.Position {
				t.Fatalf("pressed again: %+v, want what was answered before: %+v", again, first)
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

// A press that waits, made soon after one that did not, is the only one to see that nobody consumes.
func TestAPressAfterAnAsynchronousOneIsDecidedThoughNobodyConsumes(t *testing.T) {
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

func TestAShopperWhoHasThePlaceAlready(t *testing.T) {
	t.Parallel()
	t.Run("by an owner", func(t *testing.T) {
		inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 1)
			v := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
			if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != v.ClaimID || s.calls.of("append") != 0 {
				t.Errorf("got %s with %v", a.Kind, s.calls.all())
			}
			if p.pending.count.Load() != 0 {
				t.Error("a pending claim is left over")
			}
		})
	})
	t.Run("by another press that waits", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.pauseConsumer()
			first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			second, third := p.buyInBackground(sale.PurchaseRequest{Name: "anna"}), p.buyInBackground(sale.PurchaseRequest{Name: "anna", Async: true})
			synctest.Wait()
			if a := <-third; a.Kind != sale.Pending || a.Position == nil {
				t.Errorf("an asynchronous press that joins got %s", a.Kind)
			}
			s.log.resumeConsumer()
			a, b := <-first, <-second
			if a.Kind != sale.Bought || b.Kind != sale.AlreadyBought || a.Receipt != b.Receipt {
				t.Errorf("got %s and %s", a.Kind, b.Kind)
			}
			if n := len(s.log.written()); n != 1 {
				t.Errorf("the claim was written %d times", n)
			}
		})
	})
	t.Run("by a press that is over", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 1)
			a := p.press("anna")
			if a.Kind != sale.Bought || a.Receipt.Unit != 1 || len(s.log.written()) != 1 {
				t.Errorf("got %s with %v: the claim has to be written again, and nobody else bought", a.Kind, s.calls.all())
			}
		})
	})
	t.Run("by another press whose claim is being written", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.acts(hangs)
			first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			if a, b := <-first, <-second; a.Kind != sale.Bought || b.Kind != sale.AlreadyBought {
				t.Errorf("got %s and %s", a.Kind, b.Kind)
			}
			if s.calls.of("append") != 1 || s.calls.of("direct") != 1 {
				t.Errorf("each press does for itself what one does for all: %v", s.calls.all())
			}
		})
	})
	t.Run("by another press whose claim nobody takes", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.acts(hangs)
			s.ledger.acts(hangs)
			first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			began := time.Now()
			if a := p.press("anna"); a.Kind != sale.Unavailable || time.Since(began) > lookupTime+verdictTime {
				t.Errorf("got %s after %v: nothing is pending", a.Kind, time.Since(began))
			}
			<-first
		})
	})
	t.Run("while the ledger cannot say whose", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 1)
			s.ledger.fails(errAway)
			s.log.pauseConsumer()
			if a := p.press("anna"); a.Kind != sale.Pending {
				t.Errorf("got %s", a.Kind)
			}
		})
	})
}

// However many presses find the claim pending, the log gets it once a second.
func TestAPendingClaimIsWrittenOnceASecond(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.places.addHolder(saleKey, 1)
		s.ledger.cursor = func() (int64, time.Time) { return 0, time.Now() } // it is getting on
		s.log.pauseConsumer()
		var all sync.WaitGroup
		for range 26 {
			for range 5 {
				all.Go(func() { p.press("anna") })
			}
			time.Sleep(100 * time.Millisecond)
		}
		all.Wait()
		if n := len(s.log.written()); n != 3 {
			t.Errorf("written %d times in 2.6 s, want 3", n)
		}
	})
}

func TestOneShopperPressesFourHundredTimes(t *testing.T) {
	t.Parallel()
	press := func(int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: "anna"} }
	check := func(t *testing.T, s *simulatedServers, p *process) {
		kinds, answers := p.buyAll(400, press)
		if kinds[sale.Bought] != 1 || kinds[sale.AlreadyBought] != 399 {
			t.Fatalf("answers %v", kinds)
		}
		for _, a := range answers {
			if a.Receipt.OrderID != answers[0].Receipt.OrderID || a.Receipt.Unit != 1 {
				t.Fatalf("two receipts: %+v and %+v", a.Receipt, answers[0].Receipt)
			}
		}
		if p.pending.count.Load() != 0 || len(p.pending.shares) != 0 {
			t.Errorf("%d pending claims are left over, shares %v", p.pending.count.Load(), p.pending.shares)
		}
		if s.ledger.state.Levels[saleKey].Taken != 1 {
			t.Error("more than one unit is gone")
		}
	}
	t.Run("all parts work", func(t *testing.T) { inFakeTime(t, 10, check) })
	t.Run("the servers take their time", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.takes(4 * time.Millisecond)
			s.ledger.cursorFault.fails(nil)
			check(t, s, p)
		})
	})
	t.Run("another process decides, and its messages are lost", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.ledger.losesDecisions(true)
			p.run(t)
			check(t, s, p)
		})
	})
	t.Run("Redis is away", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.fails(sale.ErrUnavailable)
			check(t, s, p)
		})
	})
	t.Run("the log is away", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.fails(errAway)
			check(t, s, p)
		})
	})
	t.Run("everything but the ledger is away, and Redis says so late", func(t *testing.T) {
		inFakeTime(t, 10, func(t *testing.T, s *simulatedServers, p *process) {
			n, mu := 0, sync.Mutex{}
			s.log.fails(errAway)
			s.places.acts(func(context.Context) error {
				mu.Lock()
				n++
				late := time.Duration(n%7) * time.Millisecond
				mu.Unlock()
				time.Sleep(late)
				return sale.ErrUnavailable
			})
			check(t, s, p)
		})
	})
}

func TestMoreShoppersThanUnits(t *testing.T) {
	inFakeTime(t, 20, func(t *testing.T, s *simulatedServers, p *process) {
		p.run(t)
		s.addShoppers(300)
		s.places.limit = 40 // more places than units, as with a Redis that is out of date
		kinds, answers := p.buyAll(300, func(i int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: fmt.Sprintf("s%d", i)} })
		units := make(map[int64]bool)
		for _, a := range answers {
			switch {
			case a.Kind == sale.Bought:
				units[a.Receipt.Unit] = true
			case a.Reason != sale.ReasonSoldOut && a.Reason != sale.ReasonAllClaimed:
				t.Errorf("a loser got %s %q", a.Kind, a.Reason)
			case a.Reason == sale.ReasonSoldOut && a.Sale.Left() != 0:
				t.Errorf("sold out with %d left", a.Sale.Left())
			}
		}
		if kinds[sale.Bought] != 20 || kinds[sale.Refused] != 280 || len(units) != 20 {
			t.Errorf("answers %v, %d units", kinds, len(units))
		}
		synctest.Wait()
		if n := len(s.places.holders[saleKey]); n != 20 {
			t.Errorf("%d holders, want the 20 owners: declined claims give their places back", n)
		}
	})
}

func TestAnOldDecline(t *testing.T) {
	t.Parallel()
	decline := func(s *simulatedServers, p *process, attempt int) {
		s.ledger.change(func(sh *sale.Row) { sh.State = sale.Paused })
		s.ledger.decide(events.FromLog, p.claimOf(s, "anna", attempt))
		s.ledger.change(func(sh *sale.Row) { sh.State = sale.Open })
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
	t.Run("after an old decline ends the press", func(t *testing.T) {
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
				t.Errorf("the next press is attempt %d again", next)
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
					t.Error("not told to press again")
				}
			})
		})
	}
}

// The claim was declined by another process, and this one only finds the verdict: it is as new as its time says.
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

// The receipt cache is behind and Redis has forgotten her, but the ledger knows its own.
func TestSomebodyWhoOwnsAlreadyGetsTheReceipt(t *testing.T) {
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

func TestTheGenerationChangesWhileAPressWaits(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		s.ledger.change(func(sh *sale.Row) { sh.Generation = 2 })
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

func TestWithoutRedisEachProcessHasItsShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ left, processes, share int }{{1, 1, 1}, {7, 1, 7}, {7, 2, 4}, {8, 2, 4}, {9, 4, 3}, {1, 5, 1}, {3, 0, 3}} {
		t.Run(fmt.Sprintf("%d left, %d processes", c.left, c.processes), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSimulatedServers(t, int64(c.left)+1)
				s.ledger.sell(s.accounts.shopper("cleo"), sale.PurchaseRequest{})
				p := s.process(t, func(d *Deps) { d.Live = func() int { return c.processes } })
				s.addShoppers(30)
				s.places.fails(fmt.Errorf("%w: breaker open", sale.ErrUnavailable))
				s.ledger.cursor = func() (int64, time.Time) { return 0, time.Now() }
				s.log.pauseConsumer()
				kinds, answers := p.buyAll(30, func(i int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: fmt.Sprintf("s%d", i)} })
				if kinds[sale.Pending] != c.share || kinds[sale.Overloaded] != 30-c.share {
					t.Fatalf("answers %v, want %d admitted", kinds, c.share)
				}
				for _, a := range answers {
					if a.Kind == sale.Overloaded && (a.RetryAfter < 2*time.Second || a.RetryAfter >= 5*time.Second) {
						t.Errorf("told to press again after %v", a.RetryAfter)
					}
				}
				if a := p.press("cleo"); a.Kind != sale.AlreadyBought {
					t.Errorf("an owner beyond the share got %s", a.Kind)
				}
				// Their presses are over, but the log has their claims: they still count.
				if a := p.press("anna"); a.Kind != sale.Overloaded {
					t.Errorf("another shopper got %s while all of the share is undecided", a.Kind)
				}
				s.log.resumeConsumer()
				synctest.Wait()
				if len(p.pending.shares) != 0 || p.pending.count.Load() != 0 {
					t.Errorf("shares %v after the verdicts", p.pending.shares)
				}
			})
		})
	}
}

// What the log did not take leaves the share with its press.
func TestAShareIsNotLostToClaimsThatNobodyHas(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.places.fails(sale.ErrUnavailable)
		s.log.fails(errAway)
		s.ledger.fails(errAway)
		for range 5 {
			if a := p.press("anna"); a.Kind != sale.Unavailable {
				t.Fatalf("got %s", a.Kind)
			}
		}
		s.ledger.fails(nil)
		if a := p.press("ben"); a.Kind != sale.Bought {
			t.Errorf("when the ledger is back: %s", a.Kind)
		}
	})
}

// Redis answered this press late: by then the same shopper's other press had bought and gone.
func TestOnlyOnePressSaysThatItBought(t *testing.T) {
	t.Parallel()
	t.Run("without Redis", func(t *testing.T) {
		inFakeTime(t, 3, func(t *testing.T, s *simulatedServers, p *process) {
			late := make(chan struct{})
			s.places.acts(func(context.Context) error { <-late; return sale.ErrUnavailable })
			second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
			synctest.Wait()
			s.places.fails(sale.ErrUnavailable)
			if a := p.press("anna"); a.Kind != sale.Bought {
				t.Fatalf("the first press got %s", a.Kind)
			}
			close(late)
			if a := <-second; a.Kind != sale.AlreadyBought || a.Receipt.Unit != 1 {
				t.Errorf("the second press got %s", a.Kind)
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
				t.Fatalf("the first press got %s", a.Kind)
			}
			_ = s.places.Release(t.Context(), saleKey, []int64{1})
			close(late)
			if a := <-second; a.Kind != sale.AlreadyBought || a.Receipt.Unit != 1 {
				t.Errorf("the second press got %s", a.Kind)
			}
		})
	})
}

func TestOneShopperWhoLeavesHarmsNoOther(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan sale.Answer, 1)
		go func() { gone <- p.Buy(ctx, sale.PurchaseRequest{Name: "anna"}) }()
		synctest.Wait()
		joined, other := p.buyInBackground(sale.PurchaseRequest{Name: "anna"}), p.buyInBackground(sale.PurchaseRequest{Name: "ben"})
		synctest.Wait()
		leave()
		synctest.Wait()
		s.log.resumeConsumer()
		if a, b := <-joined, <-other; a.Kind != sale.AlreadyBought || b.Kind != sale.Bought {
			t.Errorf("those who stayed got %s and %s", a.Kind, b.Kind)
		}
		if a := <-gone; a.Kind != sale.Bought {
			t.Errorf("the claim of the one who left came to %s", a.Kind)
		}
	})
}
