package checkout

import (
	"context"
	"errors"
	"sync"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

const (
	// closeAgain is how long a sale may be closing before its close record is written once more.
	closeAgain = time.Second
	// checkEvery is how often sales are checked at least.
	checkEvery = 2 * time.Second
	moveTime   = 5 * time.Second
	moveRetry  = 100 * time.Millisecond
	// moveSoon is the wait after a question that came too early, because the two clocks differ a little.
	moveSoon = 5 * time.Millisecond
	// movesAtOnce leaves half of the connections of the pool to requests, when moves wait for the locks of their sales.
	movesAtOnce = 8
	// closesAtOnce is more than there are partitions.
	closesAtOnce = 16
	// digestsEvery is how often ended generations without a digest are looked for.
	digestsEvery = 2 * time.Second
	// digestTime bounds one digest; digestRetry is how long the next try waits after one that failed.
	digestTime  = time.Minute
	digestRetry = 30 * time.Second
)

// runTimetable moves sales at their times, closes the closing ones and digests ended generations until ctx ends. Every
// process does so for every sale; what another process did first is found done. Each of the three tasks has a goroutine, and so
// has each call for a sale, so no other work delays the opening of a sale.
func (c *Catalog) runTimetable(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { c.callWhenDue(ctx, movesAtOnce, c.untilMove, c.move) })
	tasks.Go(func() { c.callWhenDue(ctx, closesAtOnce, c.untilClose, c.writeCloseRecord) })
	tasks.Go(func() { c.keepDigests(ctx) })
}

// callWhenDue makes the call for each sale whose time has come, at most limit of them at once, until ctx ends and all of them
// have ended. The call says how long to wait before the next one for that sale.
func (c *Catalog) callWhenDue(ctx context.Context, limit int, until func(*catalogEntry) time.Duration, call func(context.Context, *catalogEntry) time.Duration) {
	under := newCalls(limit)
	defer under.wait()
	for ctx.Err() == nil {
		snapshots, wait := c.snapshots.Load(), checkEvery
		for _, e := range snapshots.list {
			if in := until(e); in > 0 {
				wait = min(wait, in)
				continue
			}
			under.start(ctx, e.Sale, func(ctx context.Context) time.Duration { return call(ctx, e) })
		}
		under.sleep(ctx, wait, snapshots.replaced)
	}
}

// untilMove is how long it is until the sale's state changes by itself.
func (c *Catalog) untilMove(e *catalogEntry) time.Duration {
	at := e.nextMove()
	if at.IsZero() {
		return checkEvery
	}
	if until := at.Sub(c.clock.now(time.Now())); until > 0 {
		// Postgres decides whether the time has come. A question a millisecond late is better than one too early.
		return until + time.Millisecond
	}
	return 0
}

// untilClose is zero while the sale needs a close record.
func (c *Catalog) untilClose(e *catalogEntry) time.Duration {
	if e.State == sale.Closing {
		return 0
	}
	return checkEvery
}

// nextMove is when the sale's state changes by itself; zero: never.
func (e *catalogEntry) nextMove() time.Time {
	switch e.State {
	case sale.Scheduled:
		return e.StartsAt
	case sale.Open, sale.Paused:
		return e.EndsAt
	case sale.Draft, sale.Closing, sale.Closed:
	}
	return time.Time{}
}

// move makes the sale's move and says when to try again if it is still needed.
func (c *Catalog) move(ctx context.Context, e *catalogEntry) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	moved, err := c.source.Advance(ctx, e.Slug)
	if err != nil {
		if !errors.Is(err, sale.ErrBusy) && !errors.Is(ctx.Err(), context.Canceled) && !c.moveFailing.Swap(true) {
			c.logger.Warn("sale cannot be moved at its time", "sale", e.Slug, "state", e.State, "error", err)
		}
		return moveRetry
	}
	c.moveFailing.Store(false)
	if moved {
		err = c.Refresh(ctx)
	} else {
		err = c.refresh(ctx)
	}
	if err != nil && ctx.Err() == nil {
		c.logger.Warn("sale was moved but cannot be looked up", "sale", e.Slug, "error", err)
		return moveRetry
	}
	return moveSoon
}

// writeCloseRecord writes the close record of a closing sale: at once the first time, then once a second until the
// ledger has reached one. Its id says which closing it is for, so that repeats are harmless.
func (c *Catalog) writeCloseRecord(ctx context.Context, e *catalogEntry) time.Duration {
	began := time.Now()
	call, cancel := context.WithTimeout(ctx, closeAgain)
	defer cancel()
	// gofail: var closeDue struct{}
	_, err := c.log.Append(call, e.Partition, events.Claim{
		V: events.ClaimVersion, Kind: events.KindClose, ID: sale.CloseID(e.Secret, e.Generation, e.ClosingVersion),
		SaleID: e.Sale, Generation: e.Generation, Ledger: e.Ledger, PressedAt: c.clock.now(time.Now()), Closing: e.ClosingVersion,
	})
	// gofail: var closeAppended struct{}
	switch {
	case err == nil && c.closeFailing.Swap(false):
		c.logger.Info("close records are written again", "sale", e.Slug)
	case err != nil && ctx.Err() == nil && !c.closeFailing.Swap(true):
		c.logger.Warn("close record cannot be written", "sale", e.Slug, "error", err)
	}
	return closeAgain - time.Since(began)
}

// keepDigests computes missing digests, one at a time, until ctx ends.
func (c *Catalog) keepDigests(ctx context.Context) {
	for rest := time.Duration(0); sleep(ctx, rest, nil); {
		rest = c.digest(ctx)
	}
}

// digest computes all missing digests and says when to look for more.
func (c *Catalog) digest(ctx context.Context) time.Duration {
	for {
		call, cancel := context.WithTimeout(ctx, digestTime)
		done, err := c.source.DigestNext(call)
		cancel()
		switch {
		case err != nil && ctx.Err() == nil && !c.digestFailing.Swap(true):
			c.logger.Warn("an ended generation cannot be digested", "error", err)
			return digestRetry
		case err != nil:
			return digestRetry
		case done:
			c.digestFailing.Store(false)
			return digestsEvery
		}
	}
}

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
