package sale

import (
	"context"
	"errors"
	"sync"
	"time"

	"flashsale/events"
)

const (
	// closeAgain is how long a sale may be closing before its close record is written once more.
	closeAgain = time.Second
	// attendEvery is how often sales are looked at without a reason.
	attendEvery = 2 * time.Second
	moveTime    = 5 * time.Second
	moveRetry   = 100 * time.Millisecond
	// moveSoon is for a question that came too early because the two clocks disagree a little.
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

// keepTime moves sales at their times, sees closing ones through and digests ended generations until ctx ends. Every
// process does so for every sale: what another one did first is found done. A sale opens at its second whatever else is
// to be done, so each of the three has a goroutine of its own, and each call for a sale another.
func (b *Board) keepTime(ctx context.Context) {
	var clockwork sync.WaitGroup
	defer clockwork.Wait()
	clockwork.Go(func() { b.attend(ctx, movesAtOnce, b.untilMove, b.move) })
	clockwork.Go(func() { b.attend(ctx, closesAtOnce, b.untilClose, b.seeClosed) })
	clockwork.Go(func() { b.keepDigests(ctx) })
}

// attend makes the call for each sale whose time has come, at most limit of them at once, until ctx ends and all of them
// have ended. The call says how long the sale rests before the next one.
func (b *Board) attend(ctx context.Context, limit int, until func(*entry) time.Duration, call func(context.Context, *entry) time.Duration) {
	under := newCalls(limit)
	defer under.wait()
	for ctx.Err() == nil {
		shelf, wait := b.shelf.Load(), attendEvery
		for _, e := range shelf.list {
			if in := until(e); in > 0 {
				wait = min(wait, in)
				continue
			}
			under.start(ctx, e.Sale, func(ctx context.Context) time.Duration { return call(ctx, e) })
		}
		under.sleep(ctx, wait, shelf.next)
	}
}

// untilMove is how long it is until the sale's state changes by itself.
func (b *Board) untilMove(e *entry) time.Duration {
	at := e.nextMove()
	if at.IsZero() {
		return attendEvery
	}
	if until := at.Sub(b.clock.now(time.Now())); until > 0 {
		// Postgres has the last word; a hair late is better than a question too early.
		return until + time.Millisecond
	}
	return 0
}

// untilClose is zero while the sale needs a close record.
func (b *Board) untilClose(e *entry) time.Duration {
	if e.state == Closing {
		return 0
	}
	return attendEvery
}

// nextMove is when the sale's state changes by itself; zero: never.
func (e *entry) nextMove() time.Time {
	switch e.state {
	case Scheduled:
		return e.startsAt
	case Open, Paused:
		return e.endsAt
	case Draft, Closing, Closed:
	}
	return time.Time{}
}

// move makes the sale's move and says when to try again if it is still needed.
func (b *Board) move(ctx context.Context, e *entry) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	moved, err := b.view.advance(ctx, e.slug)
	if err != nil {
		if !errors.Is(err, ErrBusy) && !errors.Is(ctx.Err(), context.Canceled) && !b.immobile.Swap(true) {
			b.logger.Warn("sale cannot be moved at its time", "sale", e.slug, "state", e.state, "error", err)
		}
		return moveRetry
	}
	b.immobile.Store(false)
	if moved {
		err = b.Refresh(ctx)
	} else {
		err = b.look(ctx)
	}
	if err != nil && ctx.Err() == nil {
		b.logger.Warn("sale was moved but cannot be looked up", "sale", e.slug, "error", err)
		return moveRetry
	}
	return moveSoon
}

// seeClosed writes the close record of a closing sale: at once the first time, then once a second until the
// ledger has reached one. Its id says which closing it is for, so that repeats are harmless.
func (b *Board) seeClosed(ctx context.Context, e *entry) time.Duration {
	began := time.Now()
	call, cancel := context.WithTimeout(ctx, closeAgain)
	defer cancel()
	// gofail: var closeDue struct{}
	_, err := b.log.Append(call, e.partition, events.Claim{
		V: events.ClaimVersion, Kind: events.KindClose, ID: closeID(e.secret, e.Generation, e.closingVersion),
		SaleID: e.Sale, Generation: e.Generation, PressedAt: b.clock.now(time.Now()),
	})
	// gofail: var closeAppended struct{}
	switch {
	case err == nil && b.unwritten.Swap(false):
		b.logger.Info("close records are written again", "sale", e.slug)
	case err != nil && ctx.Err() == nil && !b.unwritten.Swap(true):
		b.logger.Warn("close record cannot be written", "sale", e.slug, "error", err)
	}
	return closeAgain - time.Since(began)
}

// keepDigests computes missing digests, one at a time, until ctx ends.
func (b *Board) keepDigests(ctx context.Context) {
	for rest := time.Duration(0); sleep(ctx, rest, nil); {
		rest = b.digest(ctx)
	}
}

// digest computes all missing digests and says when to look for more.
func (b *Board) digest(ctx context.Context) time.Duration {
	for {
		call, cancel := context.WithTimeout(ctx, digestTime)
		done, err := b.view.digestNext(call)
		cancel()
		switch {
		case err != nil && ctx.Err() == nil && !b.undigested.Swap(true):
			b.logger.Warn("an ended generation cannot be digested", "error", err)
			return digestRetry
		case err != nil:
			return digestRetry
		case done:
			b.undigested.Store(false)
			return digestsEvery
		}
	}
}
