package claimlog

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go/protocol"

	"flashsale/events"
	"flashsale/events/eventstest"
)

func bodiesOf(t *testing.T, c events.Claim) (Message, Record) {
	t.Helper()
	messages, err := encodeClaims([]events.Claim{c})
	if err != nil {
		t.Fatal(err)
	}
	return messages[0], newRecord(3, messages[0].Key, messages[0].Value)
}

func TestClaimSurvivesTheLog(t *testing.T) {
	t.Parallel()
	claim := eventstest.NewClaim(12)
	claim.IdempotencyKey, claim.RequestID, claim.Traceparent = uuid.New(), uuid.New(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	m, r := bodiesOf(t, claim)
	if r.Undecodable != nil || !reflect.DeepEqual(r.Claim, claim) {
		t.Errorf("got %+v (%v), want %+v", r.Claim, r.Undecodable, claim)
	}
	if string(m.Key) != claim.ID.String() {
		t.Errorf("the key is %q, want the claim's id", m.Key)
	}
	headers := make(map[string]string)
	for _, h := range m.Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers["v"] != "2" || headers["traceparent"] != claim.Traceparent {
		t.Errorf("headers are %v", headers)
	}
}

func TestClaimWithoutAVersionIsWrittenWithOurs(t *testing.T) {
	t.Parallel()
	claim := eventstest.NewClaim(1)
	claim.V = 0
	if _, r := bodiesOf(t, claim); r.Claim.V != events.ClaimVersion || r.Undecodable != nil {
		t.Errorf("read version %d (%v)", r.Claim.V, r.Undecodable)
	}
}

func TestOnlyWhatIsUnderstoodIsDecided(t *testing.T) {
	t.Parallel()
	const id = `"id":"0190163d-8694-8000-8000-000000000001"`
	cases := []struct {
		name, value string
		readable    bool
	}{
		{"a claim", `{"v":2,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1}`, true},
		{"of the version before", `{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1}`, true},
		{"of the next version, with a new field", `{"v":3,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1,"color":"red"}`, true},
		{"of a version after that", `{"v":4,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1}`, false},
		{"without a version", `{"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1}`, false},
		{"a close record", `{"v":1,"kind":"close","sale":1,"generation":1}`, true},
		{"of an unknown kind", `{"v":1,"kind":"refund",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1}`, false},
		{"without an id", `{"v":1,"kind":"claim","sale":1,"generation":1,"user":2,"attempt":1}`, false},
		{"without a shopper", `{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"attempt":1}`, false},
		{"without a sale", `{"v":1,"kind":"claim",` + id + `,"generation":1,"user":2,"attempt":1}`, false},
		{"without a generation", `{"v":1,"kind":"claim",` + id + `,"sale":1,"user":2,"attempt":1}`, false},
		{"without an attempt", `{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2}`, false},
		{"of an attempt that no column holds", `{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":4294967297}`, false},
		{"of an attempt that nothing can follow", `{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":2147483647}`, false},
		{"of a size that no claim has", `{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1,"x":"` +
			strings.Repeat("x", maxRecord) + `"}`, false},
		{"with a malformed id", `{"v":1,"kind":"claim","id":"x","sale":1,"generation":1,"user":2,"attempt":1}`, false},
		{"cut off", `{"v":1,"kind":"cl`, false},
		{"empty", ``, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if r := newRecord(0, nil, []byte(c.value)); (r.Undecodable == nil) != c.readable {
				t.Errorf("readable is %v, want %v (%v)", r.Undecodable == nil, c.readable, r.Undecodable)
			}
		})
	}
}

func TestFingerprintsAreEqualOnlyForTheSameRecord(t *testing.T) {
	t.Parallel()
	original := newRecord(4, []byte("ab"), []byte("cd"))
	if !bytes.Equal(original.Fingerprint(), newRecord(4, []byte("ab"), []byte("cd")).Fingerprint()) {
		t.Error("the same record has two fingerprints")
	}
	for name, other := range map[string]Record{
		"another offset": newRecord(5, []byte("ab"), []byte("cd")),
		"another key":    newRecord(4, []byte("xb"), []byte("cd")),
		"another value":  newRecord(4, []byte("ab"), []byte("cx")),
		"shifted bytes":  newRecord(4, []byte("abc"), []byte("d")),
	} {
		if bytes.Equal(original.Fingerprint(), other.Fingerprint()) {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
}

func TestRecordsCanBeReadTwice(t *testing.T) {
	t.Parallel()
	messages := []Message{{Key: []byte{}}, {Key: []byte("k"), Value: []byte("v")}, {Value: []byte("w")}}
	for range 2 {
		read, err := readRecords(&messageReader{messages: messages}, 0)
		if err != nil || len(read) != len(messages) {
			t.Fatalf("read %+v (%v)", read, err)
		}
		for i, m := range messages {
			if !reflect.DeepEqual(read[i].Key, m.Key) || !reflect.DeepEqual(read[i].Value, m.Value) {
				t.Errorf("read %#v and %#v, want %#v and %#v", read[i].Key, read[i].Value, m.Key, m.Value)
			}
		}
	}
}

// A record is kept while the next one is read; appending to it must not write into that one.
func TestRecordsKeepTheirBodies(t *testing.T) {
	t.Parallel()
	messages := []Message{{}}
	for i := range 1000 {
		messages = append(messages, Message{Key: []byte{byte(i)}, Value: bytes.Repeat([]byte{byte(i)}, i)})
	}
	messages = append(messages, Message{Value: make([]byte, 2*arenaBytes)})
	read, err := readRecords(&messageReader{messages: messages}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range read {
		_, _ = append(r.Key, 'x'), append(r.Value, 'x')
		if m := messages[i]; !reflect.DeepEqual(r.Key, m.Key) || !reflect.DeepEqual(r.Value, m.Value) {
			t.Fatalf("record %d is %q and %q", i, r.Key, r.Value)
		}
	}
}

func TestAKeptRecordKeepsLittleOtherMemory(t *testing.T) {
	t.Parallel()
	var room arena
	if room.makeRoom(100); len(room.free) != 100 {
		t.Errorf("one record takes %d bytes, want 100", len(room.free))
	}
	for range 10_000 {
		if room.makeRoom(100); len(room.free) > arenaBytes {
			t.Fatalf("%d bytes hang together", len(room.free))
		}
		room.free = room.free[100:]
	}
}

func TestMessagesAreSentWithTheirHeaders(t *testing.T) {
	t.Parallel()
	messages, err := encodeClaims([]events.Claim{fullClaim(), eventstest.NewClaim(1), eventstest.NewClose()})
	if err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	batch := protocol.RecordSet{Version: 2, Records: &messageReader{messages: messages}}
	if _, err := batch.WriteTo(&wire); err != nil {
		t.Fatal(err)
	}
	if _, err := batch.ReadFrom(&wire); err != nil {
		t.Fatal(err)
	}
	for i, want := range messages {
		r, err := batch.Records.ReadRecord()
		if err != nil {
			t.Fatal(err)
		}
		var got Message
		got.Key, got.Value, err = new(arena).bodies(r)
		if got.Headers = r.Headers; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("message %d came as %q (%v), want %q", i, got, err, want)
		}
	}
	if r, err := batch.Records.ReadRecord(); !errors.Is(err, io.EOF) {
		t.Errorf("there is %+v more (%v)", r, err)
	}
}
