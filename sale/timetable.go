package sale

import (
	"context"
	"errors"
	"time"

	"flashsale/events"
)

const (
	// closeAgain is how long a sale may be closing before its close record is written once more.
	closeAgain = time.Second
	// digestsEvery is how often ended generations without a digest are looked for.
	digestsEvery = 2 * time.Second
	moveTime     = 5 * time.Second
	moveRetry    = 100 * time.Millisecond
	// moveSoon is for a question that came too early because the two clocks disagree a little.
	moveSoon = 5 * time.Millisecond
)

// keepTime moves sales at their times and sees closing ones through until ctx ends. Every process does so for
// every sale: what another one did first is found done.
func (b *Board) keepTime(ctx context.Context) {
	closings := make(map[int64]time.Time)
	digested := time.Time{}
	for ctx.Err() == nil {
		next := b.shelf.Load().next
		if time.Since(digested) > digestsEvery {
			b.digest(ctx)
			digested = time.Now()
		}
		wait := digestsEvery
		for _, e := range b.shelf.Load().list {
			wait = min(wait, b.attend(ctx, e, closings))
		}
		sleep(ctx, wait, next)
	}
}

// attend does what one sale needs now, and says when to look again.
func (b *Board) attend(ctx context.Context, e *entry, closings map[int64]time.Time) time.Duration {
	if e.state == Closing {
		return b.seeClosed(ctx, e, closings)
	}
	at := e.nextMove()
	if at.IsZero() {
		return digestsEvery
	}
	if until := at.Sub(b.clock.now(time.Now())); until > 0 {
		// Postgres has the last word; a hair late is better than a question too early.
		return min(until+time.Millisecond, digestsEvery)
	}
	return b.move(ctx, e)
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
		if !errors.Is(err, ErrBusy) && ctx.Err() == nil && !b.immobile.Swap(true) {
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
func (b *Board) seeClosed(ctx context.Context, e *entry, written map[int64]time.Time) time.Duration {
	if since := time.Since(written[e.Sale]); since < closeAgain {
		return closeAgain - since
	}
	written[e.Sale] = time.Now()
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
	return closeAgain
}

func (b *Board) digest(ctx context.Context) {
	for done := false; !done; {
		call, cancel := context.WithTimeout(ctx, time.Minute)
		var err error
		done, err = b.view.digestNext(call)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				b.logger.Debug("digest of an ended generation", "error", err)
			}
			return
		}
	}
}
