package checkout

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

// versions are the generations and versions known, so that the next read asks only for what is new.
func (s *snapshots) versions() (keys map[int64]sale.Key, versions map[int64]int64) {
	keys, versions = make(map[int64]sale.Key, len(s.byID)), make(map[int64]int64, len(s.byID))
	for id, e := range s.byID {
		keys[id], versions[id] = e.Key, e.Version
	}
	return keys, versions
}

// withChanges is the set after a read of Postgres, nil when nothing changed.
func (s *snapshots) withChanges(n sale.Changes) *snapshots {
	byID := maps.Clone(s.byID)
	if byID == nil {
		byID = make(map[int64]*catalogEntry)
	}
	changed := len(n.Rows) > 0
	at := make(map[sale.Key]int64, len(n.Levels))
	for _, l := range n.Levels {
		at[l.Key()] = l.Version
	}
	for _, row := range n.Rows {
		byID[row.Sale] = newEntry(row, byID[row.Sale], at[row.Key])
	}
	for _, l := range n.Levels {
		e := byID[l.Sale]
		if e == nil || e.Key != l.Key() || e.Level == l {
			continue
		}
		switch next := e.withLevel(l, e.stockAnnouncedAt); {
		case follows(l, e.Level):
			byID[l.Sale], changed = next, true
		// The answer counts even when its version is lower: Postgres may have been restored from a backup. But a commit that
		// was announced while the question was under way is newer than the answer.
		case e.stockAnnouncedAt.Before(n.Asked):
			next.receipts = newReceiptCache(l.Version)
			byID[l.Sale], changed = next, true
		}
	}
	if withSellouts(byID, n.Sellouts) {
		changed = true
	}
	if !changed {
		return nil
	}
	for id, e := range byID {
		e.continueEpoch(s.byID[id])
	}
	return newSnapshots(byID)
}

// withSellouts puts the moments at which sales sold out into their entries. It is true when it has changed one.
func withSellouts(byID map[int64]*catalogEntry, sellouts map[sale.Key]sale.Sellout) (changed bool) {
	for id, e := range byID {
		at, known := sellouts[e.Key]
		if !known || e.sellout == at || e.Level.Taken < e.Level.Total {
			continue
		}
		next := *e
		next.sellout = at
		byID[id], changed = &next, true
	}
	return changed
}

// follows is true when changes of the stock row can lead from old to l. Each change makes the version larger. A ledger that was
// restored from a backup has another history.
func follows(l, old sale.Level) bool {
	return l.Version > old.Version || l.Version == old.Version && l.Total == old.Total && l.Taken == old.Taken
}

// continueEpoch sets the epoch of a new entry: that of the old entry, or the next one if no changes of the ledger lead from the
// old entry to this one.
func (e *catalogEntry) continueEpoch(old *catalogEntry) {
	if old == nil || e == old {
		return
	}
	e.epoch = old.epoch
	switch {
	case e.Generation < old.Generation, e.Version < old.Version,
		e.Generation == old.Generation && !follows(e.Level, old.Level):
		e.epoch++
	}
}

// withStocks is the set after a commit, nil when it knows the commit already. unknown is true when the commit is of a
// generation that the set does not have.
func (s *snapshots) withStocks(stocks []events.Stock, at time.Time) (next *snapshots, unknown bool) {
	var byID map[int64]*catalogEntry
	for _, l := range stocks {
		e := s.byID[l.SaleID]
		if e == nil || e.Generation < l.Generation {
			unknown = true
			continue
		}
		if e.Generation > l.Generation || e.Level.Version >= l.Version {
			continue
		}
		if byID == nil {
			byID = maps.Clone(s.byID)
		}
		level := e.Level
		level.Total, level.Taken, level.Version = l.Total, l.Taken, l.Version
		byID[l.SaleID] = e.withLevel(level, at)
	}
	if byID == nil {
		return nil, unknown
	}
	return newSnapshots(byID), unknown
}

// withEmptyReceipts is the set with an empty receipt cache for that sale.
func (s *snapshots) withEmptyReceipts(e *catalogEntry) *snapshots {
	next := *e
	next.receipts = newReceiptCache(e.Level.Version)
	next.receipts.keptSince = e.receipts.keptSince
	byID := maps.Clone(s.byID)
	byID[e.Sale] = &next
	return newSnapshots(byID)
}

// newEntry makes an entry of a changed row and keeps what is known of its generation. version is that of the stock row,
// which was read after the row.
func newEntry(row sale.Row, old *catalogEntry, version int64) *catalogEntry {
	e := &catalogEntry{Row: row, allClaimedUntil: new(atomic.Int64)}
	if old != nil && old.Key == row.Key {
		e.Level, e.stockAnnouncedAt, e.receipts, e.sellout = old.Level, old.stockAnnouncedAt, old.receipts, old.sellout
		e.receipts.invalidate(version)
		return e
	}
	e.Level = sale.Level{Sale: row.Sale, Generation: row.Generation}
	e.receipts = newReceiptCache(version)
	return e
}

func (e *catalogEntry) withLevel(l sale.Level, announcedAt time.Time) *catalogEntry {
	next := *e
	next.Level, next.stockAnnouncedAt, next.allClaimedUntil = l, announcedAt, new(atomic.Int64)
	if l.Taken < l.Total {
		next.sellout = sale.Sellout{}
	}
	if l.Taken == 0 {
		next.receipts.nothingTaken(l.Version)
	}
	return &next
}

func newSnapshots(byID map[int64]*catalogEntry) *snapshots {
	s := &snapshots{byID: byID, bySlug: make(map[string]*catalogEntry, len(byID)), replaced: make(chan struct{})}
	for _, e := range byID {
		s.bySlug[e.Slug] = e
		s.list = append(s.list, e)
	}
	slices.SortFunc(s.list, func(a, b *catalogEntry) int { return cmp.Compare(a.Sale, b.Sale) })
	for _, e := range s.list {
		if e.State != sale.Draft && !e.Archived && (s.current == nil || e.comesBefore(s.current)) {
			s.current = e
		}
	}
	return s
}

// comesBefore is true when e rather than other is the current sale.
func (e *catalogEntry) comesBefore(other *catalogEntry) bool {
	a, b := e.rank(), other.rank()
	if a != b {
		return a < b
	}
	switch e.State {
	case sale.Scheduled:
		return e.StartsAt.Before(other.StartsAt)
	case sale.Closed, sale.Closing:
		return e.EndsAt.After(other.EndsAt)
	case sale.Draft, sale.Open, sale.Paused:
	}
	return false
}

func (e *catalogEntry) rank() int {
	switch e.State {
	case sale.Open, sale.Paused:
		return 0
	case sale.Scheduled:
		return 1
	case sale.Draft, sale.Closing, sale.Closed:
	}
	return 2
}

// subscribers are those who want to know that something changed. The zero value has none.
type subscribers struct {
	mu   sync.Mutex
	all  map[int]chan struct{}
	next int
}

func (r *subscribers) subscribe() (<-chan struct{}, func()) {
	signal := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = make(map[int]chan struct{})
	}
	id := r.next
	r.next++
	r.all[id] = signal
	return signal, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.all, id)
	}
}

func (r *subscribers) notify() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, signal := range r.all {
		select {
		case signal <- struct{}{}:
		default:
		}
	}
}
