package events

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	shortestPause = 20 * time.Millisecond
	longestPause  = 2 * time.Second
)

// Backoff is the pause between tries: it doubles up to two seconds, and half of it is drawn, so that processes do not try at the
// same moment. The zero value is ready. It belongs to one goroutine.
type Backoff struct{ last time.Duration }

// Reset makes the next pause the shortest again.
func (b *Backoff) Reset() { b.last = 0 }

// Pause waits for the next pause or until ctx ends, whichever is first; the error is ctx's.
func (b *Backoff) Pause(ctx context.Context) error {
	b.last = min(longestPause, max(shortestPause, 2*b.last))
	return Pause(ctx, b.last/2+rand.N(b.last/2))
}

// Pause waits for d or until ctx ends, whichever is first; the error is ctx's.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
