package sale

import (
	"time"

	"github.com/google/uuid"
)

// Order is an order as operators see it.
type Order struct {
	Receipt
	// Slug is the sale's.
	Slug string
	// Product is the name of what was bought, as it was then.
	Product string
	// Sold is what was bought, as it was sold: name, amounts, currency, main picture and important information.
	Sold Product
	// CancelledAt is when an operator cancelled it, by Postgres' clock; zero while it is live.
	CancelledAt time.Time
}

// OrderRow is an order as the ledger has it.
type OrderRow struct {
	Receipt
	// PressedAt is when the shopper pressed and DecidedAt when the ledger decided, by Postgres' clock. PressedAt is zero for
	// orders that the version before wrote.
	PressedAt, DecidedAt time.Time
	// Revision is the version of the stock row that the last change of the order made.
	Revision int64
	// Live is false once the order was cancelled.
	Live bool
	// RequestID is that of the purchase request that bought it; uuid.Nil: not known.
	RequestID uuid.UUID
}
