package checkout

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// What a shopper sees when a part fails, by the table of the design.
func TestWhenAPartFails(t *testing.T) {
	for name, c := range map[string]struct {
		faults faults
		kind   sale.Kind
		within time.Duration
	}{
		"Redis":                     {faults{redis: true}, sale.Bought, 100 * time.Millisecond},
		"Kafka refuses":             {faults{kafka: true}, sale.Bought, 100 * time.Millisecond},
		"Kafka is silent":           {faults{silent: true}, sale.Bought, 400 * time.Millisecond},
		"nobody consumes":           {faults{consumer: true}, sale.Bought, 600 * time.Millisecond},
		"Redis and Kafka":           {faults{redis: true, kafka: true}, sale.Bought, 100 * time.Millisecond},
		"Postgres":                  {faults{postgres: true}, sale.Pending, 1100 * time.Millisecond},
		"Postgres and Redis":        {faults{postgres: true, redis: true}, sale.Pending, 1100 * time.Millisecond},
		"Postgres and Kafka":        {faults{postgres: true, kafka: true}, sale.Unavailable, 100 * time.Millisecond},
		"Postgres, Kafka is silent": {faults{postgres: true, silent: true}, sale.Unavailable, 400 * time.Millisecond},
		"everything":                {faults{postgres: true, redis: true, kafka: true}, sale.Unavailable, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, 5, func(w *memoryProcess) {
				time.Sleep(time.Second)
				w.change(func() { w.faults = c.faults; w.faults.latency = 4 * time.Millisecond })
				began := time.Now()
				a := w.press("a")
				want(t, name, a, c.kind, "")
				if took := time.Since(began); took > c.within {
					t.Errorf("answered after %v, want %v", took, c.within)
				}
				if c.kind == sale.Pending && a.Position == nil || c.kind == sale.Unavailable && a.RetryAfter <= 0 {
					t.Errorf("answer %+v", a)
				}

				w.change(func() { w.faults = faults{latency: 4 * time.Millisecond} })
				time.Sleep(5 * time.Second)
				last := w.press("a")
				if last.Kind != sale.Bought && last.Kind != sale.AlreadyBought || w.row.Level.Taken != 1 {
					t.Errorf("once it is back: %s %s, %d taken", last.Kind, last.Reason, w.row.Level.Taken)
				}
				if c.kind == sale.Pending && last.Receipt.OrderID != a.ClaimID {
					t.Errorf("the claim that was pending became another order")
				}
				if n := w.checkout.pending.count.Load(); n != 0 {
					t.Errorf("%d claims are still pending", n)
				}
			})
		})
	}
}

func TestAStaleProcessGoesOnSelling(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		w.change(func() { w.faults.postgres = true })
		time.Sleep(10 * time.Second)
		a := w.press("a")
		want(t, "acknowledged", a, sale.Pending, "")
		if !a.Sale.Stale {
			t.Error("the figures are not marked stale")
		}
		w.change(func() {
			for i := range int64(4) {
				w.holders[100+i] = true
			}
		})
		want(t, "full while stale", w.press("b"), sale.Unavailable, "")
		want(t, "a holder while stale", w.press("a"), sale.Pending, "")
	})
}

func TestALostSetOfHoldersIsRebuilt(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		w.press("a")
		w.change(func() { w.holders = nil })
		want(t, "the next shopper", w.press("b"), sale.Bought, "")
		if w.count("reconcile") != 1 {
			t.Errorf("%d rebuilds", w.count("reconcile"))
		}
		w.change(func() { w.holders, w.faults.postgres = nil, true })
		if a := w.press("c"); a.Kind == sale.Bought {
			t.Error("bought without a ledger")
		}
	})
}

func TestSurplusHoldersAreDeclinedAndGiveTheirPlaceBack(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		// Redis comes back empty between two presses: both get the only place.
		w.change(func() { w.faults.consumer = true })
		var answers [2]sale.Answer
		var both sync.WaitGroup
		both.Go(func() { answers[0] = w.press("a") })
		time.Sleep(20 * time.Millisecond)
		w.change(func() { w.holders = map[int64]bool{} })
		both.Go(func() { answers[1] = w.press("b") })
		time.Sleep(20 * time.Millisecond)
		w.change(func() { w.faults.consumer = false })
		both.Wait()
		want(t, "first", answers[0], sale.Bought, "")
		want(t, "second", answers[1], sale.Refused, sale.ReasonSoldOut)
		synctest.Wait()
		if w.holders['b'] {
			t.Error("the declined claim keeps its place")
		}
	})
}

