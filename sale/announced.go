package sale

import (
	"sync"

	"github.com/google/uuid"
)

// announced remembers of which orders a press of this process has said that it bought them, so that one of a
// shopper's presses says so and no other. The zero value remembers none.
type announced struct {
	mu            sync.Mutex
	recent, older map[uuid.UUID]struct{}
}

// mostAnnounced is how many newer orders there are at least before one is forgotten. By then the presses that are
// as old as that order are over.
const mostAnnounced = 50_000

// first is true for the first press that asks about an order.
func (a *announced) first(order uuid.UUID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, orders := range []map[uuid.UUID]struct{}{a.recent, a.older} {
		if _, said := orders[order]; said {
			return false
		}
	}
	if a.recent == nil || len(a.recent) >= mostAnnounced {
		a.recent, a.older = make(map[uuid.UUID]struct{}), a.recent
	}
	a.recent[order] = struct{}{}
	return true
}
