package sale

import (
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// Receipt is what the owner of a live order sees of it. OrderID is uuid.Nil when there is no order.
type Receipt struct {
	OrderID    uuid.UUID
	SaleID     int64
	Generation int64
	UserID     int64
	Username   string
	Unit       int64
	// At is when the shopper pressed, by Postgres' clock. Of an order without the time of its press it is when the ledger decided.
	At      time.Time
	Attempt int

	// IdempotencyKey is the id of the Idempotency-Key of the request that bought the unit; uuid.Nil: it had none.
	// KeyKnown is true in a receipt that was read from the order's row; a verdict does not contain the key.
	IdempotencyKey uuid.UUID `json:"-"`
	KeyKnown       bool      `json:"-"`
}

// ReceiptOf is the receipt that a verdict gives. It lacks the idempotency key, which only the order's row contains.
func ReceiptOf(v *events.Verdict) Receipt {
	r := Receipt{
		OrderID: v.ClaimID, SaleID: v.SaleID, Generation: v.Generation, UserID: v.UserID, Username: v.Username,
		Unit: v.Unit, At: v.PressedAt, Attempt: v.Attempt,
	}
	if r.At.IsZero() {
		r.At = v.At
	}
	return r
}