func TestTwoPlacesOfOneShopperAreOnePurchase(t *testing.T) {
	inMemory(t, 5, func(w *memoryProcess) {
		// Redis comes back empty between two presses of the same shopper: both have a place, and share the claim.
		w.change(func() { w.faults.consumer = true })
		kinds := make(chan sale.Kind, 2)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { kinds <- w.press("a").Kind })
			time.Sleep(20 * time.Millisecond)
			w.change(func() { w.holders = map[int64]bool{} })
		}
		w.change(func() { w.faults.consumer = false })
		both.Wait()
		if first, second := <-kinds, <-kinds; min(first, second) != sale.Bought || max(first, second) != sale.AlreadyBought {
			t.Errorf("%s and %s", first, second)
		}
	})
}

func TestWithoutRedisEachProcessAdmitsItsShare(t *testing.T) {
	inMemory(t, 10, func(w *memoryProcess) {
		w.others = 3 // a share of three claims
		w.change(func() { w.faults.redis, w.faults.latency = true, 50*time.Millisecond })
		var all sync.WaitGroup
		var mu sync.Mutex
		kinds := map[sale.Kind]int{}
		for c := 'a'; c < 'z'; c++ {
			all.Go(func() {
				a := w.press(string(c))
				mu.Lock()
				defer mu.Unlock()
				kinds[a.Kind]++
				if a.Kind == sale.Overloaded && (a.RetryAfter < 2*time.Second || a.RetryAfter > 5*time.Second) {
					t.Errorf("retry after %v", a.RetryAfter)
				}
			})
		}
		all.Wait()
		if kinds[sale.Bought] != 3 || kinds[sale.Overloaded] != 22 {
			t.Errorf("%v", kinds)
		}
		// Its claims are decided, so the share is free again, and the rest smaller.
		want(t, "the next", w.press("z"), sale.Bought, "")
	})
}

func TestAPressThatMeetsAnOldDeclineSendsTheNextAttemptOnce(t *testing.T) {
	inMemory(t, 1, func(w *memoryProcess) {
		// Declined twice, on another process.
		w.change(func() { w.row.State = sale.Paused })
		w.rule(events.FromLog, []events.Claim{saletest.Claim(sale.Key{Sale: 7, Generation: 1}, 'a', 1), saletest.Claim(sale.Key{Sale: 7, Generation: 1}, 'a', 2)})
		w.change(func() { w.row.State = sale.Open })
		time.Sleep(time.Second)
		a := w.press("a")
		want(t, "press", a, sale.Bought, "")
		if a.Receipt.Attempt != 3 || w.count("kafka") != 2 {
			t.Errorf("attempt %d after %d claims", a.Receipt.Attempt, w.count("kafka"))
		}
	})
}

func TestADeclineIsRememberedForTheNextPress(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		w.change(func() { w.row.State = sale.Paused }) // the catalog does not know yet
		want(t, "stopped", w.press("a"), sale.Refused, sale.ReasonPaused)
		w.operator(func() { w.row.State = sale.Open })
		before := w.count("kafka")
		a := w.press("a")
		want(t, "resumed", a, sale.Bought, "")
		if n := w.count("kafka") - before; n != 1 || a.Receipt.Attempt != 2 {
			t.Errorf("%d claims, attempt %d", n, a.Receipt.Attempt)
		}
	})
}

func TestAGenerationChangeDeclinesWhatWaits(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		w.change(func() { w.faults.consumer = true })
		var a sale.Answer
		var waits sync.WaitGroup
		waits.Go(func() { a = w.press("a") })
		time.Sleep(20 * time.Millisecond)
		w.operator(func() {
			w.row.Generation = 2
			w.row.Level = sale.Level{Sale: 7, Generation: 2, Total: 2, NextUnit: 1, Version: 9}
			w.holders = map[int64]bool{}
			w.faults.consumer = false
		})
		waits.Wait()
		want(t, "who waited", a, sale.Refused, sale.ReasonGenerationChanged)
		want(t, "the next press", w.press("a"), sale.Bought, "")
	})
}

func TestAPlaceWithoutAClaimIsNotTheEnd(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		// The process that reserved died before it wrote the claim.
		w.change(func() { w.holders['a'] = true })
		a := w.press("a")
		want(t, "a holder", a, sale.Bought, "")
		if a.Receipt.Unit != 1 || w.count("kafka") != 1 {
			t.Errorf("receipt %+v after %d claims", a.Receipt, w.count("kafka"))
		}
	})
}

func TestAPendingClaimIsWrittenAtMostOnceASecond(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		w.change(func() { w.holders['a'], w.faults.consumer, w.faults.postgres = true, true, true })
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				want(t, "a holder", w.press("a"), sale.Pending, "")
			})
		}
		all.Wait()
		// Presses overlap for four seconds in all, so the claim stays pending.
		if n := w.count("kafka"); n < 2 || n > 5 {
			t.Errorf("%d copies of one claim in four seconds", n)
		}
	})
}

