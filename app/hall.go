package app

import (
	"context"

	"flashsale/app/bench"
	"flashsale/app/config"
	"flashsale/app/server"
	"flashsale/inventory"
)

// serveHall is an instance in a state that a real one passes within milliseconds: every place in Redis is held, and
// the ledger has sold nothing. Each press goes the whole way of a purchase up to the places, is told by the real Redis
// through the real combiner that there is none, and ends there, so the way up to the claim can be measured by itself,
// over HTTP and for as long as it takes. What would bring the places back into line is not running: the reconciler,
// and the ledger, which has nothing to decide.
func serveHall(ctx context.Context, cfg config.Config, t terminal) error {
	defer server.TuneMemory()()
	log := newLogger(cfg, t.err)
	a, err := startWith(ctx, cfg, log, func() (*services, error) { return startServers(ctx, cfg, log, t.err) }, asHall)
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		_ = a.Stop(stopping)
	}()
	a.banner(t.out)
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.Failed():
		return err
	}
}

// asHall opens an instance as a hall.
func asHall(ctx context.Context, a *App) error {
	if err := a.core.parts.leaveOut("reconciler", "ledger", "outbox", "probes"); err != nil {
		return err
	}
	return a.fillHall(ctx)
}

// fillHall makes the shoppers who will press, and holds every place.
func (a *App) fillHall(ctx context.Context) error {
	if _, err := a.core.users.EnsureSeries(ctx, bench.HallShoppers, nil); err != nil {
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
