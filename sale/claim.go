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

// derive is an id from the secret. It is HMAC-SHA256 written out with two sums: those need no memory, and hmac.New is half of what a
// single id costs.
func derive(secret []byte, purpose string, a, b, c int64, text string) uuid.UUID {
	var inner [sha256.BlockSize + idInput + 64]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	if len(secret) > sha256.BlockSize {
		key := sha256.Sum256(secret)
		secret = key[:]
	}
	copy(inner[:], secret)
	copy(outer[:], secret)
	for i := range sha256.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	fill((*[idInput]byte)(inner[sha256.BlockSize:]), purpose, a, b, c)
	digest := sha256.Sum256(append(inner[:sha256.BlockSize+idInput], text...))
	copy(outer[sha256.BlockSize:], digest[:])
	return idOf(sha256.Sum256(outer[:]))
}

// idInput is the size of what an id is made of, but for its text.
const idInput = 32

// fill writes what an id is made of.
func fill(in *[idInput]byte, purpose string, a, b, c int64) {
	clear(in[:])
	copy(in[:8], purpose)
	binary.BigEndian.PutUint64(in[8:], uint64(a))
	binary.BigEndian.PutUint64(in[16:], uint64(b))
	binary.BigEndian.PutUint64(in[24:], uint64(c))
}

// idOf is the first 128 bits of an HMAC-SHA256, marked as a UUIDv8 (RFC 9562).
func idOf(mac [sha256.Size]byte) uuid.UUID {
	id := uuid.UUID(mac[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// IDs derives many ids of one sale: it keeps what HMAC makes of the secret. It belongs to one goroutine.
type IDs struct {
	mac hash.Hash
	in  [idInput]byte
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
	fill(&d.in, purpose, a, b, c)
	d.mac.Write(d.in[:])
	return idOf([sha256.Size]byte(d.mac.Sum(d.out[:0])))
}
