package sale

import (
	"sync"
	"sync/atomic"
)

// attempts remembers the number of the next attempt for shoppers who were declined. The ledger owns the numbers: a forgotten
// one costs a question, so all are forgotten when there are mostAttempts.
type attempts struct {
	some atomic.Bool
	mu   sync.Mutex
	next map[shopperKey]int
}

const mostAttempts = 100_000

func (a *attempts) of(who shopperKey) int {
	if !a.some.Load() {
		return 1
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(1, a.next[who])
}

func (a *attempts) remember(who shopperKey, next int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil || len(a.next) >= mostAttempts {
		a.next = make(map[shopperKey]int)
	}
	a.next[who] = max(next, a.next[who])
	a.some.Store(true)
}
