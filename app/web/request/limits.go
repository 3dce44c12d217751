package request

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Concurrency bounds how many requests are under way at once. The zero value admits none.
type Concurrency struct {
	underWay atomic.Int64
	limit    int64
}

// NewConcurrency admits at most limit requests at once.
func NewConcurrency(limit int64) *Concurrency { return &Concurrency{limit: limit} }

// Acquire admits a request, or reports false when the limit is reached. An admitted request calls Release at its end.
func (c *Concurrency) Acquire() bool {
	if c.underWay.Add(1) > c.limit {
		c.underWay.Add(-1)
		return false
	}
	return true
}

// Release ends an admitted request.
func (c *Concurrency) Release() { c.underWay.Add(-1) }

// maxNetworks bounds the memory of a RateLimiter: at most so many networks are remembered.
const maxNetworks = 1 << 16

// RateLimiter is a token bucket per network, in this process. A network that was forgotten starts with a full
// bucket. So the bound on memory can let more requests through, and never fewer.
type RateLimiter struct {
	rate, burst float64
	now         func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// NewRateLimiter makes a RateLimiter of rate tokens a second that saves up to burst.
func NewRateLimiter(rate, burst float64, now func() time.Time) *RateLimiter {
	return &RateLimiter{rate: rate, burst: burst, now: now, buckets: map[string]bucket{}}
}

// Burst is how many tokens a full bucket has.
func (l *RateLimiter) Burst() int { return int(l.burst) }

// Window is the time in which an empty bucket fills.
func (l *RateLimiter) Window() time.Duration {
	return time.Duration(l.burst / l.rate * float64(time.Second))
}

// Take uses up one token of the network. wait is the time until there is one when there was none.
func (l *RateLimiter) Take(network string) (wait time.Duration, ok bool) {
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

func (l *RateLimiter) refill(b bucket, now time.Time) bucket {
	b.tokens = math.Min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	return b
}

// makeRoom forgets the networks whose bucket is full again. When that is not enough it forgets any eighth of them.
func (l *RateLimiter) makeRoom(now time.Time) {
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
