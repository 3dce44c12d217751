package checkout

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"flashsale/sale"
)

// receiptCache has the receipts of one generation that this process knows, and says up to which version it has them all.
// Many read it at once without a lock; writers take turns. It is a stack of maps (layers), each at least twice the size of
// the next. A layer never changes: adding a batch makes a new layer of the batch's size and sometimes merges layers. The
// zero value is empty.
type receiptCache struct {
	layers atomic.Pointer[[]map[int64]cachedReceipt]
	// completeTo is the version of the stock row up to which no receipt is missing; 0: nobody has loaded it.
	completeTo atomic.Int64
	// changes grows when orders may have been cancelled, so that a look-up that began before is not added after.
	changes atomic.Int64
	// suspect is set when orders may have been cancelled since the last load.
	suspect atomic.Bool
	// wanted is set by requests that found the cache incomplete.
	wanted atomic.Bool

	// keptSince is when the time begins for which a closed sale keeps its receipts; zero: the sale is not closed. Only the
	// loader uses it.
	keptSince time.Time

	// Guarded by mu.
	mu       sync.Mutex
	revision int64 // of the newest order that was loaded
	// floor is the version of the stock row up to which the ledger itself has said which orders are live. An order that is
	// announced with this version or a lower one comes too late: it may have been cancelled since.
	floor int64
}

// newReceiptCache is an empty cache that accepts no announced order up to that version of the stock row.
func newReceiptCache(version int64) *receiptCache { return &receiptCache{floor: version} }

// cachedReceipt is a receipt in little space: a cache may have a million. A zero id: the order was cancelled.
type cachedReceipt struct {
	id, idempotencyKey uuid.UUID
	unit               int64
	atMicro            int64
	attempt            int32
	keyKnown           bool
}

// receipt finds the shopper's receipt.
func (c *receiptCache) receipt(k sale.Key, s sale.Shopper) (sale.Receipt, bool) {
	layers := c.layers.Load()
	if layers == nil {
		return sale.Receipt{}, false
	}
	// The newest layer comes last and replaces what older ones have.
	for i := len(*layers) - 1; i >= 0; i-- {
		o, ok := (*layers)[i][s.ID]
		if !ok {
			continue
		}
		if o.id == uuid.Nil {
			return sale.Receipt{}, false
		}
		return sale.Receipt{
			OrderID: o.id, SaleID: k.Sale, Generation: k.Generation, UserID: s.ID, Username: s.Username, Unit: o.unit,
			At: time.UnixMicro(o.atMicro).UTC(), Attempt: int(o.attempt), IdempotencyKey: o.idempotencyKey, KeyKnown: o.keyKnown,
		}, true
	}
	return sale.Receipt{}, false
}

// complete is true when the cache has every receipt of that version of the stock row.
func (c *receiptCache) complete(version int64) bool {
	through := c.completeTo.Load()
	return through > 0 && through >= version && !c.suspect.Load()
}

// needsLoad is true when the cache has to be loaded, given whether the sale can be bought from.
func (c *receiptCache) needsLoad(version int64, buyable bool) bool {
	if buyable {
		return c.suspect.Load() && c.layers.Load() != nil
	}
	return !c.complete(version)
}

// expired is true when the receipts need not be in memory: the sale closed long ago, and nobody has asked for them since.
func (c *receiptCache) expired(e *catalogEntry, now time.Time) bool {
	switch {
	case e.State != sale.Closed:
		c.keptSince = time.Time{}
		return false
	case c.wanted.Swap(false):
		c.keptSince = now
	case c.keptSince.IsZero() && e.EndsAt.Before(now):
		c.keptSince = e.EndsAt
	case c.keptSince.IsZero():
		c.keptSince = now
	}
	return now.Sub(c.keptSince) >= receiptsKept
}

