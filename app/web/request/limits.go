package request

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Gate bounds how many requests are inside at once. The zero value lets nobody in.
type Gate struct {
	inside atomic.Int64
	limit  int64
}

// NewGate makes a gate that lets limit requests in at once.
func NewGate(limit int64) *Gate { return &Gate{limit: limit} }

// Enter reports whether there is room. Who is let in must leave.
func (g *Gate) Enter() bool {
	if g.inside.Add(1) > g.limit {
		g.inside.Add(-1)
		return false
	}
	return true
}

// Leave makes room for the next.
func (g *Gate) Leave() { g.inside.Add(-1) }

// maxNetworks bounds the memory of a Limiter: at most so many networks are remembered.
const maxNetworks = 1 << 16

// Limiter is a token bucket per network, in this process. A network that was forgotten starts with a full
// bucket, so the bound on memory can only let more through, never less.
type Limiter struct {
	rate, burst float64
	now         func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// NewLimiter makes a Limiter of rate tokens a second that saves up to burst.
func NewLimiter(rate, burst float64, now func() time.Time) *Limiter {
	return &Limiter{rate: rate, burst: burst, now: now, buckets: map[string]bucket{}}
}

// Burst is how many tokens a full bucket has.
func (l *Limiter) Burst() int { return int(l.burst) }

// Window is the time in which an empty bucket fills.
func (l *Limiter) Window() time.Duration {
	return time.Duration(l.burst / l.rate * float64(time.Second))
}

// Take uses up one token of the network. wait is the time until there is one when there was none.
func (l *Limiter) Take(network string) (wait time.Duration, ok bool) {
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

func (l *Limiter) refill(b bucket, now time.Time) bucket {
	b.tokens = math.Min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	return b
}

// makeRoom forgets the networks whose bucket is full again; when all are busy, any eighth of them.
func (l *Limiter) makeRoom(now time.Time) {
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
