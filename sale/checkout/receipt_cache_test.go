package checkout

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"flashsale/sale"
	"flashsale/sale/saletest"
)

func receiptFor(user int64, attempt int) sale.Receipt {
	return sale.Receipt{
		OrderID: sale.ClaimID(saletest.Secret(), 2, user, attempt), SaleID: saletest.Key().Sale, Generation: saletest.Key().Generation, UserID: user,
		Username: "shopper", Unit: user * 10, At: saletest.Noon(), Attempt: attempt,
	}
}

func orderFor(user int64, attempt int, revision int64, live bool) sale.OrderRow {
	r := receiptFor(user, attempt)
	r.KeyKnown = true
	return sale.OrderRow{Receipt: r, Revision: revision, Live: live}
}

func cachedFor(c *receiptCache, user int64) (sale.Receipt, bool) {
	return c.receipt(saletest.Key(), sale.Shopper{ID: user, Username: "shopper"})
}

func TestTheReceiptCacheGivesReceiptsAsTheyWere(t *testing.T) {
	t.Parallel()
	var c receiptCache
	if _, ok := cachedFor(&c, 1); ok {
		t.Error("an empty receipt cache has a receipt")
	}
	want := receiptFor(1, 2)
	want.IdempotencyKey, want.KeyKnown = uuid.New(), true
	c.add([]sale.OrderRow{{Receipt: want, Revision: 1}})
	if got, ok := cachedFor(&c, 1); !ok || got != want {
		t.Errorf("receipt %+v, want %+v", got, want)
	}
	if _, ok := cachedFor(&c, 2); ok {
		t.Error("another shopper has it too")
	}
}

func TestTheReceiptCacheIsCompleteUpToTheVersionItWasLoadedFor(t *testing.T) {
	t.Parallel()
	var c receiptCache
	if c.complete(0) || !c.needsLoad(1, false) {
		t.Error("a receipt cache that was never loaded is complete")
	}
	c.addLoaded(nil, 5)
	if !c.complete(5) || c.complete(6) || c.needsLoad(5, false) || !c.needsLoad(6, false) {
		t.Error("loaded for version 5")
	}
	c.addLoaded(nil, 4)
	if !c.complete(5) {
		t.Error("an older load took something away")
	}
	c.invalidate(0)
	if c.complete(5) {
		t.Error("a suspect receipt cache is complete")
	}
}

func TestOnlyACacheWithReceiptsIsLoadedWhileTheSaleRuns(t *testing.T) {
	t.Parallel()
	var c receiptCache
	c.invalidate(0)
	if c.needsLoad(1, true) {
		t.Error("an empty receipt cache is loaded")
	}
	c.add([]sale.OrderRow{orderFor(1, 1, 1, true)})
	if !c.needsLoad(1, true) {
		t.Error("receipts that may be gone are kept")
	}
}

func TestALoadTakesCancelledReceiptsBack(t *testing.T) {
	t.Parallel()
	var c receiptCache
	c.addLoaded([]sale.OrderRow{orderFor(1, 1, 3, true), orderFor(2, 1, 4, true)}, 4)
	if c.loadedRevision() != 4 {
		t.Errorf("loaded to %d", c.loadedRevision())
	}
	// Shopper 1 was cancelled; shopper 2 was, and bought again. The rows come in no particular order.
	c.addLoaded([]sale.OrderRow{orderFor(2, 2, 7, true), orderFor(1, 1, 5, false), orderFor(2, 1, 6, false)}, 7)
	if _, ok := cachedFor(&c, 1); ok {
		t.Error("a cancelled receipt stayed")
	}
	if r, ok := cachedFor(&c, 2); !ok || r.Attempt != 2 {
		t.Errorf("the second order: %+v, %v", r, ok)
	}
}

func TestALateAnswerIsNotAddedAfterACancellation(t *testing.T) {
	t.Parallel()
	var c receiptCache
	changes := c.changes.Load()
	c.invalidate(0)
	c.addLookedUp(receiptFor(1, 1), changes)
	if _, ok := cachedFor(&c, 1); ok {
		t.Error("a receipt from before was added")
	}
	c.addLookedUp(receiptFor(1, 1), c.changes.Load())
	if _, ok := cachedFor(&c, 1); !ok {
		t.Error("a receipt that was looked up is not kept")
	}
}

func TestTheReceiptCacheAgreesWithAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var c receiptCache
		model := map[int64]int{}
		revision := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			user, attempt := rapid.Int64Range(1, 40).Draw(t, "user"), rapid.IntRange(1, 9).Draw(t, "attempt")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				revision++
				c.add([]sale.OrderRow{orderFor(user, attempt, revision, true), orderFor(user+1, attempt, revision, true)})
				model[user], model[user+1] = attempt, attempt
			case 1:
				revision++
				c.addLoaded([]sale.OrderRow{orderFor(user, attempt, revision, true)}, revision)
				model[user] = attempt
			case 2:
				revision++
				c.addLoaded([]sale.OrderRow{orderFor(user, attempt, revision, false)}, revision)
				delete(model, user)
			default:
				c.clear()
				clear(model)
			}
			for user := range int64(42) {
				r, ok := cachedFor(&c, user)
				if want, owns := model[user]; ok != owns || r.Attempt != want {
					t.Fatalf("shopper %d: attempt %d (%v), want %d", user, r.Attempt, ok, want)
				}
			}
		}
		if p := c.layers.Load(); p != nil {
			for i := 1; i < len(*p); i++ {
				if len((*p)[i-1]) < 2*len((*p)[i]) {
					t.Fatalf("layer %d has %d receipts under one with %d", i-1, len((*p)[i-1]), len((*p)[i]))
				}
			}
		}
	})
}

func TestTheReceiptCacheIsReadWhileItIsWritten(t *testing.T) {
	t.Parallel()
	const users = 2_000
	var c receiptCache
	var all sync.WaitGroup
	for part := range int64(4) {
		all.Go(func() {
			for user := part; user < users; user += 4 {
				c.add([]sale.OrderRow{orderFor(user, 1, 1, true)})
				if _, ok := cachedFor(&c, user); !ok {
					t.Errorf("receipt of %d was lost at once", user)
				}
			}
		})
	}
	all.Wait()
	for user := range int64(users) {
		if _, ok := cachedFor(&c, user); !ok {
			t.Fatalf("receipt of %d was lost", user)
		}
	}
}