// invalidate says that orders may have been cancelled, up to that version of the stock row.
func (c *receiptCache) invalidate(version int64) {
	c.mu.Lock()
	c.floor = max(c.floor, version)
	c.mu.Unlock()
	c.changes.Add(1)
	c.suspect.Store(true)
}

// add puts in orders that were announced as live, except those that come too late (see floor).
func (c *receiptCache) add(announced []sale.OrderRow) {
	c.mu.Lock()
	defer c.mu.Unlock()
	layer := make(map[int64]cachedReceipt, len(announced))
	for _, o := range announced {
		if o.Revision > c.floor {
			layer[o.UserID] = newCachedReceipt(o.Receipt)
		}
	}
	c.addLayer(layer)
}

// addLookedUp puts in a receipt that was looked up when changes had that value, unless changes has grown since.
func (c *receiptCache) addLookedUp(r sale.Receipt, changes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes.Load() == changes {
		c.addLayer(map[int64]cachedReceipt{r.UserID: newCachedReceipt(r)})
	}
}

// withdraw takes a receipt out. It is false when the shopper has another by now, which stays.
func (c *receiptCache) withdraw(r sale.Receipt) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	// An answer from before the cancellation that is still on its way is not added any more.
	c.changes.Add(1)
	known, ok := c.receipt(sale.Key{Sale: r.SaleID, Generation: r.Generation}, sale.Shopper{ID: r.UserID})
	if !ok {
		return true
	}
	if known.OrderID != r.OrderID {
		return false
	}
	c.addLayer(map[int64]cachedReceipt{r.UserID: {}})
	return true
}

// addLoaded puts in the orders that were read after the revision of loadedRevision, when the stock row had at least that
// version.
func (c *receiptCache) addLoaded(changed []sale.OrderRow, version int64) {
	layer := make(map[int64]cachedReceipt, len(changed))
	newest := int64(0)
	for _, o := range changed {
		newest = max(newest, o.Revision)
		if o.Live {
			layer[o.UserID] = newCachedReceipt(o.Receipt)
		} else if _, again := layer[o.UserID]; !again {
			layer[o.UserID] = cachedReceipt{}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision = max(c.revision, newest)
	c.floor = max(c.floor, newest, version)
	c.changes.Add(1)
	c.addLayer(layer)
	c.completeTo.Store(max(c.completeTo.Load(), version))
}

func (c *receiptCache) loadedRevision() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revision
}

// clear forgets every receipt.
func (c *receiptCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision = 0
	c.changes.Add(1)
	c.completeTo.Store(0)
	c.layers.Store(nil)
}

// addLayer adds a layer, which then belongs to the cache, and merges layers into it until each is at least twice as large as
// the next. The caller has locked mu.
func (c *receiptCache) addLayer(layer map[int64]cachedReceipt) {
	if len(layer) == 0 {
		return
	}
	var layers []map[int64]cachedReceipt
	if old := c.layers.Load(); old != nil {
		layers = append(layers, *old...)
	}
	kept, size := len(layers), len(layer)
	for kept > 0 && len(layers[kept-1]) < 2*size {
		kept--
		size += len(layers[kept])
	}
	// At the end of a sale the load brings what the cache has already. That is not copied into a larger map.
	if size > 2*len(layer) {
		roomy := make(map[int64]cachedReceipt, size)
		maps.Copy(roomy, layer)
		layer = roomy
	}
	for _, older := range slices.Backward(layers[kept:]) {
		for user, o := range older {
			if _, newer := layer[user]; !newer {
				layer[user] = o
			}
		}
	}
	layers = append(layers[:kept], layer)
	c.layers.Store(&layers)
}

func newCachedReceipt(r sale.Receipt) cachedReceipt {
	return cachedReceipt{id: r.OrderID, idempotencyKey: r.IdempotencyKey, unit: r.Unit, atMicro: r.At.UnixMicro(), attempt: int32(r.Attempt), keyKnown: r.KeyKnown}
}
