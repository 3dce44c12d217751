package sale

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/google/uuid"
)

// proofSize is the part of the HMAC that a receipt's address has: 128 bits.
const proofSize = 16

// ReceiptSecret is the secret in the address of a receipt: the order's id and 128 bits of HMAC(key, "receipt" | order id), where key is the
// secret of the order's sale. No table has it: whoever knows the key can check it, and nobody else can make one, not even from the
// order's id, which events and exports name.
func ReceiptSecret(key []byte, order uuid.UUID) string {
	proof := receiptProof(key, order)
	return base64.RawURLEncoding.EncodeToString(append(order[:], proof[:]...))
}

// ReceiptProof is what a receipt's secret says: an order, and the proof that the secret was made for it.
type ReceiptProof struct {
	Order uuid.UUID
	proof [proofSize]byte
}

// ReadReceiptSecret reads a text of the one form that ReceiptSecret writes; any other is false. Nothing is proved by that: see By.
func ReadReceiptSecret(text string) (p ReceiptProof, ok bool) {
	const size = len(p.Order) + proofSize
	if len(text) != base64.RawURLEncoding.EncodedLen(size) {
		return p, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != size {
		return p, false
	}
	copy(p.Order[:], raw)
	copy(p.proof[:], raw[len(p.Order):])
	return p, true
}

// By reports whether the secret was made with this key. It takes the same time for every answer.
func (p *ReceiptProof) By(key []byte) bool {
	want := receiptProof(key, p.Order)
	return hmac.Equal(want[:], p.proof[:])
}

// receiptProof cannot be one of the ids that derive makes of the same key: those are over longer texts.
func receiptProof(key []byte, order uuid.UUID) (proof [proofSize]byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("receipt"))
	mac.Write(order[:])
	copy(proof[:], mac.Sum(nil))
	return proof
}

// OrderNumber is the short form of an order's id, for people who read it to each other: its first 45 bits in Crockford's base32,
// which has no I, L, O and U, as three groups of three. Of a million orders, two have the same number with a probability of 1.4 %;
// the id stays what names an order.
func OrderNumber(order uuid.UUID) string { return string(AppendOrderNumber(nil, order)) }

// AppendOrderNumber appends an OrderNumber.
func AppendOrderNumber(b []byte, order uuid.UUID) []byte {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	bits := binary.BigEndian.Uint64(order[:8]) >> (64 - 45)
	b = append(b, "000-000-000"...)
	number := b[len(b)-len("000-000-000"):]
	for at := len(number) - 1; at >= 0; at-- {
		if number[at] == '-' {
			continue
		}
		number[at] = digits[bits&31]
		bits >>= 5
	}
	return b
}
