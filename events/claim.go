package events

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// ClaimVersion is the version of the claim record this program writes. It reads that one and the one before,
// and ignores fields it does not know. From version 2 on, PressedAt decides: see Claim.PressTime.
const ClaimVersion = 2

// pressTimeSince is the first version whose PressedAt is by the clock of Postgres for certain.
const pressTimeSince = 2

// Kind says what a record in the claims log is.
type Kind string

const (
	// KindClaim is a shopper's claim to one unit.
	KindClaim Kind = "claim"
	// KindClose is written once when a sale ends: claims before it count, claims after it do not.
	KindClose Kind = "close"
)

// Claim is a shopper's request for one unit, as it stands in the claims log. Its ID is derived from the sale's
// secret, the generation, the shopper and the attempt (sale.ClaimID), so the same claim has the same id
// wherever and however often it is written; an order's id is its claim's id.
type Claim struct {
	V          int       `json:"v"`
	Kind       Kind      `json:"kind"`
	ID         uuid.UUID `json:"id"`
	SaleID     int64     `json:"sale"`
	Generation int64     `json:"generation"`
	// Ledger is the identity of the ledger that the claim is for. A ledger that is made anew is another one. Zero: written by
	// the version before.
	Ledger   uuid.UUID `json:"ledger,omitzero"`
	UserID   int64     `json:"user,omitempty"`
	Username string    `json:"username,omitempty"`
	Attempt  int       `json:"attempt,omitempty"`
	// IdempotencyKey is derived from the request's Idempotency-Key, or zero.
	IdempotencyKey uuid.UUID `json:"pressKey,omitzero"`
	// RequestID is random; each press has its own. The presses of one shopper write the same claim, and the record that
	// is decided first tells which of them bought. Zero: written by the version before.
	RequestID   uuid.UUID `json:"press,omitzero"`
	Traceparent string    `json:"traceparent,omitempty"`
	// PressedAt is when the request arrived, by the clock of Postgres as the process knows it: off by a second at most, and by
	// milliseconds as a rule. Zero: the process does not know that clock well enough.
	PressedAt time.Time `json:"pressedAt"`
	// Closing is set in a close record: the version that the closing gave the sale, from which the record's id is derived.
	// Zero: written by the version before.
	Closing int64 `json:"closing,omitempty"`
	// Beside is set when the process that writes the claim decides it directly at the same time: nobody waits for the log to bring
	// it. The version before does not know it.
	Beside bool `json:"beside,omitempty"`
	// Partition is where the log has the claim. It is not written: who reads the log sets it.
	Partition int `json:"-"`
}

// PressTime is when the claim's request arrived, by the clock of Postgres. It is not known of claims of the version before,
// whose PressedAt may be by another clock.
func (c *Claim) PressTime() (at time.Time, known bool) {
	return c.PressedAt, c.V >= pressTimeSince && !c.PressedAt.IsZero()
}

// Position is where the log keeps a claim.
type Position struct {
	Partition int
	Offset    int64
}

// MaxAttempt is the highest attempt of a claim. It leaves room for the one that follows, in the column that both go to.
const MaxAttempt = 1_000_000_000

// Partitions is how many partitions the topics are created with. A sale stores its partition, so the number is
// never lowered; a topic found with more is used as it is.
const Partitions = 8

// ErrLog is the root of every failure to reach or use the log.
var ErrLog = errors.New("events: log")
