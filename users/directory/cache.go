package directory

import (
	"math"
	"sync"

	"flashsale/users"
)

// cache is the set of accounts in memory: a bounded number of records in an arena, and tables of names and ids that
// lead to them. It knows up to which version the roster has been followed; what was read elsewhere is compared with
// that, because it may be older. An account takes about 85 bytes with both of its names, none of them a pointer, so ten
// million of them cost the garbage collector nothing.
type cache struct {
	limit int
	names *names

	mu    sync.Mutex // changes; readers of names do not take it
	arena *arena
	ids   ids
	at    users.Position
}

// upTo is the position after all changes of a version.
func upTo(version int64) users.Position { return users.Position{Changed: version, ID: math.MaxInt64} }

func newCache(limit int) *cache {
	s := &arena{}
	return &cache{limit: limit, names: newNames(s), arena: s, ids: ids{arena: s}}
}

// follow takes records in the order of their changes. When the cache is full it takes no new accounts: those are found
// by name, when somebody asks for them.
func (h *cache) follow(list []users.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range list {
		r := &list[i]
		h.at = users.Position{Changed: r.Changed, ID: r.ID}
		if at, _ := h.ids.find(r.ID); at != 0 || h.ids.count < h.limit {
			h.put(r, false)
		}
	}
}

// add takes records that were read at a version of the roster. When later changes have been followed already, one of
// them may have archived such an account: then nothing is kept, and add is false.
func (h *cache) add(list []users.Record, version int64, pin bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if version < h.at.Changed {
		return false
	}
	for i := range list {
		r := &list[i]
		if at, _ := h.ids.find(r.ID); at == 0 && h.ids.count >= h.limit && (pin || !r.Archived) {
			h.remove(h.ids.candidate())
		}
		h.put(r, pin)
		if pin {
			h.ids.pin(r.ID)
		}
	}
	return true
}

// pin pins those ids that are in the cache and gives back the others.
func (h *cache) pin(ids []int64) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var missing []int64
	for _, id := range ids {
		if !h.ids.pin(id) {
			missing = append(missing, id)
		}
	}
	return missing
}

// room is how many more accounts fit.
func (h *cache) room() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.limit-h.ids.count, 0)
}

func (h *cache) position() users.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

// advance says that everything up to a position has been read.
func (h *cache) advance(to users.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = to
}

// clear removes all accounts and gives the ids of those that were pinned. Records that were read before version are no longer
// taken after that.
func (h *cache) clear(version int64) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.ids.pinned()
	h.names.clear()
	h.ids.clear()
	h.arena.clear()
	h.at = users.Position{Changed: version}
	return kept
}

// put replaces what the cache has of an account unless that is newer. An account for which the arena has no space is
// left out. An archived account is left out too, unless it is pinned or about to be.
func (h *cache) put(r *users.Record, pin bool) {
	old, isPinned := h.ids.find(r.ID)
	if old != 0 && h.arena.at(old).changed() > r.Changed {
		return
	}
	next := ref(0)
	if !r.Archived || (pin || isPinned) && !r.Erased() {
		next = h.arena.add(r)
	}
	if next == 0 {
		h.remove(old)
		return
	}
	if old != 0 {
		h.removeOldNames(old, r)
	}
	h.ids.put(r.ID, next)
	h.names.put(r.UsernameKey, next)
	h.names.put(r.EmailKey, next)
	if old != 0 {
		h.arena.remove(old)
	}
	h.compact()
}

// removeOldNames takes away the names that an account no longer has.
func (h *cache) removeOldNames(old ref, now *users.Record) {
	for _, key := range h.arena.at(old).keys() {
		if key != now.UsernameKey && key != now.EmailKey {
			h.names.remove(key, old)
		}
	}
}

func (h *cache) remove(p ref) {
	if p == 0 {
		return
	}
	was := h.arena.at(p)
	for _, key := range was.keys() {
		h.names.remove(key, p)
	}
	h.ids.remove(was.id())
	h.arena.remove(p)
	h.compact()
}

// compact empties chunks of the arena that are mostly gaps: it moves what is left in them to another chunk.
func (h *cache) compact() {
	for {
		chunk, ok := h.arena.sparseChunk()
		if !ok {
			return
		}
		for p := range h.arena.records(chunk) {
			id := h.arena.at(p).id()
			if at, _ := h.ids.find(id); at == p && !h.move(id, p) {
				return // no space to move to; some will come
			}
		}
		h.arena.release(chunk)
	}
}

func (h *cache) move(id int64, from ref) bool {
	was := h.arena.at(from)
	to := h.arena.put(was[:was.size()])
	if to == 0 {
		return false
	}
	h.ids.put(id, to)
	for _, key := range was.keys() {
		h.names.move(key, from, to)
	}
	return true
}
