package directory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"flashsale/users"
)

const (
	// pageIDs is how many ids have their bits in one page, which takes 4 KiB.
	pageIDs = 32_768
	// barredChunk is how many ids one statement reads.
	barredChunk = 50_000
)

// barred is the set of ids of accounts that may not buy: a bit for each id, in pages. A page without such an id is not there, so
// a million of them take 125 KiB when their ids have no gaps, and 4 KiB each when every one is far from the others.
//
// Readers take no lock. Whoever holds the directory's token following is the only writer. It changes bits in place, and puts
// new pages into a copy of the index, because what others read cannot grow.
type barred struct {
	known atomic.Bool
	// pages has everybody who may not buy, gone those of them that are archived.
	pages, gone atomic.Pointer[index]
	// at is the place up to which changes were applied, and followed when that was last done while names are being loaded.
	at       users.Position
	followed time.Time
}

type page [pageIDs / 64]atomic.Uint64

// index finds a page by its number. A slice is several times faster than a map; the map has the numbers that no identity column
// reaches by itself.
type index struct {
	near []*page
	far  map[int64]*page
}

// nearest is how many pages the slice has at most: those of two billion ids.
const nearest = 1 << 16

// place is the page of an id, and its word and bit there. Shifts and masks are right for negative ids too.
func place(id int64) (at int64, word int, bit uint64) {
	const pageBits = 15
	return id >> pageBits, int(id & (pageIDs - 1) / 64), 1 << (uint64(id) & 63)
}

// page is nil when there is none.
func (x *index) page(at int64) *page {
	if at >= 0 && at < int64(len(x.near)) {
		return x.near[at]
	}
	return x.far[at]
}

func (x *index) put(at int64, p *page) {
	if at < 0 || at >= nearest {
		x.far[at] = p
		return
	}
	if more := int(at) + 1 - len(x.near); more > 0 {
		x.near = append(x.near, make([]*page, more)...)
	}
	x.near[at] = p
}

// add sets the bit of an id in an index that nobody else reads yet.
func (x *index) add(id int64) {
	at, word, bit := place(id)
	if x.page(at) == nil {
		x.put(at, new(page))
	}
	x.page(at)[word].Or(bit)
}

func (x *index) clone() *index {
	c := &index{near: slices.Clone(x.near), far: map[int64]*page{}}
	maps.Copy(c.far, x.far)
	return c
}

func (b *barred) has(id int64) bool { return has(&b.pages, id) }

func has(in *atomic.Pointer[index], id int64) bool {
	pages := in.Load()
	if pages == nil {
		return false
	}
	at, word, bit := place(id)
	p := pages.page(at)
	return p != nil && p[word].Load()&bit != 0
}

// replace takes a whole set, which was read after a version.
func (b *barred) replace(pages, gone *index, version int64) {
	b.at, b.followed = upTo(version), time.Now()
	b.pages.Store(pages)
	b.gone.Store(gone)
	b.known.Store(true)
}

// apply takes accounts as they are now, in the order of their changes. It does no harm to apply the same changes twice.
func (b *barred) apply(list []users.Record) {
	if len(list) == 0 {
		return
	}
	mark(&b.pages, list, func(r *users.Record) bool { return r.Archived || !r.MayPurchase })
	mark(&b.gone, list, func(r *users.Record) bool { return r.Archived })
	last := &list[len(list)-1]
	b.at = users.Position{Changed: last.Changed, ID: last.ID}
}

// mark sets the bits of accounts that belong to a set and clears those of the others.
func mark(in *atomic.Pointer[index], list []users.Record, belongs func(*users.Record) bool) {
	pages, own := in.Load(), false
	for i := range list {
		r := &list[i]
		at, word, bit := place(r.ID)
		p := pages.page(at)
		switch bars := belongs(r); {
		case bars && p == nil:
			if !own {
				pages, own = pages.clone(), true
			}
			p = new(page)
			p[word].Store(bit)
			pages.put(at, p)
		case bars:
			p[word].Or(bit)
		case p != nil:
			p[word].And(^bit)
		}
	}
	if own {
		in.Store(pages)
	}
}

// Barred reports whether an account may not buy: it is barred, archived or erased. It answers from memory, for all accounts,
// whatever Config.Limit is, and without allocating. Ids that no account has are not barred. While BarredKnown is false, a false
// says nothing.
func (d *Directory) Barred(id int64) bool { return d.barred.has(id) }

// Gone reports whether an account is archived or erased: it answers as Barred does.
func (d *Directory) Gone(id int64) bool { return has(&d.barred.gone, id) }

// BarredKnown reports whether the accounts that may not buy have been read. It becomes false again while they are read from
// another database; it stays true while Postgres is away.
func (d *Directory) BarredKnown() bool { return d.barred.known.Load() }

// loadBarred reads the whole set after a version of the roster. What changes meanwhile has a later version and is followed.
func (d *Directory) loadBarred(ctx context.Context, version int64) error {
	if version < d.barred.at.Changed {
		d.barred.known.Store(false) // in another database the ids belong to others
	}
	pages, gone := (&index{}).clone(), (&index{}).clone()
	for last, more := int64(-1<<63), true; more; {
		list, err := d.store.BarredAfter(ctx, last, barredChunk)
		if err != nil {
			return fmt.Errorf("load barred accounts: %w", err)
		}
		for _, one := range list {
			pages.add(one.ID)
			if one.Archived {
				gone.add(one.ID)
			}
			last = one.ID
		}
		more = len(list) == barredChunk
	}
	d.barred.replace(pages, gone, version)
	return nil
}

// followBarred applies what has changed, at most once a second, while the names of millions of accounts are being read.
func (d *Directory) followBarred(ctx context.Context, now time.Time) error {
	if now.Sub(d.barred.followed) < followEvery {
		return nil
	}
	for more := true; more; {
		list, _, err := d.store.Changes(ctx, d.barred.at, readChunk)
		if err != nil {
			return fmt.Errorf("follow barred accounts: %w", err)
		}
		d.barred.apply(list)
		more = len(list) == readChunk
	}
	d.barred.followed = now
	return nil
}
