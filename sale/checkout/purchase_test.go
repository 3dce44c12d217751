package checkout

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// want checks an answer's kind and reason.
func want(t *testing.T, what string, a sale.Answer, k sale.Kind, reason sale.Reason) {
	t.Helper()
	if a.Kind != k || a.Reason != reason {
		t.Errorf("%s: %s %q, want %s %q", what, a.Kind, a.Reason, k, reason)
	}
}

func TestAPressBuysAUnit(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		a := w.press("a")
		want(t, "press", a, sale.Bought, "")
		id := sale.ClaimID(saletest.Secret(), 1, 'a', 1)
		if r := a.Receipt; r.OrderID != id || r.Unit != 1 || r.UserID != 'a' || r.Username != "a" || r.At.IsZero() || a.ClaimID != id {
			t.Errorf("receipt %+v", r)
		}
		if a.Sale.Taken != 1 || a.Sale.Left() != 4 {
			t.Errorf("one's own unit is not counted: %d taken", a.Sale.Taken)
		}
		again := w.press("a")
		want(t, "again", again, sale.AlreadyBought, "")
		if again.Receipt.OrderID != id || again.Receipt.Unit != 1 || !again.Receipt.At.Equal(a.Receipt.At) {
			t.Errorf("another receipt %+v", again.Receipt)
		}
	})
}

func TestOnePersonPressing400TimesAtOnceBuysOneUnit(t *testing.T) {
	const presses = 400
	for name, f := range map[string]faults{
		"all is well":   {latency: time.Millisecond},
		"without Redis": {latency: time.Millisecond, redis: true},
		"without Kafka": {latency: time.Millisecond, kafka: true},
		"without both":  {latency: time.Millisecond, redis: true, kafka: true},
		"from afar":     {latency: time.Millisecond, elder: true},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, 5, func(w *memoryProcess) {
				w.change(func() { w.faults = f })
				answers := make([]sale.Answer, presses)
				var all sync.WaitGroup
				for i := range answers {
					all.Go(func() { answers[i] = w.press("a") })
				}
				all.Wait()
				bought := 0
				for _, a := range answers {
					switch a.Kind {
					case sale.Bought:
						bought++
					case sale.AlreadyBought:
					case sale.Unavailable, sale.Pending, sale.Refused, sale.NotAuthorized, sale.UnknownShopper, sale.Overloaded:
						t.Fatalf("%s %s", a.Kind, a.Reason)
					}
					if a.Receipt.OrderID != sale.ClaimID(saletest.Secret(), 1, 'a', 1) || a.Receipt.Unit != 1 {
						t.Fatalf("receipt %+v", a.Receipt)
					}
				}
				if bought != 1 || w.row.Level.Taken != 1 {
					t.Errorf("%d presses bought, %d units are taken", bought, w.row.Level.Taken)
				}
			})
		})
	}
}

func TestTheSameIdempotencyKeyIsTheSamePress(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		key := func(k string) sale.Answer {
			return w.checkout.Buy(w.ctx, sale.PurchaseRequest{Name: "a", IdempotencyKey: k})
		}
		want(t, "first", key("k1"), sale.Bought, "")
		for k, same := range map[string]bool{"k1": true, "k2": false, "": false} {
			a := key(k)
			want(t, "key "+k, a, sale.AlreadyBought, "")
			if a.SameKey != same {
				t.Errorf("key %q: same %v", k, a.SameKey)
			}
		}
		// Only the order's row knows the key, and it is asked once.
		if n := w.count("receipt"); n > 1 {
			t.Errorf("%d look-ups for one receipt", n)
		}
	})
}

func TestWhoPressesComesFirst(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		w.change(func() {
			w.people["banned"] = Shopper{ID: 1, Username: "banned"}
			w.strange["late"] = Shopper{ID: 2, Username: "late", MayPurchase: true}
		})
		want(t, "unknown", w.press("nobody"), sale.UnknownShopper, "")
		want(t, "may not", w.press("banned"), sale.NotAuthorized, "")
		want(t, "known to Postgres only", w.press("late"), sale.Bought, "")
		w.operator(func() { w.row.State = sale.Closed })
		want(t, "may not, ended", w.press("banned"), sale.NotAuthorized, "")
		want(t, "unknown, ended", w.press("nobody"), sale.Refused, sale.ReasonEnded)
		w.change(func() { w.faults.postgres = true })
		want(t, "unknown, ended, Postgres away", w.press("nobody"), sale.Refused, sale.ReasonEnded)
	})
}

func TestAnUnknownNameNeedsPostgresWhileTheSaleRuns(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		w.change(func() { w.faults.postgres = true })
		want(t, "unknown", w.press("nobody"), sale.Unavailable, "")
	})
}

