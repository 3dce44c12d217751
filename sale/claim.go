package sale

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// ClaimID is the id of a shopper's claim, and of the order that may come of it. The same attempt makes the same
// id wherever and however often it is made, and nobody without the sale's secret can guess one.
func ClaimID(secret []byte, generation, user int64, attempt int) uuid.UUID {
	return derive(secret, "claim", generation, user, int64(attempt), "")
}

// CloseID is the id of the record that closes the sale. It carries the version that ordered the closing, so
// that a late repeat of an older close record cannot end a sale that was opened again.
func CloseID(secret []byte, generation, version int64) uuid.UUID {
	return derive(secret, "close", generation, version, 0, "")
}

// IdempotencyKeyID keeps an Idempotency-Key as an id of fixed size. No key: uuid.Nil.
func IdempotencyKeyID(secret []byte, user int64, key string) uuid.UUID {
	if key == "" {
		return uuid.Nil
	}
	return derive(secret, "press", user, 0, 0, key)
}

// derive is the first 128 bits of an HMAC-SHA256, marked as a UUIDv8 (RFC 9562).
func derive(secret []byte, purpose string, a, b, c int64, text string) uuid.UUID {
	var fixed [32]byte
	copy(fixed[:8], purpose)
	binary.BigEndian.PutUint64(fixed[8:], uint64(a))
	binary.BigEndian.PutUint64(fixed[16:], uint64(b))
	binary.BigEndian.PutUint64(fixed[24:], uint64(c))
	mac := hmac.New(sha256.New, secret)
	mac.Write(fixed[:])
	mac.Write([]byte(text))
	id := uuid.UUID(mac.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
