package events

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func bodiesOf(t *testing.T, c Claim) (message, record) {
	t.Helper()
	messages, err := encodeClaims([]Claim{c})
	if err != nil {
		t.Fatal(err)
	}
	return messages[0], newRecord(3, messages[0].key, messages[0].value)
}

func TestClaimSurvivesTheLog(t *testing.T) {
	t.Parallel()
	claim := newClaim(12)
	claim.PressKey, claim.Press, claim.Traceparent = uuid.New(), uuid.New(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	m, r := bodiesOf(t, claim)
	if r.undecodable != nil || !reflect.DeepEqual(r.claim, claim) {
		t.Errorf("got %+v (%v), want %+v", r.claim, r.undecodable, claim)
	}
	if string(m.key) != claim.ID.String() {
		t.Errorf("the key is %q, want the claim's id", m.key)
	}
	headers := make(map[string]string)
	for _, h := range m.headers {
		headers[h.Key] = string(h.Value)
	}
	if headers["v"] != "1" || headers["traceparent"] != claim.Traceparent {
		t.Errorf("headers are %v", headers)
	}
}

func TestClaimWithoutAVersionIsWrittenWithOurs(t *testing.T) {
	t.Parallel()
	claim := newClaim(1)
	claim.V = 0
	if _, r := bodiesOf(t, claim); r.claim.V != ClaimVersion || r.undecodable != nil {
		t.Errorf("read version %d (%v)", r.claim.V, r.undecodable)
	}
}

func TestOnlyWhatIsUnderstoodIsDecided(t *testing.T) {
	t.Parallel()
	const id = `"id":"0190163d-8694-8000-8000-000000000001"`
	cases := []struct {
		name, value string
		readable    bool
	}{
		{"a claim", `{"v":1,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1}`, true},
		{"of the next version, with a new field", `{"v":2,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1,"color":"red"}`, true},
		{"of a version after that", `{"v":3,"kind":"claim",` + id + `,"sale":1,"generation":1,"user":2,"attempt":1}`, false},
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
		{"with a crooked id", `{"v":1,"kind":"claim","id":"x","sale":1,"generation":1,"user":2,"attempt":1}`, false},
		{"cut off", `{"v":1,"kind":"cl`, false},
		{"empty", ``, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if r := newRecord(0, nil, []byte(c.value)); (r.undecodable == nil) != c.readable {
				t.Errorf("readable is %v, want %v (%v)", r.undecodable == nil, c.readable, r.undecodable)
			}
		})
	}
}

func TestFingerprintKnowsARecordAgain(t *testing.T) {
	t.Parallel()
	original := newRecord(4, []byte("ab"), []byte("cd"))
	if !bytes.Equal(original.fingerprint(), newRecord(4, []byte("ab"), []byte("cd")).fingerprint()) {
		t.Error("the same record has two fingerprints")
	}
	for name, other := range map[string]record{
		"another offset": newRecord(5, []byte("ab"), []byte("cd")),
		"another key":    newRecord(4, []byte("xb"), []byte("cd")),
		"another value":  newRecord(4, []byte("ab"), []byte("cx")),
		"shifted bytes":  newRecord(4, []byte("abc"), []byte("d")),
	} {
		if bytes.Equal(original.fingerprint(), other.fingerprint()) {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
}

func TestRecordsCanBeReadTwice(t *testing.T) {
	t.Parallel()
	messages := []message{{key: []byte("k"), value: []byte("v")}}
	for range 2 {
		value, err := io.ReadAll(records(messages)[0].Value)
		if err != nil || string(value) != "v" {
			t.Errorf("read %q (%v)", value, err)
		}
	}
}

func TestErrorTextFitsATextColumn(t *testing.T) {
	t.Parallel()
	if got := printable("a\x00b\xffc"); got != "a?b?c" {
		t.Errorf("got %q", got)
	}
	if long := strings.Repeat("x", 1000); printable(long) != long {
		t.Error("a clean text was changed")
	}
}
