package sale

import (
	"sync"
	"sync/atomic"
)

// attempts remembers under which number a shopper presses next, for those who were declined before. The ledger
// owns the numbers; forgetting one costs a question, so the whole lot is forgotten when it gets large.
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
