package sale

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func TestTheSameAttemptHasTheSameClaimID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		generation, user := rapid.Int64Min(1).Draw(t, "generation"), rapid.Int64Min(1).Draw(t, "user")
		attempt := rapid.IntRange(1, 9).Draw(t, "attempt")
		id := ClaimID(secret, generation, user, attempt)
		if id != ClaimID(secret, generation, user, attempt) {
			t.Fatal("two ids for one attempt")
		}
		if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is not a UUIDv8", id)
		}
		others := map[string]uuid.UUID{
			"generation": ClaimID(secret, generation+1, user, attempt),
			"shopper":    ClaimID(secret, generation, user+1, attempt),
			"attempt":    ClaimID(secret, generation, user, attempt+1),
			"secret":     ClaimID(append([]byte("x"), secret...), generation, user, attempt),
			"purpose":    CloseID(secret, generation, user),
			"swapped":    ClaimID(secret, user+1, generation, attempt),
		}
		for what, other := range others {
			if other == id {
				t.Fatalf("another %s has the same id", what)
			}
		}
	})
}

func TestIDsAreThoseOfTheFunctions(t *testing.T) {
	t.Parallel()
	ids := NewIDs(secret)
	rapid.Check(t, func(t *rapid.T) {
		generation, user := rapid.Int64Min(1).Draw(t, "generation"), rapid.Int64().Draw(t, "user")
		attempt := rapid.IntRange(1, 9).Draw(t, "attempt")
		if got, want := ids.Claim(generation, user, attempt), ClaimID(secret, generation, user, attempt); got != want {
			t.Fatalf("claim %s, want %s", got, want)
		}
		if got, want := ids.Close(generation, user), CloseID(secret, generation, user); got != want {
			t.Fatalf("close record %s, want %s", got, want)
		}
	})
}

// The ids are HMACs by the book, whatever the length of the secret and of the text.
func FuzzIDsAreHMACs(f *testing.F) {
	f.Add(secret, int64(1), int64(2), int64(3), "")
	f.Add(bytes.Repeat([]byte("k"), 64), int64(-1), int64(0), int64(1<<62), strings.Repeat("t", 64))
	f.Add(bytes.Repeat([]byte("k"), 65), int64(7), int64(8), int64(9), strings.Repeat("t", 65))
	f.Add([]byte{}, int64(0), int64(0), int64(0), strings.Repeat("t", 500))
	f.Fuzz(func(t *testing.T, secret []byte, a, b, c int64, text string) {
		kept := bytes.Clone(secret)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("press\x00\x00\x00"))
		for _, n := range []int64{a, b, c} {
			mac.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
		}
		mac.Write([]byte(text))
		want := uuid.UUID(mac.Sum(nil)[:16])
		want[6], want[8] = want[6]&0x0f|0x80, want[8]&0x3f|0x80
		if got := derive(secret, "press", a, b, c, text); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if !bytes.Equal(secret, kept) {
			t.Fatal("the secret has changed")
		}
	})
}

func BenchmarkClaimID(b *testing.B) {
	ids := NewIDs(secret)
	for name, derive := range map[string]func(user int64) uuid.UUID{
		"one":  func(user int64) uuid.UUID { return ClaimID(secret, 3, user, 1) },
		"many": func(user int64) uuid.UUID { return ids.Claim(3, user, 1) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			user := int64(0)
			for b.Loop() {
				user++
				derive(user)
			}
		})
	}
}

func TestARequestWithoutAnIdempotencyKeyHasNoKeyID(t *testing.T) {
	t.Parallel()
	if IdempotencyKeyID(secret, 1, "") != uuid.Nil {
		t.Error("an id without an Idempotency-Key")
	}
	if IdempotencyKeyID(secret, 1, "a") == IdempotencyKeyID(secret, 2, "a") {
		t.Error("two shoppers have the same id for the same key")
	}
}

// With another id after an upgrade, a shopper who presses before and after it gets two units.
func TestClaimIDsStayTheSameAcrossReleases(t *testing.T) {
	t.Parallel()
	const want = "b23e6062-bacf-82c0-8965-4a62aa98d8ef"
	if got := ClaimID(secret, 3, 42, 1).String(); got != want {
		t.Errorf("ClaimID = %s, want %s", got, want)
	}
}
