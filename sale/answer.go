package sale

import (
	"net/netip"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// Kind is the outcome of a purchase request.
type Kind byte

// The outcomes of a purchase request.
const (
	// Unavailable: nothing is known to be bought, and it is safe to repeat the request.
	Unavailable Kind = iota
	// Bought: this request bought the unit in Receipt.
	Bought
	// AlreadyBought: the shopper owns the unit in Receipt, from another request.
	AlreadyBought
	// Pending: the log has the claim (ClaimID, Position). There is no verdict yet.
	Pending
	// Refused: not bought; Reason says why.
	Refused
	// NotAuthorized: this shopper is not allowed to purchase.
	NotAuthorized
	// UnknownShopper: nobody has that name.
	UnknownShopper
	// Overloaded: as Unavailable, because the process has reached its limit of undecided claims.
	Overloaded
	// TooOften: not bought, because the account or its network has pressed more often than the sale allows; Over says which.
	TooOften
)

// String names the outcome, for logs and metrics.
func (k Kind) String() string {
	switch k {
	case Unavailable:
		return "unavailable"
	case Bought:
		return "bought"
	case AlreadyBought:
		return "already-bought"
	case Pending:
		return "pending"
	case Refused:
		return "refused"
	case NotAuthorized:
		return "not-authorized"
	case UnknownShopper:
		return "unknown-shopper"
	case Overloaded:
		return "overloaded"
	case TooOften:
		return "too-many-requests"
	}
	return "unknown"
}

// Shopper is an account, as far as a purchase needs it.
type Shopper struct {
	ID          int64
	Username    string
	MayPurchase bool
	// Archived is true for an account that is not seen any more. It buys nothing, and hears of the order that it has.
	Archived bool
}

// PurchaseRequest is one press of the button.
type PurchaseRequest struct {
	// Slug names the sale; "" is the current one.
	Slug string
	// Name is the shopper's username or address in its normal form.
	Name string
	// Shopper is the account of Name when the request says by itself who asks. Zero: it is looked up.
	Shopper Shopper
	// From is the client's address, whose network has a limit. The zero address: neither it nor the shopper has one.
	From netip.Addr
	// Async asks for Pending as soon as the log has the claim.
	Async bool
	// IdempotencyKey is the request's Idempotency-Key, or "".
	IdempotencyKey string
	// Traceparent is the request's W3C trace context, or "".
	Traceparent string
}

// Answer is the outcome of a purchase request, with what belongs to it.
type Answer struct {
	Kind Kind
	// Reason is set with Refused.
	Reason Reason
	// Over is set with TooOften.
	Over PressBudget
	// Receipt is set with Bought and AlreadyBought.
	Receipt Receipt
	// SameKey is true when the receipt was bought with this request's Idempotency-Key.
	SameKey bool
	// ClaimID is set once a claim was made. Position is where the log has it; nil: the log has not acknowledged it.
	ClaimID  uuid.UUID
	Position *events.Position
	// Username is the shopper's, once known; else the name in the request.
	Username string
	// Sale is the snapshot from which the request was answered.
	Sale Snapshot
	// RetryAfter is how long to wait before the request is repeated; 0: a repeat gets the same answer.
	RetryAfter time.Duration
}

// ClaimStatus says whether a claim is decided.
type ClaimStatus string

// The statuses of a claim. ClaimGone: there is no verdict, and none is to be expected: the log has no such claim still to
// be decided, or its position is not known.
const (
	ClaimOrdered  ClaimStatus = "ordered"
	ClaimDeclined ClaimStatus = "declined"
	ClaimPending  ClaimStatus = "pending"
	ClaimGone     ClaimStatus = "gone"
)

// ClaimState is the status of a claim, with its verdict.
type ClaimState struct {
	State ClaimStatus
	// Receipt is set with ClaimOrdered.
	Receipt Receipt
	// Reason is set with ClaimDeclined.
	Reason Reason
	// Username is the shopper's; it is set when there is a verdict.
	Username string
	// At is when it was decided, by Postgres' clock.
	At time.Time
}