func TestAClaimThatTheLogHasPassedWithoutAVerdictIsGone(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		a := sale.Answer{ClaimID: sale.ClaimID(saletest.Secret(), 1, 'x', 1), Position: &events.Position{Partition: 7, Offset: 0}}
		w.claimIs(a, sale.ClaimPending)
		w.press("a") // the log passes offset 0
		time.Sleep(lostAfter)
		w.claimIs(a, sale.ClaimGone)
		a.Position = nil
		w.claimIs(a, sale.ClaimGone)
		w.operator(func() { w.row.State = sale.Paused })
		w.rule(events.FromLog, []events.Claim{saletest.Claim(sale.Key{Sale: 7, Generation: 1}, 'x', 1)})
		w.claimIs(a, sale.ClaimDeclined)
	})
}

func TestVerdictsTravelBetweenProcesses(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		d := w.rule(events.FromLog, []events.Claim{saletest.Claim(sale.Key{Sale: 7, Generation: 1}, 'a', 1), saletest.Claim(sale.Key{Sale: 7, Generation: 1}, 'a', 2)})
		payload, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		c := w.checkout.pending.join(d.Verdicts[0].ClaimID, sale.Key{Sale: 7, Generation: 1})
		w.checkout.hear(payload)
		if c.verdict != d.Verdicts[0] {
			t.Errorf("heard %+v, want %+v", c.verdict, d.Verdicts[0])
		}
		w.checkout.pending.leave(c)
		w.checkout.hear([]byte("not a decision"))
		if s, _ := w.catalog.Snapshot(""); s.Taken != 1 {
			t.Errorf("taken %d", s.Taken)
		}
	})
}

func TestReceiptsAreFoundForWhoAsks(t *testing.T) {
	inMemory(t, 2, func(w *memoryProcess) {
		w.press("a")
		for name, owns := range map[string]bool{"a": true, "b": false, "nobody": false} {
			r, ok, err := w.checkout.Receipt(w.ctx, "", name)
			if ok != owns || err != nil || owns && r.Unit != 1 {
				t.Errorf("%s: %+v, %v, %v", name, r, ok, err)
			}
		}
		if _, _, err := w.checkout.Receipt(w.ctx, "nowhere", "a"); err == nil {
			t.Error("a receipt of no sale")
		}
		all, err := w.checkout.Receipts(w.ctx, saletest.Slug, []int64{'a', 'b'})
		if err != nil || len(all) != 1 || all['a'].Unit != 1 {
			t.Errorf("%+v, %v", all, err)
		}
		w.change(func() { w.faults.postgres = true })
		if _, _, err := w.checkout.Receipt(w.ctx, "", "b"); err == nil {
			t.Error("Postgres is away and nobody says so")
		}
	})
}

// Faults come and go at random while everybody presses until answered for good. What was answered stays true.
func TestFaultsNeverOversellOrTakeBack(t *testing.T) {
	for seed := range 12 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inMemory(t, 9, func(w *memoryProcess) {
				var all sync.WaitGroup
				var mu sync.Mutex
				units := map[int64]string{}
				for c := 'a'; c < 'z'; c++ {
					all.Go(func() {
						a := w.pressUntilAnswered(string(c))
						mu.Lock()
						defer mu.Unlock()
						if a.Receipt.OrderID == uuid.Nil {
							return
						}
						if other, taken := units[a.Receipt.Unit]; taken {
							t.Errorf("unit %d went to %s and %s", a.Receipt.Unit, other, a.Username)
						}
						units[a.Receipt.Unit] = a.Username
					})
				}
				for step := range 20 {
					time.Sleep(time.Duration(50+37*((seed+step)%7)) * time.Millisecond)
					w.change(func() {
						bits := (seed*2654435761 + step*40503) >> 3
						w.faults = faults{
							latency: time.Duration(1+bits%9) * time.Millisecond, postgres: bits&1 > 0, redis: bits&6 == 6, kafka: bits&24 == 24,
							consumer: bits&96 == 96, elder: bits&128 > 0,
						}
						if bits&0x300 == 0x300 {
							w.holders = nil
						}
					})
				}
				w.change(func() { w.faults = faults{latency: time.Millisecond} })
				all.Wait()
				if w.row.Level.Taken > 9 || len(units) != int(w.row.Level.Taken) {
					t.Errorf("%d receipts, %d taken", len(units), w.row.Level.Taken)
				}
				for unit, name := range units {
					if a := w.press(name); a.Receipt.Unit != unit {
						t.Errorf("%s had unit %d and now %+v", name, unit, a)
					}
				}
			})
		})
	}
}

// pressUntilAnswered presses as a patient shopper does.
func (w *memoryProcess) pressUntilAnswered(name string) sale.Answer {
	for {
		a := w.press(name)
		switch {
		case a.Kind == sale.Bought, a.Kind == sale.AlreadyBought, a.Kind == sale.Refused && a.Reason == sale.ReasonSoldOut:
			return a
		case a.RetryAfter > 0:
			time.Sleep(a.RetryAfter)
		default:
			time.Sleep(300 * time.Millisecond)
		}
	}
}
