package checkout

import (
	"context"
	"sync"
	"time"
)

// calls makes calls for sales, each of which may hang: at most one for each sale, and a limited number at once, each on a
// goroutine of its own. start never waits for a call, so a call that hangs for one sale delays no other. The goroutines end
// with the context that start was given; wait waits for them.
type calls struct {
	underWay chan struct{} // has a token for each call under way
	ended    chan struct{} // has a token when a sale may have its next call
	wg       sync.WaitGroup

	mu       sync.Mutex
	occupied map[int64]struct{} // the sales that have a call, or wait after one
}

func newCalls(limit int) *calls {
	return &calls{underWay: make(chan struct{}, limit), ended: make(chan struct{}, 1), occupied: make(map[int64]struct{})}
}

// start makes the call for that sale, unless the sale has one already. What the call returns is how long to wait before
// the next call for that sale.
func (c *calls) start(ctx context.Context, sale int64, call func(context.Context) (rest time.Duration)) {
	if !c.occupy(sale) {
		return
	}
	c.wg.Go(func() {
		defer c.leave(sale)
		select {
		case c.underWay <- struct{}{}:
		case <-ctx.Done():
			return
		}
		rest := call(ctx)
		<-c.underWay
		sleep(ctx, rest, nil)
	})
}

func (c *calls) occupy(sale int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, busy := c.occupied[sale]
	c.occupied[sale] = struct{}{}
	return !busy
}

func (c *calls) leave(sale int64) {
	c.mu.Lock()
	delete(c.occupied, sale)
	c.mu.Unlock()
	select {
	case c.ended <- struct{}{}:
	default:
	}
}

// sleep waits for the time, the signal, the end of a call, or the end of ctx.
func (c *calls) sleep(ctx context.Context, d time.Duration, signal <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-signal:
	case <-c.ended:
	}
}

// wait returns when every call has ended.
func (c *calls) wait() { c.wg.Wait() }
