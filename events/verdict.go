package events

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Source is the path by which claims reach the ledger.
type Source int

const (
	// FromLog marks claims that the consumer read from the claims log.
	FromLog Source = iota
	// Direct marks claims that went straight to the ledger because the log did not answer.
	Direct
)

// String is the path's name in metrics.
func (s Source) String() string {
	switch s {
	case FromLog:
		return "log"
	case Direct:
		return "direct"
	}
	return "unknown"
}

// Outcome is what the ledger decided about a claim. It never changes.
type Outcome string

const (
	// Ordered: the claim has a unit; Verdict.Unit says which.
	Ordered Outcome = "ordered"
	// Declined: the claim has no unit; Verdict.Reason says why.
	Declined Outcome = "declined"
)

// Verdict is the ledger's decision on one claim.
type Verdict struct {
	ClaimID    uuid.UUID `json:"claim"`
	SaleID     int64     `json:"sale"`
	Generation int64     `json:"generation"`
	UserID     int64     `json:"user"`
	Username   string    `json:"username"`
	Attempt    int       `json:"attempt"`
	Outcome    Outcome   `json:"outcome"`
	Reason     Reason    `json:"reason,omitempty"`
	Unit       int64     `json:"unit,omitempty"`
	// At is when it was decided, by the clock of Postgres.
	At time.Time `json:"at"`
	// PressedAt is set with Ordered: when the request arrived, by the same clock; zero where the ledger does not know it.
	PressedAt time.Time `json:"pressedAt,omitzero"`
	// RequestID is that of the record which was decided; zero where the ledger does not keep it: with declines that were
	// looked up, and with orders written by the version before.
	RequestID uuid.UUID `json:"press,omitzero"`
	// Revision is set with Ordered: the version of the stock at which the order was made.
	Revision int64 `json:"revision,omitempty"`
	// Fresh is true when this very transaction decided; false when the claim had its verdict already.
	Fresh bool `json:"fresh"`
	// NextAttempt is set when the verdict is an old decline (or a cancelled order): the number under which the
	// shopper may press again.
	NextAttempt int `json:"nextAttempt,omitempty"`
	// OrderID is set with ReasonAlreadyOwns: the shopper's live order.
	OrderID uuid.UUID `json:"order,omitzero"`
}

// Standing is what a verdict means for its shopper at present. A verdict never changes, but the order may have been
// cancelled since, or the shopper may have bought with a later attempt; NextAttempt and OrderID say so.
type Standing int

const (
	// NoOrder: the claim was declined, and no order of the shopper is known.
	NoOrder Standing = iota
	// OrderStands: the claim's order is live.
	OrderStands
	// OrderCancelled: the claim's order was cancelled; the shopper may press again as NextAttempt.
	OrderCancelled
	// OtherOrderStands: the claim was declined or its order was cancelled, and the shopper has another order. OrderID names
	// it; a decline for ReasonAlreadyOwns without it says only that there was one.
	OtherOrderStands
)

// Standing says what the verdict means for its shopper at present.
func (v *Verdict) Standing() Standing {
	switch {
	case v.OrderID != uuid.Nil:
		return OtherOrderStands
	case v.Outcome == Ordered && v.NextAttempt == 0:
		return OrderStands
	case v.Outcome == Ordered:
		return OrderCancelled
	case v.Reason == ReasonAlreadyOwns:
		return OtherOrderStands
	}
	return NoOrder
}

// Decision is the outcome of one ledger transaction: a verdict for every claim given, in the same order, and the
// stock of every sale it touched. Close records and foreign claims have a zero Verdict at their place.
type Decision struct {
	Verdicts []Verdict `json:"verdicts"`
	Stocks   []Stock   `json:"stocks"`
	// Closed lists the sales whose close record was reached.
	Closed []int64 `json:"closed,omitempty"`
	// Foreign lists the claims and close records that are none of this ledger's. Other processes are not told.
	Foreign []ForeignClaim `json:"-"`
	// Moments are set by the process whose transaction it was; nil for verdicts that were read again. Other processes are not told,
	// because their clocks are others.
	Moments *Moments `json:"-"`
}

// Moments are when a transaction of the ledger came to its stages, by this process's clock.
type Moments struct {
	// Begun is when the transaction was begun, Decided when every claim in it had its verdict and nothing was left but to write
	// them, Committed when Postgres had confirmed the commit.
	Begun, Decided, Committed time.Time
}

// Decide decides claims in order, within tx, once what was prepared has been read there. It queues what writes its verdicts; that
// is sent together with the commit, and must fail unless it does all it should. Verdicts has one entry a claim. Of claims of the log it needs the partition.
type Decide func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (Decision, error)
