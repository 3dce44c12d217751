package sale

import "time"

// Lease is how long a snapshot may be answered from without being read again.
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

// Snapshot is a sale as this process knows it. Its figures are the ledger's; Now is Postgres' clock.
type Snapshot struct {
	ID               int64
	Slug             string
	Generation       int64
	State            State
	Partition        int
	StartsAt, EndsAt time.Time
	Total, Taken     int64
	// Version grows with every change of the sale, as long as Epoch stays the same. Epoch is this process's own count of
	// how often it found that the ledger had gone back, as after a restore from a backup; other processes count otherwise.
	Epoch, Version int64
	// Revision grows by one with each act of an operator, and with nothing else.
	Revision   int64
	AllClaimed bool
	Stale      bool
	Age        time.Duration
	Now        time.Time
	// Product is shared with other snapshots and not to be changed; nil in the zero Snapshot only.
	Product *Product
}

// Key is the sale and its current generation.
func (s *Snapshot) Key() Key { return Key{s.ID, s.Generation} }

// Status says what a shopper is told, at the snapshot's Now.
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

// Change is what an act did: the sale as the ledger had it before, and as it has it after.
type Change struct{ Before, After Snapshot }
