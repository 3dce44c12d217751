package sale

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
)

// want checks an answer's kind and reason.
func want(t *testing.T, what string, a Answer, k Kind, reason Reason) {
	t.Helper()
	if a.Kind != k || a.Reason != reason {
		t.Errorf("%s: %s %q, want %s %q", what, a.Kind, a.Reason, k, reason)
	}
}

func TestAPressBuysAUnit(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		a := w.press("a")
		want(t, "press", a, Bought, "")
		id := ClaimID(testSecret, 1, 'a', 1)
		if r := a.Receipt; r.OrderID != id || r.Unit != 1 || r.UserID != 'a' || r.Username != "a" || r.At.IsZero() || a.ClaimID != id {
			t.Errorf("receipt %+v", r)
		}
		if a.Sale.Taken != 1 || a.Sale.Left() != 4 {
			t.Errorf("one's own unit is not counted: %d taken", a.Sale.Taken)
		}
		again := w.press("a")
		want(t, "again", again, AlreadyBought, "")
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
				answers := make([]Answer, presses)
				var all sync.WaitGroup
				for i := range answers {
					all.Go(func() { answers[i] = w.press("a") })
				}
				all.Wait()
				bought := 0
				for _, a := range answers {
					switch a.Kind {
					case Bought:
						bought++
					case AlreadyBought:
					case Unavailable, Pending, Refused, NotAuthorized, UnknownShopper, Overloaded:
						t.Fatalf("%s %s", a.Kind, a.Reason)
					}
					if a.Receipt.OrderID != ClaimID(testSecret, 1, 'a', 1) || a.Receipt.Unit != 1 {
						t.Fatalf("receipt %+v", a.Receipt)
					}
				}
				if bought != 1 || w.row.level.Taken != 1 {
					t.Errorf("%d presses bought, %d units are taken", bought, w.row.level.Taken)
				}
			})
		})
	}
}

func TestTheSameIdempotencyKeyIsTheSamePress(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		key := func(k string) Answer { return w.checkout.Buy(w.ctx, Press{Name: "a", IdempotencyKey: k}) }
		want(t, "first", key("k1"), Bought, "")
		for k, same := range map[string]bool{"k1": true, "k2": false, "": false} {
			a := key(k)
			want(t, "key "+k, a, AlreadyBought, "")
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
		want(t, "unknown", w.press("nobody"), UnknownShopper, "")
		want(t, "may not", w.press("banned"), NotAuthorized, "")
		want(t, "known to Postgres only", w.press("late"), Bought, "")
		w.operator(func() { w.row.state = Closed })
		want(t, "may not, ended", w.press("banned"), NotAuthorized, "")
		want(t, "unknown, ended", w.press("nobody"), Refused, ReasonEnded)
		w.change(func() { w.faults.postgres = true })
		want(t, "unknown, ended, Postgres away", w.press("nobody"), Refused, ReasonEnded)
	})
}

func TestAnUnknownNameNeedsPostgresWhileTheSaleRuns(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		w.change(func() { w.faults.postgres = true })
		want(t, "unknown", w.press("nobody"), Unavailable, "")
	})
}

func TestNoSaleIsAnAnswerToo(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		a := w.checkout.Buy(w.ctx, Press{Slug: "nowhere", Name: "a"})
		if a.Kind != Unavailable || a.Sale.ID != 0 {
			t.Errorf("%+v", a)
		}
	})
}

func TestAnOwnerGetsTheReceiptInAnyState(t *testing.T) {
	for name, change := range map[string]func(w *memoryProcess){
		"sold out": func(w *memoryProcess) { w.press("b") },
		"paused":   func(w *memoryProcess) { w.operator(func() { w.row.state = Paused }) },
		"closing":  func(w *memoryProcess) { w.operator(func() { w.row.state, w.row.closingVersion = Closing, 2 }) },
		"closed":   func(w *memoryProcess) { w.operator(func() { w.row.state = Closed }) },
		"stale":    func(w *memoryProcess) { w.change(func() { w.faults.postgres = true }); time.Sleep(3 * time.Second) },
		"forgotten": func(w *memoryProcess) { // a process that was started after the purchase
			w.operator(func() { w.row.state = Paused })
			w.catalog.find("").receipts.clear()
		},
		"forgotten by Redis": func(w *memoryProcess) { w.change(func() { w.holders = nil }) },
		"Redis away, no share left": func(w *memoryProcess) {
			w.catalog.find("").receipts.clear()
			w.change(func() { w.faults.redis = true })
			w.checkout.pending.shares = map[Key]int{{7, 1}: 99}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, 2, func(w *memoryProcess) {
				bought := w.press("a")
				change(w)
				a := w.press("a")
				want(t, name, a, AlreadyBought, "")
				if a.Receipt.OrderID != bought.Receipt.OrderID || a.Receipt.Unit != bought.Receipt.Unit {
					t.Errorf("receipt %+v, want %+v", a.Receipt, bought.Receipt)
				}
			})
		})
	}
}

func TestLosersCostNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*saleRow)
		reason Reason
	}{
		"sold out":    {func(s *saleRow) {}, ReasonSoldOut},
		"paused":      {func(s *saleRow) { s.state = Paused }, ReasonPaused},
		"closed":      {func(s *saleRow) { s.state = Closed }, ReasonEnded},
		"not started": {func(s *saleRow) { s.state, s.startsAt = Scheduled, time.Now().Add(time.Minute) }, ReasonNotStarted},
		"over":        {func(s *saleRow) { s.state, s.endsAt = Paused, time.Now().Add(-time.Minute) }, ReasonEnded},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, 1, func(w *memoryProcess) {
				w.press("a")
				w.operator(func() { c.change(&w.row) })
				time.Sleep(20 * time.Millisecond) // the receipt cache is loaded
				servers := []string{"redis", "kafka", "receipt", "name", "verdicts", "direct", "orders", "reconcile"}
				before := w.count(servers...)
				for range 50 {
					want(t, "known", w.press("b"), Refused, c.reason)
					want(t, "unknown", w.press("nobody"), Refused, c.reason)
					want(t, "owner", w.press("a"), AlreadyBought, "")
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
		w.change(func() { w.row.state = Paused; w.row.version++ })
		time.Sleep(time.Second) // the catalog sees it; the receipt cache takes longer
		w.catalog.find("").receipts.clear()
		want(t, "known", w.press("b"), Refused, ReasonPaused)
		w.catalog.find("").receipts.clear()
		want(t, "an owner whose name is not known", w.press("s"), AlreadyBought, "")
	})
}

func TestASaleOpensAtItsSecond(t *testing.T) {
	inMemory(t, 3, func(w *memoryProcess) {
		start := time.Now().Add(10 * time.Second)
		w.operator(func() { w.row.state, w.row.startsAt = Scheduled, start })
		time.Sleep(time.Until(start) - time.Millisecond)
		want(t, "just before", w.press("a"), Refused, ReasonNotStarted)
		time.Sleep(time.Until(start))
		a := w.press("b")
		want(t, "in the first moment", a, Bought, "")
		if a.Sale.Status() != Active {
			t.Errorf("status %s", a.Sale.Status())
		}
	})
}

func TestAStartThatNobodyCanSeeIsNotNotStarted(t *testing.T) {
	inMemory(t, 3, func(w *memoryProcess) {
		start := time.Now().Add(10 * time.Second)
		w.operator(func() { w.row.state, w.row.startsAt = Scheduled, start })
		w.change(func() { w.faults.postgres = true })
		time.Sleep(5 * time.Second)
		want(t, "before the start, stale", w.press("a"), Unavailable, "")
		time.Sleep(6 * time.Second)
		want(t, "after the start, stale", w.press("a"), Unavailable, "")
	})
}

func TestASaleEndsThroughTheLog(t *testing.T) {
	inMemory(t, 3, func(w *memoryProcess) {
		end := time.Now().Add(10 * time.Second)
		w.operator(func() { w.row.endsAt = end })
		time.Sleep(time.Until(end))
		want(t, "at the end", w.press("a"), Refused, ReasonEnded)
		time.Sleep(time.Second)
		synctest.Wait()
		if s, _ := w.catalog.Snapshot(""); s.State != Closed {
			t.Errorf("state %s: the close record did not get through", s.State)
		}
	})
}

