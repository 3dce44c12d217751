package checkout

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"flashsale/sale"
)

// simulatedAccounts are the accounts: those known in memory, and all that are in Postgres.
type simulatedAccounts struct {
	fault
	calls *callCounts

	mu         sync.Mutex
	known, all map[string]sale.Shopper
	warmed     map[int64]bool
}

func newSimulatedAccounts(calls *callCounts) *simulatedAccounts {
	return &simulatedAccounts{calls: calls, known: make(map[string]sale.Shopper), all: make(map[string]sale.Shopper), warmed: make(map[int64]bool)}
}

func (a *simulatedAccounts) add(s sale.Shopper, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[s.Username] = s
	if known {
		a.known[s.Username] = s
	}
}

// archive hides the account, or brings it back. Memory keeps the name of an account that is hidden if it was warmed.
func (a *simulatedAccounts) archive(name string, hidden bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.all[name]
	s.Archived = hidden
	a.all[name] = s
	if hidden && !a.warmed[s.ID] {
		delete(a.known, name)
	} else {
		a.known[name] = s
	}
}

// shopperName is the name of a shopper of simulatedServers.addShoppers.
func shopperName(i int) string { return fmt.Sprintf("s%d", i) }

func (a *simulatedAccounts) shopper(name string) sale.Shopper {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[name]
}

func (a *simulatedAccounts) Known(name string) (sale.Shopper, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.known[name]
	return s, ok
}

func (a *simulatedAccounts) Find(ctx context.Context, name string) (sale.Shopper, bool, error) {
	a.calls.add("find")
	if err := a.ask(ctx); err != nil {
		return sale.Shopper{}, false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.all[name]
	return s, ok, nil
}

func (a *simulatedAccounts) Warm(ctx context.Context, ids []int64) error {
	a.calls.add("warm")
	if err := a.ask(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		a.warmed[id] = true
	}
	for name, s := range a.all {
		if slices.Contains(ids, s.ID) {
			a.known[name] = s
		}
	}
	return nil
}
