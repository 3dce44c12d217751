package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// FuzzClaimRecord: a record is a claim that the ledger can write down, and reads the same when it is written again, or it is
// put aside with a reason that a text column takes.
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
		if !bytes.Equal(r.fingerprint(), newRecord(7, key, value).fingerprint()) || len(r.fingerprint()) != 16 {
			t.Fatalf("%q has two fingerprints", value)
		}
		if r.undecodable != nil {
			reason := printable(r.undecodable.Error())
			if r.claim != (Claim{}) || !utf8.ValidString(reason) || strings.Contains(reason, "\x00") || len(reason) > 8*maxRecord {
				t.Fatalf("%q: %+v because of %d bytes %.100q", value, r.claim, len(reason), reason)
			}
			return
		}
		c := r.claim
		if c.SaleID <= 0 || c.Generation <= 0 || c.V < 1 || !utf8.ValidString(c.Username+c.Traceparent) {
			t.Fatalf("%q was taken as %+v", value, c)
		}
		if c.Kind == KindClaim && (c.ID == uuid.Nil || c.UserID <= 0 || int(int32(c.Attempt)) != c.Attempt || int32(c.Attempt)+1 <= 1) {
			t.Fatalf("%q: no column takes %+v", value, c)
		}
		messages, err := encodeClaims([]Claim{c})
		if err != nil {
			t.Fatalf("%q was taken and cannot be written: %v", value, err)
		}
		m := messages[0]
		again := newRecord(7, m.key, m.value)
		if !again.claim.PressedAt.Equal(c.PressedAt) {
			t.Fatalf("%q: pressed at %v, then at %v", value, c.PressedAt, again.claim.PressedAt)
		}
		if again.claim.PressedAt = c.PressedAt; again.undecodable != nil || again.claim != c {
			t.Fatalf("%q: %+v was written as %s and read as %+v (%v)", value, c, m.value, again.claim, again.undecodable)
		}
	})
}

// FuzzEventRecord: what stands in the outbox is what subscribers get: the same bytes, under the sale's key and an id that
// belongs to this row alone, and the same again when it is published twice.
func FuzzEventRecord(f *testing.F) {
	f.Add(int64(1), int64(7), int64(1_767_268_800_000_000), TypeOrderConfirmed, "an order", "", `{"unit":1}`)
	f.Add(int64(-1), int64(-9), int64(0), "\x00", "a\r\nb: c", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "")
	f.Add(int64(1<<62), int64(1<<62), int64(-1), "", "\xff\u202e", "x", `"`+strings.Repeat("é", 900)+`"`)
	f.Fuzz(func(t *testing.T, id, sale, micro int64, kind, subject, trace, data string) {
		at := time.UnixMicro(micro).UTC()
		if at.Year() < 0 || at.Year() > 9999 {
			return
		}
		packed, err := bundle([]Message{{SaleID: sale, Type: kind, Subject: subject, Traceparent: trace, Data: data}})
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := unbundle(packed[0].bytes, 1)
		if err != nil || unpacked[0].kind != kind || unpacked[0].subject != subject || unpacked[0].traceparent != trace {
			t.Fatalf("%q %q %q were unpacked as %+v (%v)", kind, subject, trace, unpacked, err)
		}
		unpacked[0].data = []byte(data)
		event := row{id: id, saleID: sale, createdAt: at, events: unpacked}
		m := event.cloudEvents("/source")[0]
		if repeat := event.cloudEvents("/source")[0]; !reflect.DeepEqual(m, repeat) {
			t.Fatalf("%+v is two events", event)
		}
		if p := event.partition(); p < 0 || p >= Partitions {
			t.Fatalf("sale %d goes to partition %d", sale, p)
		}
		headers := map[string]string{}
		for _, h := range m.headers {
			if _, twice := headers[h.Key]; twice {
				t.Fatalf("%s stands there twice", h.Key)
			}
			headers[h.Key] = string(h.Value)
		}
		told, err := time.Parse(time.RFC3339Nano, headers["ce_time"])
		if err != nil || !told.Equal(at) || headers["ce_type"] != kind || headers["ce_subject"] != subject ||
			headers["traceparent"] != trace || headers["ce_traceparent"] != trace || headers["content-type"] != "application/json" {
			t.Fatalf("%+v became %v (%v)", event, headers, err)
		}
		other := event
		other.id++
		if next := other.cloudEvents("/source")[0]; bytes.Equal(next.headers[1].Value, m.headers[1].Value) || next.headers[1].Key != "ce_id" {
			t.Fatalf("two rows have the id %s", m.headers[1].Value)
		}
		if key, err := json.Marshal(sale); err != nil || !bytes.Equal(m.key, key) {
			t.Fatalf("sale %d has the key %q", sale, m.key)
		}
		read, err := readRecords(&messageReader{messages: []message{m}}, 0)
		if err != nil || len(read) != 1 || string(read[0].value) != data || !bytes.Equal(read[0].key, m.key) {
			t.Fatalf("%q was read as %+v (%v)", data, read, err)
		}
	})
}
