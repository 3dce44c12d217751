package claimlog

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"flashsale/events"
)

// FuzzClaimRecord: a record is either a claim that the ledger can write down, and that reads the same when it is
// written again, or it is undecodable, with a reason of bounded length.
func FuzzClaimRecord(f *testing.F) {
	const id = `"id":"0190163d-8694-8000-8000-000000000001"`
	for _, seed := range []string{
		`{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"username":"anna","attempt":1,"pressedAt":"2026-01-01T12:00:00Z"}`,
		`{"v":2,"kind":"close","sale":1,"generation":1,"color":["red"]}`, `{"v":1,"V":9,"kind":"claim"}`, `null`, `[]`, ``, `{"v":1e0}`,
		`{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":4294967297}`,
		`{"v":1,"kind":"claim",` + id + `,"sale":9223372036854775807,"generation":1,"user":2,"attempt":1,"username":"\u0000\ud800"}`,
		`{"v":1,"kind":"` + strings.Repeat("k", 300) + "\x00\xff" + `","sale":1,"generation":1}`, strings.Repeat("[", 20_000),
		`{"v":1,"kind":"claim","id":"{0190163d-8694-8000-8000-000000000001}","sale":1,"generation":1,"user":2,"attempt":1,"pressedAt":"0000-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte("key"), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r := newRecord(7, key, value)
		if !bytes.Equal(r.Fingerprint(), newRecord(7, key, value).Fingerprint()) || len(r.Fingerprint()) != 16 {
			t.Fatalf("%q has two fingerprints", value)
		}
		if r.Undecodable != nil {
			reason := r.Undecodable.Error()
			if r.Claim != (events.Claim{}) || len(reason) > 8*maxRecord {
				t.Fatalf("%q: %+v because of %d bytes %.100q", value, r.Claim, len(reason), reason)
			}
			return
		}
		c := r.Claim
		if c.SaleID <= 0 || c.Generation <= 0 || c.V < 1 || !utf8.ValidString(c.Username+c.Traceparent) {
			t.Fatalf("%q was taken as %+v", value, c)
		}
		if c.Kind == events.KindClaim && (c.ID == uuid.Nil || c.UserID <= 0 || int(int32(c.Attempt)) != c.Attempt || int32(c.Attempt)+1 <= 1) {
			t.Fatalf("%q: no column takes %+v", value, c)
		}
		messages, err := encodeClaims([]events.Claim{c})
		if err != nil {
			t.Fatalf("%q was taken and cannot be written: %v", value, err)
		}
		m := messages[0]
		again := newRecord(7, m.Key, m.Value)
		if !again.Claim.PressedAt.Equal(c.PressedAt) {
			t.Fatalf("%q: pressed at %v, then at %v", value, c.PressedAt, again.Claim.PressedAt)
		}
		if again.Claim.PressedAt = c.PressedAt; again.Undecodable != nil || again.Claim != c {
			t.Fatalf("%q: %+v was written as %s and read as %+v (%v)", value, c, m.Value, again.Claim, again.Undecodable)
		}
	})
}
