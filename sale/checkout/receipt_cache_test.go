package checkout

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

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

// told is a commit of orders by these users, after which taken units were taken.
func told(c *receiptCache, version, taken int64, users ...int64) {
	orders := make([]sale.OrderRow, len(users))
	for i, u := range users {
		orders[i] = orderFor(u, 1, version, true)
	}
	c.addCommit(orders, version, taken)
}

func TestTheCacheIsCompleteWhenEveryCommitWasAnnounced(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		commits func(c *receiptCache)
		through int64
	}{
		"in their order":                    {func(c *receiptCache) { told(c, 11, 2, 1, 2); told(c, 12, 3, 3) }, 12},
		"the second first":                  {func(c *receiptCache) { told(c, 12, 3, 3); told(c, 11, 2, 1, 2) }, 12},
		"twice":                             {func(c *receiptCache) { told(c, 11, 2, 1, 2); told(c, 11, 2, 1, 2) }, 11},
		"a version twice with other orders": {func(c *receiptCache) { told(c, 11, 2, 1, 2); told(c, 11, 2, 1, 3) }, 0},
		"without the first":                 {func(c *receiptCache) { told(c, 12, 3, 3) }, 10},
		"without one between":               {func(c *receiptCache) { told(c, 11, 2, 1, 2); told(c, 13, 4, 4) }, 11},
		"in parts":                          {func(c *receiptCache) { told(c, 11, 3, 1, 2); told(c, 11, 3, 3) }, 11},
		"in parts, the next before them":    {func(c *receiptCache) { told(c, 12, 4, 4); told(c, 11, 3, 1, 2); told(c, 11, 3, 3) }, 12},
		"the next in parts, before it":      {func(c *receiptCache) { told(c, 12, 4, 3); told(c, 12, 4, 4); told(c, 11, 2, 1, 2) }, 12},
		"a part twice":                      {func(c *receiptCache) { told(c, 11, 4, 1, 2); told(c, 11, 4, 1, 2) }, 10},
		"a part is missing":                 {func(c *receiptCache) { told(c, 11, 3, 1, 2); told(c, 12, 4, 4) }, 0},
		"parts that disagree":               {func(c *receiptCache) { told(c, 11, 3, 1, 2); told(c, 11, 4, 3) }, 0},
		"one order is missing":              {func(c *receiptCache) { told(c, 11, 2, 1); told(c, 12, 3, 3) }, 0},
		"orders that come too late":         {func(c *receiptCache) { c.invalidate(11); told(c, 11, 2, 1, 2) }, 0},
		"an operator's act before them":     {func(c *receiptCache) { c.invalidate(10); told(c, 11, 2, 1, 2) }, 11},
		"one that is late for too long":     {func(c *receiptCache) { toldMany(c, 12, 12+mostEarly) }, 0},
		"before it is known where it began": {func(c *receiptCache) { c.clear(); told(c, 11, 2, 1, 2) }, 0},
		"begun with receipts":               {func(c *receiptCache) { c.clear(); c.add([]sale.OrderRow{orderFor(1, 1, 20, true)}); c.nothingTaken(21) }, 0},
	} {
		c := newReceiptCache(10)
		c.nothingTaken(10)
		one.commits(c)
		if through, _ := c.chained(); through != one.through {
			t.Errorf("%s: all orders up to %d, want %d", name, through, one.through)
		}
	}
}

func toldMany(c *receiptCache, from, to int64) {
	for v := from; v <= to; v++ {
		told(c, v, v-10, v)
	}
}

func TestOwnersOfAnnouncedOrdersAreWarmedBeforeTheCacheIsComplete(t *testing.T) {
	t.Parallel()
	c := newReceiptCache(10)
	c.nothingTaken(10)
	told(c, 11, 2, 1, 2)
	through, owners := c.chained()
	if through != 11 || !slices.Equal(owners, []int64{1, 2}) || c.complete(11) {
		t.Fatalf("through %d, owners %v, complete %v", through, owners, c.complete(11))
	}
	c.notWarmed(owners)
	told(c, 12, 3, 3)
	if through, owners = c.chained(); through != 12 || len(owners) != 3 {
		t.Fatalf("through %d, owners %v after a failure", through, owners)
	}
	c.invalidate(12)
	c.confirmChain(12, true)
	if !c.complete(12) || c.loadedRevision() != 0 {
		t.Errorf("complete %v, loaded to %d while the sale sells", c.complete(12), c.loadedRevision())
	}
	c.confirmChain(12, false)
	if c.loadedRevision() != 12 {
		t.Errorf("loaded to %d at the end", c.loadedRevision())
	}
	// Something happened after it: a cancellation perhaps.
	c.invalidate(13)
	c.confirmChain(12, false)
	if c.complete(12) {
		t.Error("the chain takes a later suspicion away")
	}
	c.clear()
	c.confirmChain(12, false)
	if c.complete(12) || c.loadedRevision() != 0 {
		t.Error("a chain that has ended makes an empty cache complete")
	}
}

// An order was cancelled while it was announced, looked up or read, and with it nothing is taken any more: it is not put in for good.
func TestAnOrderThatIsLateForItsCancellationDoesNotStay(t *testing.T) {
	t.Parallel()
	late := orderFor(1, 1, 11, true)
	for name, put := range map[string]func(c *receiptCache, changes int64){
		"announced": func(c *receiptCache, _ int64) { told(c, 11, 1, 1) },
		"repeated":  func(c *receiptCache, _ int64) { c.add([]sale.OrderRow{late}) },
		"looked up": func(c *receiptCache, changes int64) { c.addLookedUp(late.Receipt, changes) },
		"read":      func(c *receiptCache, _ int64) { c.addLoaded([]sale.OrderRow{late}, 11) },
	} {
		c := newReceiptCache(10)
		changes := c.changes.Load()
		c.nothingTaken(12) // the stock row is read after that of the sale, which has not said yet that something was cancelled
		put(c, changes)
		c.invalidate(12)
		if through, _ := c.chained(); through > 0 {
			c.confirmChain(through, true)
		}
		if _, there := c.receipt(saleKey, sale.Shopper{ID: 1}); there && !c.needsLoad(12, true) {
			t.Errorf("%s: the receipt of a cancelled order stays", name)
		}
	}
}

// One iteration is one order of a commit of 64. What matters is that it costs the same among a million, and that no commit waits
// long: the longest is in the metric.
func BenchmarkReceiptCacheAdd(b *testing.B) {
	for _, size := range []int64{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("orders=%d", size), func(b *testing.B) {
			c, next, longest := newReceiptCache(0), int64(0), time.Duration(0)
			batch := make([]sale.OrderRow, 64)
			id := sale.ClaimID(saletest.Secret(), 2, 1, 1)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%len(batch) != 0 {
					continue
				}
				if next >= size {
					c, next = newReceiptCache(0), 0
				}
				for i := range batch {
					next++
					batch[i] = sale.OrderRow{Receipt: sale.Receipt{OrderID: id, UserID: next, Unit: next}, Revision: next, Live: true}
				}
				began := time.Now()
				c.add(batch)
				longest = max(longest, time.Since(began))
			}
			b.ReportMetric(longest.Seconds()*1e3, "ms-longest")
		})
	}
}
