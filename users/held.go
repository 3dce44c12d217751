package users

import (
	"math"
	"sync"
)

// held is the set of accounts in memory: a bounded number of records on a shelf, and tables of names and ids that
// lead to them. It knows up to where the roster has been followed, which decides whether something read elsewhere is
// still news. An account takes about 85 bytes with both of its names, none of them a pointer: ten million of them are
// as nothing to the garbage collector.
type held struct {
	limit int
	names *names

	mu    sync.Mutex // changes; readers of names do not take it
	shelf *shelf
	ids   ids
	at    position
}

// position is a place in the order of changes: everything up to it has been read.
type position struct{ changed, id int64 }

// upTo is the position behind all changes of a version.
func upTo(version int64) position { return position{version, math.MaxInt64} }

func newHeld(limit int) *held {
	s := &shelf{}
	return &held{limit: limit, names: newNames(s), shelf: s, ids: ids{shelf: s}}
}

// follow takes records in the order of their changes. It has no room to make: whoever comes when the table is
// full is found later, by name.
func (h *held) follow(list []record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range list {
		r := &list[i]
		h.at = position{r.changed, r.ID}
		if at, _ := h.ids.find(r.ID); at != 0 || h.ids.count < h.limit {
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
		if at, _ := h.ids.find(r.ID); at == 0 && h.ids.count >= h.limit {
			h.drop(h.ids.victim())
		}
		h.put(r)
		if pin {
			h.ids.pin(r.ID)
		}
	}
}

// pin pins those of ids that are held and gives back the others.
func (h *held) pin(ids []int64) []int64 {
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
func (h *held) room() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.limit-h.ids.count, 0)
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
	h.ids.clear()
	h.shelf.clear()
	h.at = position{changed: version}
}

// put replaces what is held of an account unless that is newer. An account for which there is no space on the shelf is
// not held.
func (h *held) put(r *record) {
	old, _ := h.ids.find(r.ID)
	if old != 0 && h.shelf.at(old).changed() > r.changed {
		return
	}
	next := place(0)
	if !r.archived {
		next = h.shelf.add(r)
	}
	if next == 0 {
		h.drop(old)
		return
	}
	if old != 0 {
		h.unname(old, r)
	}
	h.ids.put(r.ID, next)
	h.names.put(r.usernameKey, next)
	h.names.put(r.emailKey, next)
	if old != 0 {
		h.shelf.remove(old)
	}
	h.tidy()
}

// unname takes away the names that an account no longer has.
func (h *held) unname(old place, now *record) {
	for _, key := range h.shelf.at(old).keys() {
		if key != now.usernameKey && key != now.emailKey {
			h.names.remove(key, old)
		}
	}
}

func (h *held) drop(p place) {
	if p == 0 {
		return
	}
	was := h.shelf.at(p)
	for _, key := range was.keys() {
		h.names.remove(key, p)
	}
	h.ids.remove(was.id())
	h.shelf.remove(p)
	h.tidy()
}

// tidy empties chunks of the shelf that are mostly gaps: what is left of them moves elsewhere.
func (h *held) tidy() {
	for {
		chunk, ok := h.shelf.thin()
		if !ok {
			return
		}
		for p := range h.shelf.records(chunk) {
			id := h.shelf.at(p).id()
			if at, _ := h.ids.find(id); at == p && !h.move(id, p) {
				return // no space to move to; some will come
			}
		}
		h.shelf.release(chunk)
	}
}

func (h *held) move(id int64, from place) bool {
	was := h.shelf.at(from)
	to := h.shelf.put(was[:was.size()])
	if to == 0 {
		return false
	}
	h.ids.put(id, to)
	for _, key := range was.keys() {
		h.names.move(key, from, to)
	}
	return true
}