func TestNoSaleIsAnAnswerToo(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		a := w.checkout.Buy(w.ctx, sale.PurchaseRequest{Slug: "nowhere", Name: "a"})
		if a.Kind != sale.Unavailable || a.Sale.ID != 0 {
			t.Errorf("%+v", a)
		}
	})
}

func TestAnOwnerGetsTheReceiptInAnyState(t *testing.T) {
	for name, change := range map[string]func(w *memoryProcess){
		"sold out": func(w *memoryProcess) { w.press("b") },
		"paused":   func(w *memoryProcess) { w.operator(func() { w.row.State = sale.Paused }) },
		"closing":  func(w *memoryProcess) { w.operator(func() { w.row.State, w.row.ClosingVersion = sale.Closing, 2 }) },
		"closed":   func(w *memoryProcess) { w.operator(func() { w.row.State = sale.Closed }) },
		"stale":    func(w *memoryProcess) { w.change(func() { w.faults.postgres = true }); time.Sleep(3 * time.Second) },
		"forgotten": func(w *memoryProcess) { // a process that was started after the purchase
			w.operator(func() { w.row.State = sale.Paused })
			w.catalog.find("").receipts.clear()
		},
		"forgotten by Redis": func(w *memoryProcess) { w.change(func() { w.holders = nil }) },
		"Redis away, no share left": func(w *memoryProcess) {
			w.catalog.find("").receipts.clear()
			w.change(func() { w.faults.redis = true })
			w.checkout.pending.shares = map[sale.Key]int{{Sale: 7, Generation: 1}: 99}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, 2, func(w *memoryProcess) {
				bought := w.press("a")
				change(w)
				a := w.press("a")
				want(t, name, a, sale.AlreadyBought, "")
				if a.Receipt.OrderID != bought.Receipt.OrderID || a.Receipt.Unit != bought.Receipt.Unit {
					t.Errorf("receipt %+v, want %+v", a.Receipt, bought.Receipt)
				}
			})
		})
	}
}

func TestLosersCostNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Row)
		reason sale.Reason
	}{
		"sold out":    {func(s *sale.Row) {}, sale.ReasonSoldOut},
		"paused":      {func(s *sale.Row) { s.State = sale.Paused }, sale.ReasonPaused},
		"closed":      {func(s *sale.Row) { s.State = sale.Closed }, sale.ReasonEnded},
		"not started": {func(s *sale.Row) { s.State, s.StartsAt = sale.Scheduled, time.Now().Add(time.Minute) }, sale.ReasonNotStarted},
		"over":        {func(s *sale.Row) { s.State, s.EndsAt = sale.Paused, time.Now().Add(-time.Minute) }, sale.ReasonEnded},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, 1, func(w *memoryProcess) {
				w.press("a")
				w.operator(func() { c.change(&w.row) })
				time.Sleep(20 * time.Millisecond) // the receipt cache is loaded
				servers := []string{"redis", "kafka", "receipt", "name", "verdicts", "direct", "orders", "reconcile"}
				before := w.count(servers...)
				for range 50 {
					want(t, "known", w.press("b"), sale.Refused, c.reason)
					want(t, "unknown", w.press("nobody"), sale.Refused, c.reason)
					want(t, "owner", w.press("a"), sale.AlreadyBought, "")
				}
				if n := w.count(servers...) - before; n != 0 {
					t.Errorf("%d questions for 150 presses", n)
				}
			})
		})
	}
}

func TestUntilTheReceiptsAreLoadedReceiptsAreLookedUp(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		w.change(func() { w.strange["s"] = Shopper{ID: 's', Username: "s", MayPurchase: true}; delete(w.people, "s") })
		w.press("s")
		w.change(func() { delete(w.people, "s"); w.faults.latency = 200 * time.Millisecond })
		w.change(func() { w.row.State = sale.Paused; w.row.Version++ })
		time.Sleep(time.Second) // the catalog sees it; the receipt cache takes longer
		w.catalog.find("").receipts.clear()
		want(t, "known", w.press("b"), sale.Refused, sale.ReasonPaused)
		w.catalog.find("").receipts.clear()
		want(t, "an owner whose name is not known", w.press("s"), sale.AlreadyBought, "")
	})
}

func TestASaleOpensAtItsSecond(t *testing.T) {
	inMemory(t, 3, func(w *memoryProcess) {
		start := time.Now().Add(10 * time.Second)
		w.operator(func() { w.row.State, w.row.StartsAt = sale.Scheduled, start })
		time.Sleep(time.Until(start) - time.Millisecond)
		want(t, "just before", w.press("a"), sale.Refused, sale.ReasonNotStarted)
		time.Sleep(time.Until(start))
		a := w.press("b")
		want(t, "in the first moment", a, sale.Bought, "")
		if a.Sale.Status() != sale.Active {
			t.Errorf("status %s", a.Sale.Status())
		}
	})
}

