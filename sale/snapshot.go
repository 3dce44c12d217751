package sale

import "time"

// Lease is how long requests may be answered from a snapshot before it is read again.
const Lease = time.Second

// Status is what shoppers are told about a sale.
type Status string

// The statuses of a sale.
const (
	Upcoming Status = "upcoming"
	Active   Status = "active"
	SoldOut  Status = "sold-out"
	Ended    Status = "ended"
	Stopped  Status = "paused"
)

// Snapshot is a sale as this process last saw it. Its figures are the ledger's. Now is the time by Postgres' clock.
type Snapshot struct {
	ID               int64
	Slug             string
	Generation       int64
	State            State
	Partition        int
	StartsAt, EndsAt time.Time
	Total, Taken     int64
	// Version grows with every change of the sale while Epoch stays the same. Epoch counts how often this process has found
	// the ledger at an older version than before, as after a restore from a backup. Other processes have their own count.
	Epoch, Version int64
	// Revision grows by one with each act of an operator, and for no other reason.
	Revision int64
	// Limit is how often the button may be pressed.
	Limit PressLimit
	// Zone is how people write the times, by the name that the IANA has for it.
	Zone string
	// Archived is true for a sale that was put away.
	Archived bool
	// Message is what an operator tells shoppers, in one line; empty: nothing.
	Message string
	// Texts are what shoppers read in each state; nil: nothing. They are shared with other snapshots: do not change them.
	Texts *Texts
	// Sellout is when the last unit went. It is the zero Sellout while units are left, and while the moment is not known.
	Sellout    Sellout
	AllClaimed bool
	Stale      bool
	Age        time.Duration
	Now        time.Time
	// Product is shared with other snapshots: do not change it. It is nil in the zero Snapshot only.
	Product *Product
}

// Sellout is how a generation sold out, by Postgres' clock: its units could be bought since Opened, and the last one went At.
type Sellout struct{ Opened, At time.Time }

// Took is how long the units lasted.
func (s Sellout) Took() time.Duration { return max(0, s.At.Sub(s.Opened)) }

// Key is the sale and its current generation.
func (s *Snapshot) Key() Key { return Key{s.ID, s.Generation} }

// Status is what shoppers are told at the snapshot's Now.
func (s *Snapshot) Status() Status { return status(s.State, s.EndsAt, s.Now, s.Total, s.Taken) }

func status(state State, ends, now time.Time, total, taken int64) Status {
	switch state {
	case Draft, Scheduled:
		return Upcoming
	case Closing, Closed:
		return Ended
	case Open, Paused:
	}
	switch {
	case !now.Before(ends):
		return Ended
	case state == Paused:
		return Stopped
	case taken >= total:
		return SoldOut
	}
	return Active
}

// Left is the number of units without an order.
func (s Snapshot) Left() int64 { return s.Total - s.Taken }

// TimeUntilStart is how long until the sale opens; 0 once that time has passed.
func (s Snapshot) TimeUntilStart() time.Duration { return max(0, s.StartsAt.Sub(s.Now)) }

// TimeUntilEnd is how long until the sale ends; 0 once that time has passed.
func (s Snapshot) TimeUntilEnd() time.Duration { return max(0, s.EndsAt.Sub(s.Now)) }

// Change is what an act did: the sale before it and after it, as the ledger has it.
type Change struct{ Before, After Snapshot }

// Swept is how many orders belong to a generation that the act ended. A new generation begins with nothing sold.
func (c *Change) Swept() int64 {
	if c.Before.Generation == c.After.Generation {
		return 0
	}
	return c.Before.Taken
}
