package users

import (
	"hash/maphash"
	"sync"
)

// names is the table from names in normal form to accounts, in shards so that readers on all cores do not queue
// for one lock. An account in it is never changed, only replaced. The zero value is not usable.
type names struct {
	seed   maphash.Seed
	shards [256]shard
}

type shard struct {
	mu       sync.RWMutex
	accounts map[string]*Account
	_        [32]byte // a cache line each
}

func newNames() *names {
	n := &names{seed: maphash.MakeSeed()}
	for i := range n.shards {
		n.shards[i].accounts = make(map[string]*Account)
	}
	return n
}

func (n *names) shard(name string) *shard {
	return &n.shards[maphash.String(n.seed, name)%uint64(len(n.shards))]
}

// find does not allocate.
func (n *names) find(name string) (Account, bool) {
	s := n.shard(name)
	s.mu.RLock()
	a := s.accounts[name]
	s.mu.RUnlock()
	if a == nil {
		return Account{}, false
	}
	return *a, true
}

func (n *names) put(name string, a *Account) {
	s := n.shard(name)
	s.mu.Lock()
	s.accounts[name] = a
	s.mu.Unlock()
}

func (n *names) remove(name string) {
	s := n.shard(name)
	s.mu.Lock()
	delete(s.accounts, name)
	s.mu.Unlock()
}

func (n *names) clear() {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		s.accounts = make(map[string]*Account)
		s.mu.Unlock()
	}
}
