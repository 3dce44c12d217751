package instance

import (
	"context"

	"flashsale/inventory"
)

// Saturated starts an instance in a state that a real one passes within milliseconds: every place in Redis is held, and
// the ledger has sold nothing. Each press goes the whole way of a purchase up to the places, is told by the real Redis
// through the real combiner that there is none, and ends there, so the way up to the claim can be measured by itself,
// over HTTP and for as long as it takes. What would bring the places back into line is not running: the reconciler,
// and the ledger, which has nothing to decide. So many shoppers exist, who press.
func Saturated(shoppers int) Option {
	return func(s *start) {
		s.ready = func(ctx context.Context, a *Instance) error {
			if err := a.core.parts.leaveOut("reconciler", "ledger", "outbox", "probes"); err != nil {
				return err
			}
			return a.saturate(ctx, shoppers)
		}
	}
}

// saturate makes the shoppers who will press, and holds every place.
func (a *Instance) saturate(ctx context.Context, shoppers int) error {
	if _, err := a.core.users.EnsureSeries(ctx, shoppers, nil); err != nil {
		return err
	}
	if err := a.core.directory.Refresh(ctx); err != nil {
		return err
	}
	s, err := a.core.board.Snapshot("")
	if err != nil {
		return err
	}
	_, err = a.core.places.Load(ctx, inventory.Key(s.Key()), 0, 1, nil)
	return err
}
