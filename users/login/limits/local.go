package limits

import (
	"hash/maphash"
	"sync"
	"time"
)

// Rate is a budget: Limit in each Window on average, and Burst at once after a rest.
type Rate struct {
	Limit  int
	Window time.Duration
	Burst  int
}

// interval is the time in which one attempt comes back.
func (r Rate) interval() time.Duration { return r.Window / time.Duration(max(1, r.Limit)) }

// refill is the time in which a spent budget is whole again.
func (r Rate) refill() time.Duration { return r.interval() * time.Duration(r.Burst) }

// share is the part of one of so many processes. Together they let no more through than the budget, but for a burst that is smaller
// than their number: each takes one at least.
func (r Rate) share(processes int) Rate {
	processes = max(1, processes)
	return Rate{Limit: r.Limit, Window: r.Window * time.Duration(processes), Burst: max(1, r.Burst/processes)}
}

// ways is how many keys share a lock, and the places that they are remembered in.
const ways = 8

// Local counts attempts in this process, by the generic cell rate algorithm: of each key it keeps one time, at which the
// budget of the key is whole again. limit.lua does the same in Redis.
//
// It remembers a fixed number of keys, like the cache of a processor: a hash of the key, with a seed that nobody knows, says in
// which set it is. In a set that is full, the key goes whose budget is whole first, and begins again with a whole one. So somebody
// with very many addresses loses those, and not the addresses that have spent much; and the bound on memory lets more
// attempts through, never fewer. It allocates nothing after its making. Safe for concurrent use.
type Local[K comparable] struct {
	seed maphash.Seed
	sets []limitSet
}

// limitSet has the hashes of its keys, and when their budgets are whole. A budget that is whole by now is a free place.
type limitSet struct {
	mu    sync.Mutex
	keys  [ways]uint64
	whole [ways]time.Duration
}

// NewLocal makes a Local that remembers most keys.
func NewLocal[K comparable](most int) *Local[K] {
	return &Local[K]{seed: maphash.MakeSeed(), sets: make([]limitSet, max(1, most/ways))}
}

// Take uses up one attempt of the key. now is the time since a moment that is the same for all calls. left is how many attempts
// are left at once; wait is the time until there is one when there was none.
func (l *Local[K]) Take(k K, r Rate, now time.Duration) (left int, wait time.Duration, ok bool) {
	interval, most := r.interval(), r.refill()
	s, hash := l.set(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.place(hash)
	// The clock does not go back, but the rate of the key may be higher than at the last call: nobody waits longer than that rate
	// makes anybody wait.
	whole := min(max(s.whole[at], now), now+most)
	if wait = whole + interval - most - now; wait > 0 {
		return 0, wait, false
	}
	s.whole[at] = whole + interval
	return int(-wait / max(1, interval)), 0, true
}

// GiveBack undoes a Take of the key.
func (l *Local[K]) GiveBack(k K, r Rate) {
	s, hash := l.set(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole[s.place(hash)] -= r.interval()
}

func (l *Local[K]) set(k K) (*limitSet, uint64) {
	hash := maphash.Comparable(l.seed, k)
	return &l.sets[hash%uint64(len(l.sets))], hash
}

// place is where the key is. If it is nowhere, it gets the place of the key whose budget is whole first.
func (s *limitSet) place(hash uint64) int {
	first := 0
	for i, k := range s.keys {
		if k == hash {
			return i
		}
		if s.whole[i] < s.whole[first] {
			first = i
		}
	}
	s.keys[first], s.whole[first] = hash, 0
	return first
}
