package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/rueidis"
)

const (
	// reserveWithin bounds a Reserve: a shopper waits for the answer, and the ledger can decide without Redis.
	reserveWithin = 200 * time.Millisecond
	// otherWithin bounds every other call to Redis.
	otherWithin = 500 * time.Millisecond
	// bulkWithin bounds one step of loading or scanning a set.
	bulkWithin = 2 * time.Second
	// removeWithin bounds RemoveKeys as a whole.
	removeWithin = time.Minute
	// probeEvery is the shortest time between two attempts at a server that failed.
	probeEvery = 100 * time.Millisecond
	// callsInFlight bounds the calls to one sale's keys that wait for an answer, and so the goroutines that wait for a
	// silent server. It is more than the combiner's two and the reconciler's one.
	callsInFlight = 8
)

// guard is between the callers and the Redis server that has one sale's keys. The first call that fails or is late
// opens its breaker; from then on calls are refused at once, and a probe of its own (a small write, never a shopper's
// call) finds out when the server is back. There is one guard for each sale and generation, because in a cluster one
// node can be away while the others work.
type guard struct {
	breaker circuitbreaker.CircuitBreaker[any]
	slots   chan struct{}
	state   atomic.Int32
	outages atomic.Int64 // how often the server went away
	probe   func(ctx context.Context) error
	changed func(down bool)
}

// What a guard has last reported about its server. A guard that is gone reports nothing more.
const (
	stateUp int32 = iota
	stateDown
	stateGone
)

func newGuard(probe func(ctx context.Context) error, changed func(down bool)) *guard {
	g := &guard{slots: make(chan struct{}, callsInFlight), probe: probe, changed: changed}
	g.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(1).
		WithSuccessThreshold(1).
		WithDelay(probeEvery).
		OnOpen(func(circuitbreaker.StateChangedEvent) {
			if g.state.CompareAndSwap(stateUp, stateDown) {
				g.outages.Add(1)
				changed(true)
			}
		}).
		OnClose(func(circuitbreaker.StateChangedEvent) {
			if g.state.CompareAndSwap(stateDown, stateUp) {
				changed(false)
			}
		}).
		Build()
	return g
}

// leave ends the reports of the guard: its server no longer counts as one that is away.
func (g *guard) leave() {
	if g.state.Swap(stateGone) == stateDown {
		g.changed(false)
	}
}

// guarded makes a call through the breaker and within a time. An outcome that is not the server's fault does not count
// against it: a key with an unexpected value, or a caller who left before the time was over.
func guarded[T any](ctx context.Context, g *guard, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	var none T
	if !g.breaker.IsClosed() {
		g.tryProbe()
		return none, ErrUnavailable
	}
	began := time.Now()
	out, err := within(ctx, g.slots, limit, call)
	switch {
	case err == nil:
		g.breaker.RecordSuccess()
		return out, nil
	case errors.Is(err, ErrWrongType), errors.Is(err, ErrMissing):
		return none, err
	case ctx.Err() != nil && time.Since(began) < limit/2:
		return none, ctx.Err()
	default:
		g.breaker.RecordFailure()
		return none, err
	}
}

// tryProbe sends one probe when it is time for one. The probe's goroutine ends with its call, within twice the
// limit of a Reserve; the breaker's half-open state permits one at a time.
func (g *guard) tryProbe() {
	if !g.breaker.TryAcquirePermit() {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*reserveWithin)
		defer cancel()
		_, err := within(ctx, g.slots, reserveWithin, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, g.probe(ctx)
		})
		if err != nil {
			g.breaker.RecordFailure()
			return
		}
		g.breaker.RecordSuccess()
	}()
}

// errBusy is met when the slots are taken by calls that the server has not answered.
var errBusy = fmt.Errorf("%w: no answers to the calls before", ErrUnavailable)

type answer[T any] struct {
	value T
	err   error
}

// within makes a call in a goroutine of its own and does not wait for it when it is late, because a client that is
// dialling or waiting for its connection may ignore the context. The goroutine keeps its slot until the call has really
// ended, so a silent server keeps no more of them than there are slots.
func within[T any](
	ctx context.Context, slots chan struct{}, limit time.Duration, call func(context.Context) (T, error),
) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return none, errBusy
	}
	if ctx.Err() != nil { // both were ready; a call that is late gets no slot
		<-slots
		return none, errBusy
	}
	done := make(chan answer[T], 1)
	go func() {
		defer func() { <-slots }()
		value, err := call(ctx)
		done <- answer[T]{value, classify(err)}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return none, fmt.Errorf("%w: no answer within %v", ErrUnavailable, limit)
	}
}

// classify sorts the errors of the client: a key with an unexpected value, or a server that cannot be used at the
// moment. A server that answers but refuses (loading, out of memory, a replica, a cluster slot that is down) counts as
// away.
func classify(err error) error {
	if err == nil || errors.Is(err, ErrMissing) {
		return err
	}
	if reply, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(reply.Error(), "WRONGTYPE") {
		return fmt.Errorf("%w: %w", ErrWrongType, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