func TestAStaleProcessNeverSaysSoldOut(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		w.press("a")
		want(t, "fresh", w.press("b"), Refused, ReasonSoldOut)
		w.change(func() { w.faults.postgres = true })
		time.Sleep(3 * time.Second)
		before := w.count("receipt", "name", "redis")
		want(t, "stale", w.press("b"), Unavailable, "")
		want(t, "stale, unknown", w.press("nobody"), Unavailable, "")
		if n := w.count("receipt", "name", "redis") - before; n != 0 {
			t.Errorf("%d questions while stale", n)
		}
		s, err := w.catalog.Snapshot("")
		if err != nil || !s.Stale || s.Taken != 1 || s.Age < 2*time.Second {
			t.Errorf("status shows %+v, %v", s, err)
		}
		w.change(func() { w.faults.postgres = false })
		time.Sleep(2 * time.Second)
		want(t, "fresh again", w.press("b"), Refused, ReasonSoldOut)
	})
}

func TestAllClaimedIsNotSoldOut(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		w.change(func() { w.holders[99] = true }) // somebody's claim is under way
		a := w.press("a")
		want(t, "full", a, Refused, ReasonAllClaimed)
		if a.RetryAfter <= 0 || !a.Sale.AllClaimed {
			t.Errorf("answer %+v", a)
		}
		if s, _ := w.catalog.Snapshot(""); !s.AllClaimed || s.Status() != Active {
			t.Errorf("status %s, all claimed %v", s.Status(), s.AllClaimed)
		}
		w.change(func() { delete(w.holders, 99) })
		want(t, "its place came back", w.press("a"), Bought, "")
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
		want(t, "sold out", w.press("b"), Refused, ReasonSoldOut)
		// Another process cancels, and nobody tells this one.
		w.change(func() {
			w.row.level.Taken--
			w.row.level.Version++
			w.row.version++
			w.orders[order].live, w.orders[order].revision = false, w.row.level.Version
			delete(w.holders, 'a')
		})
		time.Sleep(2 * time.Second)
		want(t, "after the return", w.press("b"), Bought, "")
		want(t, "who was cancelled", w.press("a"), Refused, ReasonSoldOut)
	})
}

func TestACancelledShopperMayPressAgain(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		first := w.press("a").Receipt
		w.cancel(first.OrderID)
		time.Sleep(time.Second)
		a := w.press("a")
		want(t, "again", a, Bought, "")
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
		b := purchase{Checkout: w.checkout, press: Press{Name: "a"}, entry: w.checkout.catalog.find(""), shopper: Shopper{ID: 'a', Username: "a", MayPurchase: true}}
		b.refreshSnapshot()
		b.pressedAt = b.sale.Now
		a := b.answerVerdict(w.ctx, &events.Verdict{
			ClaimID: first.OrderID, SaleID: first.SaleID, Generation: first.Generation, UserID: 'a', Username: "a",
			Attempt: 1, Outcome: events.Ordered, Unit: first.Unit, At: b.pressedAt, OrderID: live.OrderID,
		}, leader)
		want(t, "the first attempt again", a, AlreadyBought, "")
		if a.Receipt.OrderID != live.OrderID {
			t.Errorf("receipt %v, want the live order's %v", a.Receipt.OrderID, live.OrderID)
		}
	})
}

func TestAnAsyncPressIsAnsweredWithTheAcknowledgement(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		w.change(func() { w.faults.consumer = true })
		began := time.Now()
		a := w.checkout.Buy(w.ctx, Press{Name: "a", Async: true})
		want(t, "async", a, Pending, "")
		if a.Position == nil || a.Position.Partition != 7 || a.ClaimID != ClaimID(testSecret, 1, 'a', 1) || time.Since(began) > 50*time.Millisecond {
			t.Errorf("answer %+v after %v", a, time.Since(began))
		}
		w.claimIs(a, ClaimPending)
		w.change(func() { w.faults.consumer = false })
		time.Sleep(time.Second)
		w.claimIs(a, ClaimOrdered)
	})
}

func (w *memoryProcess) claimIs(a Answer, status ClaimStatus) {
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
		w.checkout.Buy(ctx, Press{Name: "a"})
		time.Sleep(time.Second)
		want(t, "the receipt", w.press("a"), AlreadyBought, "")
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
				if a.Kind == Bought {
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
		want(t, "by the look-up every 50 ms", w.press("a"), Bought, "")
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("a late verdict took %v", took)
		}
		// By message: the other process tells at once, with its stock.
		d := w.rule(events.FromLog, []events.Claim{claimOf(Key{7, 1}, 'b', 1)})
		w.checkout.apply(d, w.checkout.metrics.told)
		if s, _ := w.catalog.Snapshot(""); s.Taken != 2 {
			t.Errorf("taken %d, want 2", s.Taken)
		}
	})
}
