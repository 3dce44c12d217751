package users

import (
	"math"
	"sync"
)

// held is the set of accounts in memory: a bounded table by id, and names into it. It knows up to where the
// roster has been followed, which decides whether something read elsewhere is still news.
type held struct {
	limit int
	names *names

	mu   sync.Mutex // changes; readers of names do not take it
	byID map[int64]*slot
	at   position
}

// slot is one account with the keys it stands under.
type slot struct {
	record
	// pinned accounts are the last to make room for others.
	pinned bool
}

// position is a place in the order of changes: everything up to it has been read.
type position struct{ changed, id int64 }

// upTo is the position behind all changes of a version.
func upTo(version int64) position { return position{version, math.MaxInt64} }

func newHeld(limit int) *held {
	return &held{limit: limit, names: newNames(), byID: make(map[int64]*slot)}
}

// follow takes records in the order of their changes. It has no room to make: whoever comes when the table is
// full is found later, by name.
func (h *held) follow(list []record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range list {
		r := &list[i]
		h.at = position{r.changed, r.ID}
		if h.byID[r.ID] != nil || len(h.byID) < h.limit {
			h.put(r)
		}
	}
}

// add takes records that were read at a version of the roster. When changes beyond that version have been
// followed already, one of them may have hidden such an account: then nothing is kept.
func (h *held) add(list []record, version int64, pin bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if version < h.at.changed {
		return
	}
	for i := range list {
		r := &list[i]
		if h.byID[r.ID] == nil && len(h.byID) >= h.limit {
			h.evict()
		}
		h.put(r)
		if s := h.byID[r.ID]; s != nil && pin {
			s.pinned = true
		}
	}
}

// pin pins those of ids that are held and gives back the others.
func (h *held) pin(ids []int64) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var missing []int64
	for _, id := range ids {
		if s := h.byID[id]; s != nil {
			s.pinned = true
		} else {
			missing = append(missing, id)
		}
	}
	return missing
}

// room is how many more accounts fit.
func (h *held) room() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.limit-len(h.byID), 0)
}

func (h *held) position() position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

// advance says that everything up to a position has been read.
func (h *held) advance(to position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = to
}

// clear forgets everybody. What was read before version is no news from here on.
func (h *held) clear(version int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names.clear()
	clear(h.byID)
	h.at = position{changed: version}
}

// put replaces what is held of an account unless that is newer.
func (h *held) put(r *record) {
	old := h.byID[r.ID]
	if old != nil && old.changed > r.changed {
		return
	}
	if r.archived {
		h.drop(old)
		return
	}
	next := &slot{record: *r}
	if old != nil {
		next.pinned = old.pinned
		h.unname(old, next)
	}
	h.byID[r.ID] = next
	h.names.put(next.usernameKey, &next.Account)
	h.names.put(next.emailKey, &next.Account)
}

// unname takes away the keys that an account no longer has.
func (h *held) unname(old, next *slot) {
	if old.usernameKey != next.usernameKey {
		h.names.remove(old.usernameKey)
	}
	if old.emailKey != next.emailKey {
		h.names.remove(old.emailKey)
	}
}

func (h *held) drop(s *slot) {
	if s == nil {
		return
	}
	h.names.remove(s.usernameKey)
	h.names.remove(s.emailKey)
	delete(h.byID, s.ID)
}

// evict makes room for one: of a few taken at random, the first that is not pinned, else any.
func (h *held) evict() {
	var victim *slot
	tries := 0
	for _, s := range h.byID { // starts anywhere
		victim = s
		if tries++; !s.pinned || tries == 16 {
			break
		}
	}
	h.drop(victim)
}
