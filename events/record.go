package events

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// versionHeader carries the payload's version, so that a tool need not parse the value.
const versionHeader = "v"

// traceHeader carries the W3C trace context.
const traceHeader = "traceparent"

// record is one entry of the claims log.
type record struct {
	offset     int64
	key, value []byte
	claim      Claim
	// undecodable says why claim is not to be used; nil when it is.
	undecodable error
}

// encodeClaims is the log's form of claims.
func encodeClaims(claims []Claim) ([]message, error) {
	encoder := newClaimEncoder(claims)
	messages := make([]message, len(claims))
	for i, c := range claims {
		if c.V == 0 {
			c.V = ClaimVersion
		}
		var err error
		if messages[i], err = encoder.message(&c); err != nil {
			return nil, fmt.Errorf("encode claim %s: %w", c.ID, err)
		}
	}
	return messages, nil
}

// newRecord never fails: what cannot be understood is a record too, one that will be quarantined.
func newRecord(offset int64, key, value []byte) record {
	r := record{offset: offset, key: key, value: value}
	r.claim, r.undecodable = decodeClaim(value)
	return r
}

const (
	// maxRecord bounds a record in bytes; ours stay far below 1 KiB. What comes of a claim must fit a record of the events
	// topic, where one that the broker refuses would stop its sale's events.
	maxRecord = 16 << 10
	// MaxAttempt is the highest attempt of a claim. It leaves room for the one that follows, in the column that both go to.
	MaxAttempt = 1_000_000_000
)

func decodeClaim(value []byte) (Claim, error) {
	if len(value) > maxRecord {
		return Claim{}, fmt.Errorf("undecodable record: %d bytes, at most %d are a claim", len(value), maxRecord)
	}
	c, err := readClaim(value)
	if err != nil {
		return Claim{}, fmt.Errorf("undecodable record: %w", err)
	}
	if c.V < 1 || c.V > ClaimVersion+1 {
		return Claim{}, fmt.Errorf("undecodable record: version %d, known are 1 to %d", c.V, ClaimVersion+1)
	}
	if c.SaleID <= 0 || c.Generation <= 0 {
		return Claim{}, errors.New("undecodable record: no sale or no generation")
	}
	switch c.Kind {
	case KindClaim:
		if c.ID == uuid.Nil || c.UserID <= 0 {
			return Claim{}, errors.New("undecodable record: a claim without an id or a shopper")
		}
		if c.Attempt < 1 || c.Attempt > MaxAttempt {
			return Claim{}, fmt.Errorf("undecodable record: attempt %d, they are 1 to %d", c.Attempt, MaxAttempt)
		}
	case KindClose:
	default:
		return Claim{}, fmt.Errorf("undecodable record: kind %q", c.Kind)
	}
	return c, nil
}

// fingerprint tells whether the record at an offset is still the one that was read there.
func (r record) fingerprint() []byte {
	h := sha256.New()
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(r.offset))
	binary.BigEndian.PutUint64(n[8:], uint64(len(r.key)))
	h.Write(n[:])
	h.Write(r.key)
	h.Write(r.value)
	return h.Sum(nil)[:16]
}

func decodable(records []record) []Claim {
	claims := make([]Claim, 0, len(records))
	for i := range records {
		if records[i].undecodable == nil {
			claims = append(claims, records[i].claim)
		}
	}
	return claims
}

func claimIDs(claims []Claim) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(claims))
	for i := range claims {
		if claims[i].Kind == KindClaim {
			ids = append(ids, claims[i].ID)
		}
	}
	return ids
}