func TestAStartThatNobodyCanSeeIsNotNotStarted(t *testing.T) {
	inMemory(t, 3, func(w *memoryProcess) {
		start := time.Now().Add(10 * time.Second)
		w.operator(func() { w.row.State, w.row.StartsAt = sale.Scheduled, start })
		w.change(func() { w.faults.postgres = true })
		time.Sleep(5 * time.Second)
		want(t, "before the start, stale", w.press("a"), sale.Unavailable, "")
		time.Sleep(6 * time.Second)
		want(t, "after the start, stale", w.press("a"), sale.Unavailable, "")
	})
}

func TestASaleEndsThroughTheLog(t *testing.T) {
	inMemory(t, 3, func(w *memoryProcess) {
		end := time.Now().Add(10 * time.Second)
		w.operator(func() { w.row.EndsAt = end })
		time.Sleep(time.Until(end))
		want(t, "at the end", w.press("a"), sale.Refused, sale.ReasonEnded)
		time.Sleep(time.Second)
		synctest.Wait()
		if s, _ := w.catalog.Snapshot(""); s.State != sale.Closed {
			t.Errorf("state %s: the close record did not get through", s.State)
		}
	})
}

func TestAStaleProcessNeverSaysSoldOut(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		w.press("a")
		want(t, "fresh", w.press("b"), sale.Refused, sale.ReasonSoldOut)
		w.change(func() { w.faults.postgres = true })
		time.Sleep(3 * time.Second)
		before := w.count("receipt", "name", "redis")
		want(t, "stale", w.press("b"), sale.Unavailable, "")
		want(t, "stale, unknown", w.press("nobody"), sale.Unavailable, "")
		if n := w.count("receipt", "name", "redis") - before; n != 0 {
			t.Errorf("%d questions while stale", n)
		}
		s, err := w.catalog.Snapshot("")
		if err != nil || !s.Stale || s.Taken != 1 || s.Age < 2*time.Second {
			t.Errorf("status shows %+v, %v", s, err)
		}
		w.change(func() { w.faults.postgres = false })
		time.Sleep(2 * time.Second)
		want(t, "fresh again", w.press("b"), sale.Refused, sale.ReasonSoldOut)
	})
}

func TestAllClaimedIsNotSoldOut(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		w.change(func() { w.holders[99] = true }) // somebody's claim is under way
		a := w.press("a")
		want(t, "full", a, sale.Refused, sale.ReasonAllClaimed)
		if a.RetryAfter <= 0 || !a.Sale.AllClaimed {
			t.Errorf("answer %+v", a)
		}
		if s, _ := w.catalog.Snapshot(""); !s.AllClaimed || s.Status() != sale.Active {
			t.Errorf("status %s, all claimed %v", s.Status(), s.AllClaimed)
		}
		w.change(func() { delete(w.holders, 99) })
		want(t, "its place came back", w.press("a"), sale.Bought, "")
		if s, _ := w.catalog.Snapshot(""); s.AllClaimed {
			t.Error("still all claimed")
		}
	})
}

func TestTheWordAllClaimedFades(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		w.change(func() { w.holders[99] = true })
		w.press("a")
		time.Sleep(allClaimedFor + time.Millisecond)
		if s, _ := w.catalog.Snapshot(""); s.AllClaimed {
			t.Error("all claimed for ever")
		}
	})
}

func TestSoldOutEndsWithinTwoSecondsOfAReturn(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		order := w.press("a").Receipt.OrderID
		want(t, "sold out", w.press("b"), sale.Refused, sale.ReasonSoldOut)
		// Another process cancels, and nobody tells this one.
		w.change(func() {
			w.row.Level.Taken--
			w.row.Level.Version++
			w.row.Version++
			w.orders[order].Live, w.orders[order].Revision = false, w.row.Level.Version
			delete(w.holders, 'a')
		})
		time.Sleep(2 * time.Second)
		want(t, "after the return", w.press("b"), sale.Bought, "")
		want(t, "who was cancelled", w.press("a"), sale.Refused, sale.ReasonSoldOut)
	})
}

func TestACancelledShopperMayPressAgain(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		first := w.press("a").Receipt
		w.cancel(first.OrderID)
		time.Sleep(time.Second)
		a := w.press("a")
		want(t, "again", a, sale.Bought, "")
		if a.Receipt.OrderID == first.OrderID || a.Receipt.Attempt != 2 {
			t.Errorf("receipt %+v", a.Receipt)
		}
	})
}

