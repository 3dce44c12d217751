package checkout

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"flashsale/sale"
)

// receiptCache has the receipts of one generation that this process knows, and says up to which version it has them all.
// Many read it at once; writers take turns. The zero value is empty.
type receiptCache struct {
	table atomic.Pointer[receiptTable] // nil: empty
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
	chain announcedChain
}

// announcedChain follows the commits that were announced, so that the end of a large sale needs no read of all its orders. Every
// change of a stock row makes its version larger by one. So a process that knew all orders of a version, and was told all that
// the commit of the next one has ordered, knows all orders of that, too: nothing was cancelled between them. A commit that it
// was not told of ends the chain.
type announcedChain struct {
	// through is the version up to which every commit was announced; 0: there is no chain. taken is how many units were taken then.
	through, taken int64
	// early are commits that were announced before one that precedes them, by version.
	early map[int64]announcedCommit
	// unwarmed are the owners whose names may not be known yet.
	unwarmed []int64
}

// announcedCommit is how many units were taken after a commit, and the owners of those of its orders that were put in.
type announcedCommit struct {
	taken  int64
	owners []int64
}

// follows is true when all its orders were told, given how many units were taken before it.
func (a announcedCommit) follows(taken int64) bool { return a.taken-taken == int64(len(a.owners)) }

// mostEarly is how many commits a chain keeps for one that is missing.
const mostEarly = 64

// announced takes in a commit that was announced, or a part of one: the bus carries a large commit in several messages, one after the
// other.
func (n *announcedChain) announced(version int64, a announcedCommit) {
	if n.through == 0 || version <= n.through {
		return
	}
	before, begun := n.early[version]
	next, waits := n.early[n.through+1]
	if len(n.early) == mostEarly || begun && before.taken != a.taken || waits && version != n.through+1 && !next.follows(n.taken) {
		// Some of the orders of a commit were not told.
		*n = announcedChain{}
		return
	}
	n.unwarmed = append(n.unwarmed, a.owners...)
	if begun {
		a.owners = append(before.owners, a.owners...)
		slices.Sort(a.owners)
		a.owners = slices.Compact(a.owners) // a part that came twice
	}
	if n.early == nil {
		n.early = make(map[int64]announcedCommit)
	}
	n.early[version] = a
	for {
		next, told := n.early[n.through+1]
		if !told || !next.follows(n.taken) {
			return
		}
		delete(n.early, n.through+1)
		n.through, n.taken = n.through+1, next.taken
	}
}

// newReceiptCache is an empty cache that accepts no announced order up to that version of the stock row.
func newReceiptCache(version int64) *receiptCache { return &receiptCache{floor: version} }

// cachedReceipt is a receipt in little space: a cache may have a million.
type cachedReceipt struct {
	id, idempotencyKey uuid.UUID
	unit               int64
	atMicro            int64
	attempt            int32
	keyKnown           bool
}

// receiptTable is a map of receipts by user in many parts, so that readers and the writer hardly ever meet. Adding a receipt costs
// the same however many there are, and nothing is copied that is there: a copy of a large map would stop the verdicts for as long.
type receiptTable [receiptParts]receiptPart

type receiptPart struct {
	mu       sync.RWMutex
	receipts map[int64]cachedReceipt
	_        [32]byte // with the rest a cache line
}

const receiptParts = 64

// part has the receipt of a user. Ids follow each other, so their last bits spread them.
func (t *receiptTable) part(user int64) *receiptPart { return &t[uint64(user)%receiptParts] }

func (t *receiptTable) get(user int64) (cachedReceipt, bool) {
	p := t.part(user)
	p.mu.RLock()
	o, ok := p.receipts[user]
	p.mu.RUnlock()
	return o, ok
}

func (t *receiptTable) put(r sale.Receipt) {
	p, o := t.part(r.UserID), newCachedReceipt(r)
	p.mu.Lock()
	if p.receipts == nil {
		p.receipts = make(map[int64]cachedReceipt)
	}
	p.receipts[r.UserID] = o
	p.mu.Unlock()
}

func (t *receiptTable) remove(user int64) {
	p := t.part(user)
	p.mu.Lock()
	delete(p.receipts, user)
	p.mu.Unlock()
}

// receipt finds the shopper's receipt.
func (c *receiptCache) receipt(k sale.Key, s sale.Shopper) (sale.Receipt, bool) {
	t := c.table.Load()
	if t == nil {
		return sale.Receipt{}, false
	}
	o, ok := t.get(s.ID)
	if !ok {
		return sale.Receipt{}, false
	}
	return sale.Receipt{
		OrderID: o.id, SaleID: k.Sale, Generation: k.Generation, UserID: s.ID, Username: s.Username, Unit: o.unit,
		At: time.UnixMicro(o.atMicro).UTC(), Attempt: int(o.attempt), IdempotencyKey: o.idempotencyKey, KeyKnown: o.keyKnown,
	}, true
}

// empty is true while there was no receipt to put in.
func (c *receiptCache) empty() bool { return c.table.Load() == nil }

// filled is the table to put receipts into. The caller has locked mu.
func (c *receiptCache) filled() *receiptTable {
	t := c.table.Load()
	if t == nil {
		t = new(receiptTable)
		c.table.Store(t)
	}
	return t
}

