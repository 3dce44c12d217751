package checkout

import (
	"sync/atomic"
	"time"
)

// clock tells Postgres' time without asking Postgres: an offset, learnt from the quickest answer of late, to
// the monotonic clock of this machine. The wall clock here may be wrong or jump. Safe for concurrent use.
type clock struct{ best atomic.Pointer[reading] }

// reading is one answer of Postgres' clock: it showed `shown` at `local`, give or take `uncertainty`.
type reading struct {
	shown, local time.Time
	uncertainty  time.Duration
}

// The quickest answer is believed for so long, since clocks drift apart.
const clockMemory = 30 * time.Second

// Ordinary clocks are off by less than 100 parts in a million, each.
const clockDrift = 6 * time.Millisecond

// sample learns from a question that was sent and answered at these local times.
func (c *clock) sample(sent, answered, shown time.Time) {
	trip := answered.Sub(sent)
	now := &reading{shown: shown, local: sent.Add(trip / 2), uncertainty: trip/2 + time.Microsecond}
	best := c.best.Load()
	if best == nil || now.uncertainty <= best.uncertainty || now.local.Sub(best.local) > clockMemory || now.contradicts(best) {
		c.best.Store(now)
	}
}

// contradicts is true when both readings cannot come from the same clock: it was set.
func (r *reading) contradicts(best *reading) bool {
	apart := r.shown.Sub(best.at(r.local)).Abs()
	return apart > r.uncertainty+best.uncertainty+time.Millisecond
}

func (r *reading) at(local time.Time) time.Time { return r.shown.Add(local.Sub(r.local)) }

// now is Postgres' time at a local one. Before the first sample it is the local time.
func (c *clock) now(local time.Time) time.Time {
	best := c.best.Load()
	if best == nil {
		return local.UTC()
	}
	return best.at(local)
}

// uncertainty is how far now may be from the truth: half the trip of the answer it comes from, and what two clocks drift
// apart while that is believed. Before the first sample there is no bound.
func (c *clock) uncertainty() time.Duration {
	best := c.best.Load()
	if best == nil {
		return clockMemory
	}
	return best.uncertainty + clockDrift
}
