package directory

import (
	"hash/maphash"
	"sync"

	"flashsale/users"
)

// shards is into how many parts the tables are cut, so that readers on all cores do not wait for one lock, and a table
// that grows is a small one.
const shards = 256

// split gives the shard and the tag of a hash.
func split(hash uint64) (shard int, tag uint32) { return int(hash % shards), uint32(hash >> 32) }

// names is the table from names in normal form to accounts in an arena. Any number of readers, one writer at a time.
type names struct {
	arena *arena
	// hash is keyed, so that an attacker cannot choose names that collide.
	hash   func(string) uint64
	shards [shards]shard
}

// shard is locked while a slot changes. The writer is the only one who changes slots, so it reads without the lock.
type shard struct {
	mu sync.RWMutex
	table
	_ [8]byte // a cache line each
}

func newNames(s *arena) *names {
	seed := maphash.MakeSeed()
	return &names{arena: s, hash: func(name string) uint64 { return maphash.String(seed, name) }}
}

// find does not allocate. It keeps the lock until the record has been read, because only under the lock the ref is sure
// to mean this record.
func (n *names) find(name string) (users.Account, bool) {
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.seek(tag, func(p ref) bool { return n.arena.at(p).named(name) })
	if found < 0 {
		return users.Account{}, false
	}
	return n.arena.at(s.ref(found)).account(), true
}

// put lets a name lead to a ref, wherever it led before. Two names of one account with the same hash share a slot. An account
// without an address has an empty name in its place, which leads nowhere.
func (n *names) put(name string, to ref) {
	if name == "" {
		return
	}
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	known := s.seek(tag, func(p ref) bool { return n.arena.at(p).named(name) })
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

// move lets a name lead to another ref, if it leads to this one.
func (n *names) move(name string, from, to ref) {
	if name == "" {
		return
	}
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	if known := s.seek(tag, func(p ref) bool { return p == from }); known >= 0 {
		s.mu.Lock()
		s.set(known, to)
		s.mu.Unlock()
	}
}

// remove forgets a name, if it leads to this ref.
func (n *names) remove(name string, from ref) {
	if name == "" {
		return
	}
	at, tag := split(n.hash(name))
	s := &n.shards[at]
	known := s.seek(tag, func(p ref) bool { return p == from })
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
