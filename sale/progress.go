package sale

import (
	"context"
	"sync"
	"time"
)

// progress answers whether the log is being consumed. However many presses ask, there is one question per
// partition at a time, and its answer is good for a moment.
type progress struct {
	cursors cursors
	mu      sync.Mutex
	parts   map[int]*consumed
}

// consumed is what is known of one partition.
type consumed struct {
	mu      sync.Mutex // held while asking
	at      time.Time
	offset  int64
	movedAt time.Time
	err     error
}

// stalled is true when the ledger has not reached that offset and its cursor has not moved for idleTime, or when it
// cannot be asked. now is Postgres' time.
func (p *progress) stalled(ctx context.Context, partition int, offset int64, now time.Time) bool {
	c := p.part(partition)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) > progressTime {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTime)
		defer cancel()
		c.offset, c.movedAt, c.err = p.cursors.Cursor(ctx, partition)
		c.at = time.Now()
	}
	if c.err != nil {
		return true
	}
	return c.offset <= offset && now.Sub(c.movedAt) > idleTime
}

func (p *progress) part(partition int) *consumed {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parts == nil {
		p.parts = make(map[int]*consumed)
	}
	c := p.parts[partition]
	if c == nil {
		c = new(consumed)
		p.parts[partition] = c
	}
	return c
}
