package checkout

import (
	"sync"
	"sync/atomic"

	"flashsale/sale"
)

// attempts remembers the number of the next attempt for shoppers who were declined. The ledger owns the numbers: a forgotten
// one costs one question to the ledger, so all are forgotten when there are mostAttempts.
type attempts struct {
	some atomic.Bool
	mu   sync.Mutex
	next map[sale.ShopperKey]int
}

const mostAttempts = 100_000

func (a *attempts) of(who sale.ShopperKey) int {
	if !a.some.Load() {
		return 1
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(1, a.next[who])
}

func (a *attempts) remember(who sale.ShopperKey, next int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil || len(a.next) >= mostAttempts {
		a.next = make(map[sale.ShopperKey]int)
	}
	a.next[who] = max(next, a.next[who])
	a.some.Store(true)
}
