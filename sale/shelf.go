package sale

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"flashsale/events"
)

// known is what a look needs to ask only for what is new.
func (s *shelf) known() (keys map[int64]Key, versions map[int64]int64) {
	keys, versions = make(map[int64]Key, len(s.byID)), make(map[int64]int64, len(s.byID))
	for id, e := range s.byID {
		keys[id], versions[id] = e.Key, e.version
	}
	return keys, versions
}

// with is the shelf after a look, nil when nothing changed.
func (s *shelf) with(n news) *shelf {
	byID := maps.Clone(s.byID)
	if byID == nil {
		byID = make(map[int64]*entry)
	}
	changed := len(n.changed) > 0
	at := make(map[Key]int64, len(n.levels))
	for _, l := range n.levels {
		at[l.key()] = l.Version
	}
	for _, row := range n.changed {
		byID[row.Sale] = newEntry(row, byID[row.Sale], at[row.Key])
	}
	// Apart from commits that were heard of meanwhile the answer counts, also when it goes back: Postgres may have been
	// restored from a backup.
	for _, l := range n.levels {
		e := byID[l.Sale]
		if e == nil || e.Key != l.key() || e.level == l {
			continue
		}
		follows := l.follows(e.level)
		// A commit that was heard of while the question was under way is newer than the answer.
		if !follows && !e.pushed.Before(n.asked) {
			continue
		}
		next := e.at(l, e.pushed)
		if !follows {
			next.book = newBook(l.Version)
		}
		byID[l.Sale], changed = next, true
	}
	if !changed {
		return nil
	}
	for id, e := range byID {
		e.succeed(s.byID[id])
	}
	return newShelf(byID)
}

// follows is true when old can have become l by what happens to a stock row: each change makes its version larger. A
// ledger that was restored from a backup has another history.
func (l Level) follows(old Level) bool {
	return l.Version > old.Version || l.Version == old.Version && l.Total == old.Total && l.Taken == old.Taken
}

// succeed gives an entry that was just made its epoch: another one than that of the entry whose place it takes, if it
// cannot have become of it.
func (e *entry) succeed(old *entry) {
	if old == nil || e == old {
		return
	}
	e.epoch = old.epoch
	switch {
	case e.Generation < old.Generation, e.version < old.version,
		e.Generation == old.Generation && !e.level.follows(old.level):
		e.epoch++
	}
}

// heard is the shelf after a commit, nil when it is known already. unknown is true when it is about a generation
// that is not on the shelf.
func (s *shelf) heard(stocks []events.Stock, at time.Time) (next *shelf, unknown bool) {
	var byID map[int64]*entry
	for _, l := range stocks {
		e := s.byID[l.SaleID]
		if e == nil || e.Generation < l.Generation {
			unknown = true
			continue
		}
		if e.Generation > l.Generation || e.level.Version >= l.Version {
			continue
		}
		if byID == nil {
			byID = maps.Clone(s.byID)
		}
		level := e.level
		level.Total, level.Taken, level.Version = l.Total, l.Taken, l.Version
		byID[l.SaleID] = e.at(level, at)
	}
	if byID == nil {
		return nil, unknown
	}
	return newShelf(byID), unknown
}

// without is the shelf with an empty book for that sale.
func (s *shelf) without(e *entry) *shelf {
	next := *e
	next.book = newBook(e.level.Version)
	next.book.closed = e.book.closed
	byID := maps.Clone(s.byID)
	byID[e.Sale] = &next
	return newShelf(byID)
}

// newEntry takes a changed row onto the shelf; what is known of the generation stays with it. version is that of the
// stock row, read after it.
func newEntry(row sheet, old *entry, version int64) *entry {
	e := &entry{sheet: row, claimed: new(atomic.Int64)}
	if old != nil && old.Key == row.Key {
		e.level, e.pushed, e.book = old.level, old.pushed, old.book
		e.book.doubt(version)
		return e
	}
	e.level = Level{Sale: row.Sale, Generation: row.Generation}
	e.book = newBook(version)
	return e
}

func (e *entry) at(l Level, pushed time.Time) *entry {
	next := *e
	next.level, next.pushed, next.claimed = l, pushed, new(atomic.Int64)
	return &next
}

func newShelf(byID map[int64]*entry) *shelf {
	s := &shelf{byID: byID, bySlug: make(map[string]*entry, len(byID)), next: make(chan struct{})}
	for _, e := range byID {
		s.bySlug[e.slug] = e
		s.list = append(s.list, e)
	}
	slices.SortFunc(s.list, func(a, b *entry) int { return cmp.Compare(a.Sale, b.Sale) })
	for _, e := range s.list {
		if e.state != Draft && (s.current == nil || e.comesBefore(s.current)) {
			s.current = e
		}
	}
	return s
}

// comesBefore is true when e rather than other is the current sale.
func (e *entry) comesBefore(other *entry) bool {
	a, b := e.rank(), other.rank()
	if a != b {
		return a < b
	}
	switch e.state {
	case Scheduled:
		return e.startsAt.Before(other.startsAt)
	case Closed, Closing:
		return e.endsAt.After(other.endsAt)
	case Draft, Open, Paused:
	}
	return false
}

func (e *entry) rank() int {
	switch e.state {
	case Open, Paused:
		return 0
	case Scheduled:
		return 1
	case Draft, Closing, Closed:
	}
	return 2
}
