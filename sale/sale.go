// Package sale is the heart of the platform: sales, claims, orders, declines, and the ledger's verdict.
//
// One rule decides its shape: Postgres gives the verdict, and nothing is called bought before its commit. Redis only says
// who may ask, and Kafka only carries what was asked. So a purchase has two halves:
//
//   - checkout_*.go: Checkout.Buy takes a purchase request (a press of the button) to its answer. On the way it writes a
//     claim and waits for the verdict.
//   - ledger_*.go: Store decides claims in batches under the lock of the sale's stock row. The decision itself is a pure
//     function (decide) without input and output.
//
// A claim id gets one verdict for ever, whichever path brings it first. Therefore each half may be repeated, and error
// handling is repetition.
//
// Nearly all requests of a sale lose. They are answered from the Catalog, which has the process's snapshots of what the ledger
// says, without a question to any server and without a lock that requests share.
//
// The package knows its siblings only by the small interfaces in ledger_siblings.go and checkout_siblings.go.
package sale

import (
	"errors"
	"time"
)

// Key names one generation of one sale. A reset or a preset begins a new generation.
type Key struct{ Sale, Generation int64 }

// Level is the stock of one generation of a sale: Taken of Total units have an order. Version grows with
// every change and never falls, also across generations.
type Level struct{ Sale, Generation, Total, Taken, NextUnit, Version int64 }

func (l Level) key() Key { return Key{l.Sale, l.Generation} }

// State is where a sale is in its life.
type State string

// A sale goes draft, scheduled, open, closing, closed. Closing lasts until the ledger has reached the close
// record in the log. Paused is open with the stop button pressed.
const (
	Draft     State = "draft"
	Scheduled State = "scheduled"
	Open      State = "open"
	Closing   State = "closing"
	Closed    State = "closed"
	Paused    State = "paused"
)

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

// Errors of this package. Expected outcomes of a purchase are Answers and not errors.
var (
	// ErrNoSale: there is no sale of that slug, or no current one.
	ErrNoSale = errors.New("no such sale")
	// ErrBusy: another operator action is under way on the sale; try again.
	ErrBusy = errors.New("the sale is being changed by somebody else")
	// ErrBelowSold: the stock cannot be less than what is sold.
	ErrBelowSold = errors.New("stock below what is sold")
	// ErrState: the sale is not in a state from which this move is possible.
	ErrState = errors.New("not possible in the sale's state")
	// ErrNoOrder: there is and was no order of that id.
	ErrNoOrder = errors.New("no such order")
	// ErrAlreadyCancelled: the order was cancelled before; nothing has changed now.
	ErrAlreadyCancelled = errors.New("the order is cancelled already")
	// ErrMissing: the holders of the sale are not loaded in Redis.
	ErrMissing = errors.New("holders are not loaded")
	// ErrUnavailable: the places cannot be asked now.
	ErrUnavailable = errors.New("places are unavailable")
	// ErrCrowded: so many wait for a place, or for an answer, that it is kinder to refuse at once. Nobody was asked.
	ErrCrowded = errors.New("too many wait")
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