// complete is true when the cache has every receipt of that version of the stock row.
func (c *receiptCache) complete(version int64) bool {
	through := c.completeTo.Load()
	return through > 0 && through >= version && !c.suspect.Load()
}

// needsLoad is true when the cache has to be loaded, given whether the sale can be bought from.
func (c *receiptCache) needsLoad(version int64, buyable bool) bool {
	if buyable {
		return c.suspect.Load() && !c.empty()
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
	c.addAnnounced(announced)
}

// addCommit is add for the orders of a commit, or for those in one message about it. After the commit the stock row had that version
// and that many units were taken.
func (c *receiptCache) addCommit(announced []sale.OrderRow, version, taken int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version <= c.chain.through && !c.has(announced, version) {
		// A ledger that was restored from a backup goes through the same versions with other orders.
		c.chain = announcedChain{}
	}
	c.addAnnounced(announced)
	if c.chain.through == 0 {
		return
	}
	owners := make([]int64, 0, len(announced))
	for i := range announced {
		if o := &announced[i]; o.Revision == version {
			owners = append(owners, o.UserID)
		}
	}
	if len(owners) > 0 && version > c.chain.through && version <= c.floor {
		c.chain = announcedChain{} // they come too late to be believed
		return
	}
	c.chain.announced(version, announcedCommit{taken, owners})
}

// has is true when those of the orders that have the revision are all known.
func (c *receiptCache) has(announced []sale.OrderRow, revision int64) bool {
	t := c.table.Load()
	for i := range announced {
		if o := &announced[i]; o.Revision == revision {
			if t == nil {
				return false
			}
			if known, ok := t.get(o.UserID); !ok || known.id != o.OrderID {
				return false
			}
		}
	}
	return true
}

// addAnnounced is add for callers that have locked mu.
func (c *receiptCache) addAnnounced(announced []sale.OrderRow) {
	for i := range announced {
		if o := &announced[i]; o.Revision > c.floor {
			c.filled().put(o.Receipt)
		}
	}
}

// nothingTaken says that no unit was taken when the stock row had that version. The chain of announced commits begins there. Every
// order of that version or a lower one is cancelled, also one that is announced, looked up or read and not put in yet.
func (c *receiptCache) nothingTaken(version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.empty() && version > c.chain.through {
		c.chain = announcedChain{through: version}
		c.floor = max(c.floor, version)
		c.changes.Add(1)
	}
}

// chained is the version up to which every order was announced, or 0, and those of the owners whose names were not made known.
func (c *receiptCache) chained() (through int64, unwarmed []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	unwarmed, c.chain.unwarmed = c.chain.unwarmed, nil
	return c.chain.through, unwarmed
}

// notWarmed gives owners back whose names could not be made known.
func (c *receiptCache) notWarmed(owners []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chain.through > 0 {
		c.chain.unwarmed = append(c.chain.unwarmed, owners...)
	}
}

// confirmChain says that the names of all owners up to that version of the chain are known. Then no receipt up to it is missing,
// and none of them was cancelled. buyable is whether the sale can be bought from.
func (c *receiptCache) confirmChain(through int64, buyable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chain.through < through {
		return // it has ended
	}
	if through >= c.floor {
		c.suspect.Store(false)
	}
	c.completeTo.Store(max(c.completeTo.Load(), through))
	if !buyable {
		// From now on a load reads only what changes. While the sale sells, receipts that may be gone are dropped instead.
		c.revision = max(c.revision, through)
	}
}

// addLookedUp puts in a receipt that was looked up when changes had that value, unless changes has grown since.
func (c *receiptCache) addLookedUp(r sale.Receipt, changes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes.Load() == changes {
		c.filled().put(r)
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
	c.filled().remove(r.UserID)
	return true
}

// addLoaded puts in the orders that were read after the revision of loadedRevision, when the stock row had at least that
// version.
func (c *receiptCache) addLoaded(changed []sale.OrderRow, version int64) {
	newest, gone := int64(0), map[int64]bool{}
	for i := range changed {
		newest = max(newest, changed[i].Revision)
		if !changed[i].Live {
			gone[changed[i].UserID] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision = max(c.revision, newest)
	c.floor = max(c.floor, newest, version)
	c.changes.Add(1)
	for i := range changed {
		if o := &changed[i]; o.Live {
			if o.Revision <= c.chain.through && !c.has(changed[i:i+1], o.Revision) {
				c.chain = announcedChain{} // cancelled since it was read: the chain says what it does not know
			}
			c.filled().put(o.Receipt)
			delete(gone, o.UserID) // bought again
		}
	}
	if t := c.table.Load(); t != nil {
		for user := range gone {
			t.remove(user)
		}
	}
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
	c.revision, c.chain = 0, announcedChain{}
	c.changes.Add(1)
	c.completeTo.Store(0)
	c.table.Store(nil)
}

func newCachedReceipt(r sale.Receipt) cachedReceipt {
	return cachedReceipt{id: r.OrderID, idempotencyKey: r.IdempotencyKey, unit: r.Unit, atMicro: r.At.UnixMicro(), attempt: int32(r.Attempt), keyKnown: r.KeyKnown}
}
