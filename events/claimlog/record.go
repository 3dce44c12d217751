package claimlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"flashsale/events"
)

// versionHeader carries the payload's version, so that a tool need not parse the value.
const versionHeader = "v"

// TraceHeader carries the W3C trace context.
const TraceHeader = "traceparent"

// Record is one entry of the claims log.
type Record struct {
	Offset     int64
	Key, Value []byte
	Claim      events.Claim
	// Undecodable says why Claim is not to be used; nil when it is.
	Undecodable error
}

// encodeClaims is the log's form of claims.
func encodeClaims(claims []events.Claim) ([]Message, error) {
	encoder := newClaimEncoder(claims)
	messages := make([]Message, len(claims))
	for i, c := range claims {
		if c.V == 0 {
			c.V = events.ClaimVersion
		}
		var err error
		if messages[i], err = encoder.message(&c); err != nil {
			return nil, fmt.Errorf("encode claim %s: %w", c.ID, err)
		}
	}
	return messages, nil
}

// newRecord never fails: what cannot be understood is a record too, one that goes into quarantine.
func newRecord(offset int64, key, value []byte) Record {
	r := Record{Offset: offset, Key: key, Value: value}
	r.Claim, r.Undecodable = decodeClaim(value)
	return r
}

const (
	// maxRecord bounds a record in bytes; ours stay far below 1 KiB. The events about a claim must fit into records of
	// the events topic: one that the broker refuses stops its sale's events.
	maxRecord = 16 << 10
)

func decodeClaim(value []byte) (events.Claim, error) {
	if len(value) > maxRecord {
		return events.Claim{}, fmt.Errorf("undecodable record: %d bytes, at most %d are a claim", len(value), maxRecord)
	}
	c, err := readClaim(value)
	if err != nil {
		return events.Claim{}, fmt.Errorf("undecodable record: %w", err)
	}
	if c.V < 1 || c.V > events.ClaimVersion+1 {
		return events.Claim{}, fmt.Errorf("undecodable record: version %d, known are 1 to %d", c.V, events.ClaimVersion+1)
	}
	if c.SaleID <= 0 || c.Generation <= 0 {
		return events.Claim{}, errors.New("undecodable record: no sale or no generation")
	}
	switch c.Kind {
	case events.KindClaim:
		if c.ID == uuid.Nil || c.UserID <= 0 {
			return events.Claim{}, errors.New("undecodable record: a claim without an id or a shopper")
		}
		if c.Attempt < 1 || c.Attempt > events.MaxAttempt {
			return events.Claim{}, fmt.Errorf("undecodable record: attempt %d, they are 1 to %d", c.Attempt, events.MaxAttempt)
		}
	case events.KindClose:
	default:
		return events.Claim{}, fmt.Errorf("undecodable record: kind %q", c.Kind)
	}
	return c, nil
}

// Fingerprint tells whether the record at an offset is the one that was read there before.
func (r Record) Fingerprint() []byte {
	h := sha256.New()
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(r.Offset))
	binary.BigEndian.PutUint64(n[8:], uint64(len(r.Key)))
	h.Write(n[:])
	h.Write(r.Key)
	h.Write(r.Value)
	return h.Sum(nil)[:16]
}
