package sale

import (
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// Receipt is a live order, as its owner is shown it. OrderID is uuid.Nil when there is none.
type Receipt struct {
	OrderID    uuid.UUID
	SaleID     int64
	Generation int64
	UserID     int64
	Username   string
	Unit       int64
	// At is when the ledger decided, by Postgres' clock.
	At      time.Time
	Attempt int

	// IdempotencyKey is the id of the Idempotency-Key it was bought with; uuid.Nil: it had none. It is known (KeyKnown) from
	// the row of the order, not from a verdict.
	IdempotencyKey uuid.UUID
	KeyKnown       bool
}

// ReceiptOf is the receipt of an order as its verdict tells it: without the idempotency key, which only the row knows.
func ReceiptOf(v *events.Verdict) Receipt {
	return Receipt{
		OrderID: v.ClaimID, SaleID: v.SaleID, Generation: v.Generation, UserID: v.UserID, Username: v.Username,
		Unit: v.Unit, At: v.At, Attempt: v.Attempt,
	}
}
