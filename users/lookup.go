package users

import (
	"hash/maphash"
	"sync"
)

// shards is into how many parts the tables are cut: readers on all cores do not queue for one lock, and a table that
// grows is a small one.
const shards = 256

// split gives the shard and the tag of a hash.
func split(hash uint64) (shard int, tag uint32) { return int(hash % shards), uint32(hash >> 32) }

// names is the table from names in normal form to accounts on a shelf. Any number of readers, one writer at a time.
type names struct {
	shelf *shelf
	// hash is keyed, so that nobody can choose names that collide.
	hash   func(string) uint64
	shards [shards]shard
}

// shard is locked while a slot changes; the writer, who alone changes any, looks without.
type shard struct {
	mu sync.RWMutex
	table
	_ [8]byte // a cache line each
}

func newNames(s *shelf) *names {
	seed := maphash.MakeSeed()
	return &names{shelf: s, hash: func(name string) uint64 { return maphash.String(seed, name) }}
}

// find does not allocate. The lock is held until the record has been read: while it is, the place means this record.
func (n *names) find(name string) (Account, bool) {
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.seek(tag, func(p place) bool { return n.shelf.at(p).named(name) })
	if found < 0 {
		return Account{}, false
	}
	return n.shelf.at(s.place(found)).account(), true
}

// put lets a name lead to a place, wherever it led before. Two names of one account with the same hash share a slot.
func (n *names) put(name string, to place) {
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	known := s.seek(tag, func(p place) bool { return n.shelf.at(p).named(name) })
	fit := s.table
	if known < 0 {
		fit = s.fitted()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table = fit
	if known < 0 {
		s.insert(tag, to)
	} else {
		s.set(known, to)
	}
}

// move lets a name lead to another place, if it leads to this one.
func (n *names) move(name string, from, to place) {
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	if known := s.seek(tag, func(p place) bool { return p == from }); known >= 0 {
		s.mu.Lock()
		s.set(known, to)
		s.mu.Unlock()
	}
}

// remove forgets a name, if it leads to this place.
func (n *names) remove(name string, from place) {
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	known := s.seek(tag, func(p place) bool { return p == from })
	if known < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.remove(known)
	s.table = s.fitted()
}

func (n *names) clear() {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		s.table = table{}
		s.mu.Unlock()
	}
}
