package checkout

import (
	"sync/atomic"
	"time"

	"flashsale/sale"
)

// clock tells Postgres' time without asking Postgres. It adds an offset to the monotonic clock of this machine, whose time of
// day may be wrong or jump. The offset comes from the quickest of the latest answers. Safe for concurrent use.
type clock struct{ best atomic.Pointer[reading] }

// reading is one answer of Postgres' clock: it showed `shown` at `local`, with an error of `uncertainty` at most.
type reading struct {
	shown, local time.Time
	uncertainty  time.Duration
}

// clockMemory is how long the quickest answer is used. Clocks drift apart, so it is bounded.
const clockMemory = 30 * time.Second

// maxPressError is the largest uncertainty with which a process still says when a request arrived.
const maxPressError = time.Second

// clockDrift is how far two clocks drift apart in clockMemory: each is off by less than 100 parts in a million.
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

// uncertainty is how far now(local) may be from Postgres' time: half the trip of the answer that it comes from, and the drift
// since. A refresh takes refreshTime at most, so that half of it is at most half a second; while Postgres does not answer, the
// drift grows. Before the first sample the uncertainty is not known, and clockMemory stands for that.
func (c *clock) uncertainty(local time.Time) time.Duration {
	best := c.best.Load()
	if best == nil {
		return clockMemory
	}
	return best.uncertainty + max(clockDrift, local.Sub(best.local)/(clockMemory/clockDrift))
}

// pressTime is when a request that found that snapshot at a local time arrived, by Postgres' clock; zero while this process does
// not know that clock well enough. Who finds a sale open presses after its start, though the snapshot's clock may be a little behind.
func (c *clock) pressTime(s *sale.Snapshot, local time.Time) time.Time {
	switch {
	case c.uncertainty(local) > maxPressError:
		return time.Time{}
	case s.State == sale.Open && s.Now.Before(s.StartsAt):
		return s.StartsAt
	}
	return s.Now
}
