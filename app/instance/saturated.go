package instance

import (
	"context"

	"flashsale/inventory"
	"flashsale/users"
)

// Saturated starts an instance in a state that a real one is in for milliseconds only: every place in Redis is taken, and
// the ledger has sold nothing. Each purchase request passes every step up to the places; there the real Redis answers, through
// the real combiner, that no place is free, and the request ends. So these steps can be measured alone, over HTTP, for as long
// as the measurement takes. The parts that change this state do not run. That many shoppers of the series who may purchase exist
// afterwards.
func Saturated(shoppers int) Option {
	return func(s *start) {
		s.ready = func(ctx context.Context, a *Instance) error {
			if err := a.wiring.parts.leaveOut("reconciler", "ledger", "outbox", "probes"); err != nil {
				return err
			}
			return a.saturate(ctx, shoppers)
		}
	}
}

// saturate makes the shoppers who will buy, and takes every place.
func (a *Instance) saturate(ctx context.Context, shoppers int) error {
	if _, err := a.wiring.users.EnsureSeries(ctx, users.AbleLength(shoppers), nil); err != nil {
		return err
	}
	if err := a.wiring.directory.Refresh(ctx); err != nil {
		return err
	}
	s, err := a.wiring.catalog.Snapshot("")
	if err != nil {
		return err
	}
	_, err = a.wiring.places.Load(ctx, inventory.Key(s.Key()), 0, 1, nil)
	return err
}
