package sale

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// book holds the receipts of one generation that this process knows, and says from when on it has them all. Many
// read it at once without a lock; writers take turns. It is a few maps, each at least twice the size of the next,
// none of which is ever changed: adding a batch costs its own size, now and then a merge. The zero value is empty.
type book struct {
	pages atomic.Pointer[[]map[int64]owned]
	// through is the version of the stock row up to which no receipt is missing; 0: nobody has loaded it.
	through atomic.Int64
	// changes counts what may take receipts back, so that an answer from before is not added after.
	changes atomic.Int64
	// suspect is set when orders may have been cancelled since.
	suspect atomic.Bool
	// asked is set by presses that met the book before it was whole.
	asked atomic.Bool

	// closed is from when on the book of a closed sale is kept for a while; zero: the sale is not closed. It belongs
	// to keepBooks alone.
	closed time.Time

	// Guarded by mu.
	mu       sync.Mutex
	revision int64 // of the newest order that was loaded
	// floor is the version of the stock row up to which the book has been told by the ledger itself what is live. News
	// of an order from before comes too late: the order may have been cancelled since.
	floor int64
}

// newBook is an empty book that believes no news from up to that version of the stock row.
func newBook(version int64) *book { return &book{floor: version} }

// owned is a receipt, as small as it gets: a book may hold a million. A zero id is a receipt taken back.
type owned struct {
	id, pressKey uuid.UUID
	unit         int64
	atMicro      int64
	attempt      int32
	keyed        bool
}

// receipt finds the shopper's receipt.
func (b *book) receipt(k Key, s Shopper) (Receipt, bool) {
	pages := b.pages.Load()
	if pages == nil {
		return Receipt{}, false
	}
	// The newest page comes last and has the last word.
	for i := len(*pages) - 1; i >= 0; i-- {
		o, ok := (*pages)[i][s.ID]
		if !ok {
			continue
		}
		if o.id == uuid.Nil {
			return Receipt{}, false
		}
		return Receipt{
			OrderID: o.id, SaleID: k.Sale, Generation: k.Generation, UserID: s.ID, Username: s.Username, Unit: o.unit,
			At: time.UnixMicro(o.atMicro).UTC(), Attempt: int(o.attempt), pressKey: o.pressKey, keyed: o.keyed,
		}, true
	}
	return Receipt{}, false
}

// whole is true when every receipt of that version of the stock row is in the book.
func (b *book) whole(version int64) bool {
	through := b.through.Load()
	return through > 0 && through >= version && !b.suspect.Load()
}

// wanting is true when the book has to be loaded, given whether the sale can be bought from.
func (b *book) wanting(version int64, buyable bool) bool {
	if buyable {
		return b.suspect.Load() && b.pages.Load() != nil
	}
	return !b.whole(version)
}

// lapsed is true when the book need not be in memory: its sale has been closed for long, and nobody has asked since.
func (b *book) lapsed(e *catalogEntry, now time.Time) bool {
	switch {
	case e.state != Closed:
		b.closed = time.Time{}
		return false
	case b.asked.Swap(false):
		b.closed = now
	case b.closed.IsZero() && e.endsAt.Before(now):
		b.closed = e.endsAt
	case b.closed.IsZero():
		b.closed = now
	}
	return now.Sub(b.closed) >= bookKept
}

// doubt says that receipts may have been taken back, up to that version of the stock row.
func (b *book) doubt(version int64) {
	b.mu.Lock()
	b.floor = max(b.floor, version)
	b.mu.Unlock()
	b.changes.Add(1)
	b.suspect.Store(true)
}

// add notes orders that were live when they were heard of, but for those that are heard of too late.
func (b *book) add(heard []order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := make(map[int64]owned, len(heard))
	for _, o := range heard {
		if o.revision > b.floor {
			page[o.UserID] = ownedOf(o.Receipt)
		}
	}
	b.turn(page)
}

// found notes a receipt that was looked up after changes stood there, unless they have moved since.
func (b *book) found(r Receipt, changes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changes.Load() == changes {
		b.turn(map[int64]owned{r.UserID: ownedOf(r)})
	}
}

// withdraw takes a receipt out. It is false when the shopper has another by now, which stays.
func (b *book) withdraw(r Receipt) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	// An answer from before the cancel, which is still on its way, does not come in any more.
	b.changes.Add(1)
	known, ok := b.receipt(Key{r.SaleID, r.Generation}, Shopper{ID: r.UserID})
	if !ok {
		return true
	}
	if known.OrderID != r.OrderID {
		return false
	}
	b.turn(map[int64]owned{r.UserID: {}})
	return true
}

// load notes what was read from the orders, after a revision that loadedTo gave, when the stock row was at least
// at that version.
func (b *book) load(changed []order, version int64) {
	page := make(map[int64]owned, len(changed))
	newest := int64(0)
	for _, o := range changed {
		newest = max(newest, o.revision)
		if o.live {
			page[o.UserID] = ownedOf(o.Receipt)
		} else if _, again := page[o.UserID]; !again {
			page[o.UserID] = owned{}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revision = max(b.revision, newest)
	b.floor = max(b.floor, newest, version)
	b.changes.Add(1)
	b.turn(page)
	b.through.Store(max(b.through.Load(), version))
}

func (b *book) loadedTo() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.revision
}

// clear forgets every receipt.
func (b *book) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revision = 0
	b.changes.Add(1)
	b.through.Store(0)
	b.pages.Store(nil)
}

// turn adds a page, which becomes the book's, and merges pages into it until each is at least twice as large as the next.
// The caller holds mu.
func (b *book) turn(page map[int64]owned) {
	if len(page) == 0 {
		return
	}
	var pages []map[int64]owned
	if old := b.pages.Load(); old != nil {
		pages = append(pages, *old...)
	}
	kept, size := len(pages), len(page)
	for kept > 0 && len(pages[kept-1]) < 2*size {
		kept--
		size += len(pages[kept])
	}
	// What is loaded at the end of a sale is what the book has been told of already, and is not copied.
	if size > 2*len(page) {
		roomy := make(map[int64]owned, size)
		maps.Copy(roomy, page)
		page = roomy
	}
	for _, older := range slices.Backward(pages[kept:]) {
		for user, o := range older {
			if _, newer := page[user]; !newer {
				page[user] = o
			}
		}
	}
	pages = append(pages[:kept], page)
	b.pages.Store(&pages)
}

func ownedOf(r Receipt) owned {
	return owned{id: r.OrderID, pressKey: r.pressKey, unit: r.Unit, atMicro: r.At.UnixMicro(), attempt: int32(r.Attempt), keyed: r.keyed}
}
