package app

import (
	"context"
	"errors"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"flashsale/app/bench"
	"flashsale/app/config"
	"flashsale/app/live"
	"flashsale/app/server"
	"flashsale/app/web"
	"flashsale/inventory"
	"flashsale/static"
)

// serveHall is an instance in a state that a real one passes within milliseconds: every place in Redis is held, and
// the ledger has sold nothing. Each press goes the whole way of a purchase up to the places, is told by the real Redis
// through the real combiner that there is none, and ends there, so the way up to the claim can be measured by itself,
// over HTTP and for as long as it takes. What would bring the places back into line is not running: the reconciler,
// and the ledger, which has nothing to decide.
func serveHall(ctx context.Context, cfg config.Config, t terminal) error {
	defer server.TuneMemory()()
	a := &App{cfg: cfg, log: newLogger(cfg, t.err), failed: make(chan error, 4)}
	a.parts, a.ledger = newBackground(a.log), newBackground(a.log)
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		_ = a.Stop(stopping)
	}()
	servers := func() (*services, error) { return startServers(ctx, cfg, a.log, t.err) }
	if err := a.openHall(ctx, servers); err != nil {
		return err
	}
	a.banner(t.out)
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.Failed():
		return err
	}
}

func (a *App) openHall(ctx context.Context, servers func() (*services, error)) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if a.services, err = servers(); err != nil {
		return err
	}
	if err := a.services.connect(ctx, a.cfg, a.log, registry); err != nil {
		return err
	}
	a.core = newCore(a.cfg, a.services, a.log, registry)
	if err := errors.Join(a.core.prepare(ctx), a.fillHall(ctx)); err != nil {
		return err
	}
	a.parts.run("board", a.core.board.Run)
	a.parts.run("checkout", a.core.checkout.Run)
	a.parts.run("directory", a.core.directory.Run)
	a.parts.run("presence", a.core.presence.Run)
	a.web = web.New(web.Config{
		Board: a.core.board, Checkout: a.core.checkout, Users: a.core.users, Operations: a.core.operations, Hub: live.New(1),
		Demo: a.cfg.Demo, DemoHosts: a.cfg.DemoHosts, CORSOrigins: a.cfg.CORSOrigins, Logger: a.log,
		Registerer: registry, Gatherer: registry, Version: Version(), ProcessID: a.core.id, Static: static.Handler(),
	})
	a.parts.run("live updates", a.web.Run)
	listeners, err := server.Listen(ctx, a.cfg.Hosts, a.cfg.Port)
	if err != nil {
		return err
	}
	a.address, _ = listeners[0].Addr().(*net.TCPAddr)
	a.serve(listeners)
	return a.serveOps(ctx)
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
