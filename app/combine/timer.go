package combine

import "time"

// setTimer makes onTimer run when the oldest call has waited for patience, if a run may begin then, or for MaxWait. A
// timer that is set for an earlier time stays: onTimer sets it again. The caller holds the lock.
func (c *Combiner[In, Out]) setTimer(now time.Time) {
	if c.waiting.head == nil {
		return
	}
	wait := c.options.MaxWait
	if c.running < c.options.InFlight && (wait <= 0 || patience < wait) {
		wait = patience
	}
	if wait <= 0 {
		return
	}
	due := c.waiting.head.since.Add(wait)
	if !c.timerAt.IsZero() && !due.Before(c.timerAt) {
		return
	}
	c.timerAt = due
	if c.timer == nil {
		c.timer = time.AfterFunc(due.Sub(now), c.onTimer)
		return
	}
	c.timer.Reset(due.Sub(now))
}

// onTimer refuses the calls that have waited for too long, and begins a run for the others if it is time for one.
func (c *Combiner[In, Out]) onTimer() {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timerAt = time.Time{}
	if c.waiting.head == nil {
		return
	}
	for head := c.waiting.head; head != nil && c.overdue(head, now); head = c.waiting.head {
		c.late = true
		c.waiting.remove(head)
		head.err = ErrFull
		head.done <- struct{}{}
	}
	c.dispatch(now)
	c.checkDrained()
}

func (c *Combiner[In, Out]) overdue(p *call[In, Out], now time.Time) bool {
	return c.options.MaxWait > 0 && now.Sub(p.since) >= c.options.MaxWait
}
