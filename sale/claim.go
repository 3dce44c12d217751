package sale

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/google/uuid"
)

// ClaimID is the id of a shopper's claim, and of the order if there is one. The same attempt gives the same id in every
// process and every time. Nobody can guess an id without the sale's secret.
func ClaimID(secret []byte, generation, user int64, attempt int) uuid.UUID {
	return derive(secret, "claim", generation, user, int64(attempt), "")
}

// CloseID is the id of the record that closes the sale. The version is the one that the closing gave the sale: a late repeat
// of an older close record has another id, and cannot end a sale that was opened again.
func CloseID(secret []byte, generation, version int64) uuid.UUID {
	return derive(secret, "close", generation, version, 0, "")
}

// IdempotencyKeyID turns an Idempotency-Key into an id of fixed size. Without a key it is uuid.Nil.
func IdempotencyKeyID(secret []byte, user int64, key string) uuid.UUID {
	if key == "" {
		return uuid.Nil
	}
	return derive(secret, "press", user, 0, 0, key)
}

// derive is an id from the secret.
func derive(secret []byte, purpose string, a, b, c int64, text string) uuid.UUID {
	var in [32]byte
	return sum(hmac.New(sha256.New, secret), &in, nil, purpose, a, b, c, text)
}

// sum is the first 128 bits of an HMAC-SHA256, marked as a UUIDv8 (RFC 9562). in and out are room for its work.
func sum(mac hash.Hash, in *[32]byte, out []byte, purpose string, a, b, c int64, text string) uuid.UUID {
	clear(in[:])
	copy(in[:8], purpose)
	binary.BigEndian.PutUint64(in[8:], uint64(a))
	binary.BigEndian.PutUint64(in[16:], uint64(b))
	binary.BigEndian.PutUint64(in[24:], uint64(c))
	mac.Write(in[:])
	mac.Write([]byte(text))
	id := uuid.UUID(mac.Sum(out)[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// IDs derives many ids of one sale: it keeps what HMAC makes of the secret. It belongs to one goroutine.
type IDs struct {
	mac hash.Hash
	in  [32]byte
	out [sha256.Size]byte
}

// NewIDs derives ids from the secret of a sale.
func NewIDs(secret []byte) *IDs { return &IDs{mac: hmac.New(sha256.New, secret)} }

// Claim is ClaimID.
func (d *IDs) Claim(generation, user int64, attempt int) uuid.UUID {
	return d.sum("claim", generation, user, int64(attempt))
}

// Close is CloseID.
func (d *IDs) Close(generation, version int64) uuid.UUID {
	return d.sum("close", generation, version, 0)
}

func (d *IDs) sum(purpose string, a, b, c int64) uuid.UUID {
	d.mac.Reset()
	return sum(d.mac, &d.in, d.out[:0], purpose, a, b, c, "")
}
