// Package sale has the words of a sale: its key, state, snapshot and product, claim ids, receipts, and the answers to purchase
// requests. It asks no server.
//
// One rule decides the shape of its rooms: Postgres gives the verdict, and nothing is called bought before its commit. Redis
// only says who may ask, and Kafka only carries what was asked. So a purchase has two halves:
//
//   - sale/checkout takes a purchase request, which is one press of the button, to its answer. On the way it writes a claim and
//     waits for the verdict.
//   - sale/ledger decides claims in batches under the lock of the sale's stock row, and keeps sales and orders.
//
// A claim id gets one verdict for ever, whichever path brings it first. Therefore each half may be repeated, and error handling
// is repetition. The halves do not import each other: app/instance gives the ledger to the checkout.
package sale

import "errors"

// Key names one generation of one sale. A reset or a preset begins a new generation.
type Key struct{ Sale, Generation int64 }

// Level is the stock of one generation of a sale: Taken of Total units have an order. Version grows with
// every change and never falls, also across generations.
type Level struct{ Sale, Generation, Total, Taken, NextUnit, Version int64 }

// Key is the sale and its generation.
func (l Level) Key() Key { return Key{l.Sale, l.Generation} }

// ShopperKey is one person within one generation of a sale.
type ShopperKey struct {
	Key
	User int64
}

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