// A process that does not remember the first attempt sends it once more, and hears of the order that was cancelled: the
// receipt is that of the order the shopper has now.
func TestTheVerdictOnACancelledOrderLeadsToTheLiveOne(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		first := w.press("a").Receipt
		w.cancel(first.OrderID)
		time.Sleep(time.Second)
		live := w.press("a").Receipt
		b := purchase{Checkout: w.checkout, request: sale.PurchaseRequest{Name: "a"}, entry: w.checkout.catalog.find(""), shopper: Shopper{ID: 'a', Username: "a", MayPurchase: true}}
		b.refreshSnapshot()
		b.pressedAt = b.sale.Now
		a := b.answerVerdict(w.ctx, &events.Verdict{
			ClaimID: first.OrderID, SaleID: first.SaleID, Generation: first.Generation, UserID: 'a', Username: "a",
			Attempt: 1, Outcome: events.Ordered, Unit: first.Unit, At: b.pressedAt, OrderID: live.OrderID,
		}, leader)
		want(t, "the first attempt again", a, sale.AlreadyBought, "")
		if a.Receipt.OrderID != live.OrderID {
			t.Errorf("receipt %v, want the live order's %v", a.Receipt.OrderID, live.OrderID)
		}
	})
}

func TestAnAsyncPressIsAnsweredWithTheAcknowledgement(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		w.change(func() { w.faults.consumer = true })
		began := time.Now()
		a := w.checkout.Buy(w.ctx, sale.PurchaseRequest{Name: "a", Async: true})
		want(t, "async", a, sale.Pending, "")
		if a.Position == nil || a.Position.Partition != 7 || a.ClaimID != sale.ClaimID(saletest.Secret(), 1, 'a', 1) || time.Since(began) > 50*time.Millisecond {
			t.Errorf("answer %+v after %v", a, time.Since(began))
		}
		w.claimIs(a, sale.ClaimPending)
		w.change(func() { w.faults.consumer = false })
		time.Sleep(time.Second)
		w.claimIs(a, sale.ClaimOrdered)
	})
}

func (w *memoryProcess) claimIs(a sale.Answer, status sale.ClaimStatus) {
	w.t.Helper()
	s, err := w.checkout.Claim(w.ctx, a.ClaimID, a.Position)
	if err != nil || s.State != status {
		w.t.Errorf("claim is %+v, %v, want %s", s, err, status)
	}
}

func TestAPressOutlivesItsRequestOnceItHasAPlace(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		ctx, leave := context.WithCancel(w.ctx)
		w.change(func() { w.faults.latency = 20 * time.Millisecond })
		time.AfterFunc(30*time.Millisecond, leave)
		w.checkout.Buy(ctx, sale.PurchaseRequest{Name: "a"})
		time.Sleep(time.Second)
		want(t, "the receipt", w.press("a"), sale.AlreadyBought, "")
		if n := w.checkout.pending.count.Load(); n != 0 {
			t.Errorf("%d claims are still pending", n)
		}
	})
}

func TestEverybodyGetsAUnitOrAReason(t *testing.T) {
	inMemory(t, 7, func(w *memoryProcess) {
		var all sync.WaitGroup
		var mu sync.Mutex
		kinds, units := map[string]int{}, map[int64]bool{}
		for c := 'a'; c <= 'z'; c++ {
			all.Go(func() {
				a := w.press(string(c))
				mu.Lock()
				defer mu.Unlock()
				kinds[fmt.Sprint(a.Kind, a.Reason)]++
				if a.Kind == sale.Bought {
					units[a.Receipt.Unit] = true
				}
			})
		}
		all.Wait()
		if kinds["bought"] != 7 || len(units) != 7 || kinds["refusedall-claimed"]+kinds["refusedsold-out"] != 19 {
			t.Errorf("%v, units %v", kinds, units)
		}
	})
}

func TestRepeatsOfOneProcessAreAnsweredByTheVerdictOfAnother(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		w.change(func() { w.faults.elder = true })
		began := time.Now()
		want(t, "by the look-up every 50 ms", w.press("a"), sale.Bought, "")
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("a late verdict took %v", took)
		}
		// By message: the other process tells at once, with its stock.
		d := w.rule(events.FromLog, []events.Claim{saletest.Claim(sale.Key{Sale: 7, Generation: 1}, 'b', 1)})
		w.checkout.apply(d, w.checkout.metrics.told)
		if s, _ := w.catalog.Snapshot(""); s.Taken != 2 {
			t.Errorf("taken %d, want 2", s.Taken)
		}
	})
}
