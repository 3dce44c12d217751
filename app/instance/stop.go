package instance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"flashsale/app/server"
)

// requestPatience is the part of a stop that belongs to the requests in flight. It is more than the five seconds after
// which net/http gives up on a connection that was opened and never used, as browsers do ahead of need.
const requestPatience = 6 * time.Second

// drainGrace is how long the instance still takes requests after it has announced, in /readyz and in every answer, that it
// stops. In this time clients and load balancers leave by themselves, so no request on its way is cut off. Afterwards
// connections without a request are closed. A second is enough for a client that asks about once a second; DRAIN_DELAY is for
// balancers that are slower, and this is its default.
const drainGrace = time.Second

// partsPatience is the part that belongs to the list of parts: leaving the consumer group takes up to four seconds.
const partsPatience = 4 * time.Second

// StopPatience bounds an orderly stop with the default grace; what has not ended by then is cut off.
const StopPatience = drainGrace + firstRequestPatience + requestPatience + partsPatience

// Patience bounds an orderly stop of this instance.
func (a *Instance) Patience() time.Duration { return StopPatience - drainGrace + a.cfg.DrainDelay }

// firstRequestPatience is how long a stop waits for the first request of a connection that was accepted last. Browsers open
// connections ahead of need that never have one.
const firstRequestPatience = 300 * time.Millisecond

// Stop ends the instance in order: no new requests, open streams told when to come back, requests in flight
// finished, then the consumer with its offsets committed, then connections and embedded servers. It returns when
// all of that is done or ctx has ended.
func (a *Instance) Stop(ctx context.Context) error {
	var errs []error
	if a.web != nil {
		a.web.Drain()
	}
	if a.public != nil {
		select {
		case <-time.After(a.cfg.DrainDelay):
		case <-ctx.Done():
		}
		a.accepting.Store(false)
		server.CloseAll(a.listeners)
		a.connections.Settle(firstRequestPatience)
	}
	// gofail: var drainBegun struct{}
	requests, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	for _, listening := range []*http.Server{a.public, a.ops} {
		if listening == nil {
			continue
		}
		if err := listening.Shutdown(requests); err != nil {
			errs = append(errs, fmt.Errorf("requests in flight were cut off: %w", err), listening.Close())
		}
	}
	// gofail: var requestsFinished struct{}
	parts, cancel := context.WithTimeout(ctx, partsPatience)
	defer cancel()
	if a.wiring != nil {
		errs = append(errs, a.wiring.parts.stop(parts, deciding))
	}
	// gofail: var consumerStopped struct{}
	if a.wiring != nil {
		errs = append(errs, a.wiring.parts.stop(parts, knowing))
		a.wiring.close()
	}
	if a.servers != nil {
		if a.servers.lock != nil {
			removeRunFile(filepath.Clean(a.cfg.DataDir))
		}
		errs = append(errs, a.servers.Close(ctx))
	}
	return errors.Join(errs...)
}
