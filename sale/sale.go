// Package sale defines the types of a sale: its key, state, snapshot and product, claim ids, receipts, and the answers to purchase
// requests. It uses no server.
//
// One rule decides how its folders are divided: Postgres gives the verdict, and nothing is called bought before its commit.
// Redis only says who may ask, and Kafka only transports claims. So a purchase has two halves:
//
//   - sale/checkout answers purchase requests. A purchase request is one press of the button. For the answer it writes a claim to
//     the log and waits for the verdict.
//   - sale/ledger decides claims in batches under the lock of the sale's stock row, and stores sales and orders.
//
// A claim id gets one verdict for ever, from the path that decides it first. Therefore each half may be repeated, and after an
// error the caller tries again. The halves do not import each other: app/instance gives the ledger to the checkout.
package sale

import "errors"

// Key names one generation of one sale. A reset or a preset starts a new generation.
type Key struct{ Sale, Generation int64 }

// Level is the stock of one generation of a sale: Taken of Total units have an order. Version grows with
// every change and never falls, also across generations.
type Level struct{ Sale, Generation, Total, Taken, NextUnit, Version int64 }

// Key is the sale and its generation.
func (l Level) Key() Key { return Key{l.Sale, l.Generation} }

// ShopperKey names one shopper in one generation of a sale.
type ShopperKey struct {
	Key
	User int64
}

// State is the state of a sale, as the ledger stores it.
type State string

// The states of a sale in their order: draft, scheduled, open, closing, closed. Closing lasts until the ledger has reached the
// close record in the log. An operator pauses an open sale, and resumes it.
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
	// ErrBusy: another act on the sale is under way; try again.
	ErrBusy = errors.New("another change of the sale is under way")
	// ErrBelowSold: the new stock is less than the number of units sold.
	ErrBelowSold = errors.New("stock below what is sold")
	// ErrState: this act is not possible in the state that the sale is in.
	ErrState = errors.New("not possible in the sale's state")
	// ErrSlug: another sale has that slug.
	ErrSlug = errors.New("another sale has that slug")
	// ErrNoOrder: there is no order of that id, and there never was one.
	ErrNoOrder = errors.New("no such order")
	// ErrErased: the account that bought was erased, and its receipts with it.
	ErrErased = errors.New("the receipt was erased")
	// ErrAlreadyCancelled: the order was cancelled before. Nothing has changed now.
	ErrAlreadyCancelled = errors.New("the order is cancelled already")
	// ErrMissing: the holders of the sale are not loaded in Redis.
	ErrMissing = errors.New("holders are not loaded")
	// ErrUnavailable: Redis cannot be asked for a place now.
	ErrUnavailable = errors.New("places are unavailable")
	// ErrTooMany: too many requests wait for a place or for an answer already. This one is refused at once; neither Redis nor the
	// ledger was asked.
	ErrTooMany = errors.New("too many requests wait")
)
