package web

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// gate bounds how many requests are inside at once. The zero limit lets nobody in.
type gate struct {
	inside atomic.Int64
	limit  int64
}

// enter reports whether there is room. Who is let in must leave.
func (g *gate) enter() bool {
	if g.inside.Add(1) > g.limit {
		g.inside.Add(-1)
		return false
	}
	return true
}

func (g *gate) leave() { g.inside.Add(-1) }

// maxNetworks bounds the memory of a limiter: at most so many networks are remembered.
const maxNetworks = 1 << 16

// limiter is a token bucket per network, in this process. A network that was forgotten starts with a full
// bucket, so the bound on memory can only let more through, never less.
type limiter struct {
	rate, burst float64
	now         func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// newLimiter makes a limiter of rate tokens a second that saves up to burst.
func newLimiter(rate, burst float64, now func() time.Time) *limiter {
	return &limiter{rate: rate, burst: burst, now: now, buckets: map[string]bucket{}}
}

// window is the time in which an empty bucket fills.
func (l *limiter) window() time.Duration {
	return time.Duration(l.burst / l.rate * float64(time.Second))
}

// take uses up one token of the network. wait is the time until there is one when there was none.
func (l *limiter) take(network string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b, known := l.buckets[network]
	if !known {
		l.makeRoom(now)
		b = bucket{tokens: l.burst, at: now}
	}
	b = l.refill(b, now)
	if ok = b.tokens >= 1; ok {
		b.tokens--
	}
	l.buckets[network] = b
	if !ok {
		wait = time.Duration((1 - b.tokens) / l.rate * float64(time.Second))
	}
	return wait, ok
}

func (l *limiter) refill(b bucket, now time.Time) bucket {
	b.tokens = math.Min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	return b
}

// makeRoom forgets the networks whose bucket is full again; when all are busy, any eighth of them.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxNetworks {
		return
	}
	for n, b := range l.buckets {
		if l.refill(b, now).tokens >= l.burst {
			delete(l.buckets, n)
		}
	}
	for n := range l.buckets {
		if len(l.buckets) <= maxNetworks*7/8 {
			return
		}
		delete(l.buckets, n)
	}
}
