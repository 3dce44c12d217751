package checkout

import (
	"context"
	"sync"
	"time"
)

// progress knows whether the log is consumed. However many requests ask, there is one question per partition at a time, and
// its answer is used for progressTime.
type progress struct {
	cursors cursors
	mu      sync.Mutex
	parts   map[int]*consumed
}

// consumed is what is known of one partition.
type consumed struct {
	mu      sync.Mutex
	at      time.Time
	offset  int64
	movedAt time.Time
	err     error
	// asking is closed when the question under way is answered; nil: there is none.
	asking chan struct{}
}

// stalled is true when the ledger has not reached that offset and its cursor has not moved for idleTime, or when it
// cannot be asked. now is Postgres' time. It takes appendTime at most.
func (p *progress) stalled(ctx context.Context, partition int, offset int64, now time.Time) bool {
	c := p.part(partition)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.at.IsZero() && time.Since(c.at) <= progressTime:
	case c.asking != nil:
		asking := c.asking
		c.mu.Unlock()
		<-asking
		c.mu.Lock()
	default:
		c.ask(ctx, p.cursors, partition)
	}
	if c.err != nil {
		return true
	}
	return c.offset <= offset && now.Sub(c.movedAt) > idleTime
}

// ask asks for all who wait, so it goes on when ctx ends. The caller has locked mu, which is unlocked during the question.
func (c *consumed) ask(ctx context.Context, cursors cursors, partition int) {
	asking := make(chan struct{})
	c.asking = asking
	c.mu.Unlock()
	defer func() {
		c.at, c.asking = time.Now(), nil
		close(asking)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTime)
	defer cancel()
	offset, movedAt, err := cursors.Cursor(ctx, partition)
	c.mu.Lock()
	c.offset, c.movedAt, c.err = offset, movedAt, err
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
