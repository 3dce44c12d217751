package checkout

import (
	"context"
	"sync"

	"flashsale/sale"
)

// simulatedPlaces is Redis with the places of all generations, and what loads them from the ledger.
type simulatedPlaces struct {
	fault
	loadFault    fault
	releaseFault fault
	calls        *callCounts

	mu      sync.Mutex
	limit   int
	missing bool
	// limits is how many holders there may be in each generation whose places are loaded; nil: limit in each, and all are
	// loaded unless missing is true.
	limits  map[sale.Key]int
	holders map[sale.Key]map[int64]bool
}

func newSimulatedPlaces(calls *callCounts, limit int) *simulatedPlaces {
	return &simulatedPlaces{calls: calls, holders: make(map[sale.Key]map[int64]bool), limit: limit}
}

func (p *simulatedPlaces) Reserve(ctx context.Context, k sale.Key, user int64) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, placeTime) // as the combiner and the breaker see to it
	defer cancel()
	p.calls.add("reserve")
	if err := p.ask(ctx); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	limit, loaded := p.limits[k]
	if p.limits == nil {
		limit, loaded = p.limit, !p.missing
	}
	switch holders := p.holders[k]; {
	case !loaded:
		return 0, sale.ErrMissing
	case holders[user]:
		return AlreadyHolder, nil
	case len(holders) >= limit:
		return Full, nil
	case holders == nil:
		p.holders[k] = make(map[int64]bool)
	}
	p.holders[k][user] = true
	return Reserved, nil
}

func (p *simulatedPlaces) Release(ctx context.Context, k sale.Key, users []int64) error {
	p.calls.add("release")
	if err := p.releaseFault.ask(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		delete(p.holders[k], u)
	}
	return nil
}

func (p *simulatedPlaces) Reconcile(ctx context.Context, _ sale.Key) error {
	p.calls.add("rebuild")
	if err := p.loadFault.ask(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing = false
	return nil
}

// addHolder makes the shopper a holder without a request.
func (p *simulatedPlaces) addHolder(k sale.Key, user int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders[k] == nil {
		p.holders[k] = make(map[int64]bool)
	}
	p.holders[k][user] = true
}

// isHolder is true when the shopper has a place in the first generation.
func (p *simulatedPlaces) isHolder(user int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holders[saleKey][user]
}

// loseAll empties Redis: no places are loaded.
func (p *simulatedPlaces) loseAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing, p.holders = true, make(map[sale.Key]map[int64]bool)
}
