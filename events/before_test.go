package events

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// testdata/before is what the version before wrote, byte for byte; the readers below are frozen from it. When .ci/previous
// is renewed, this version becomes the one before:
//
//	go test -run TestFormsOfTheVersionBefore -forms ./events
//
// on the commit that is named there writes the files anew. The readers below become those of that commit.
var forms = flag.Bool("forms", false, "write the present forms into testdata/before")

// claimSamples have no version: each version writes them with its own.
func claimSamples() []Claim {
	full := Claim{Kind: KindClaim, ID: uuid.MustParse("0190163d-8694-8000-8abc-def000000001"), SaleID: 7, Generation: 3,
		UserID: 9007199254740993, Username: "anna.müller@example.org", Attempt: 2,
		IdempotencyKey: uuid.MustParse("11111111-2222-5333-8444-555555555555"), RequestID: uuid.MustParse("66666666-7777-4888-9999-aaaaaaaaaaaa"),
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", PressedAt: time.Date(2026, 2, 3, 4, 5, 6, 70_800_000, time.UTC)}
	bare := full
	bare.IdempotencyKey, bare.RequestID, bare.Traceparent = uuid.Nil, uuid.Nil, ""
	escaped := full
	escaped.Username = `a"<b>\n`
	return []Claim{full, bare, escaped, {Kind: KindClose, SaleID: 7, Generation: 3, PressedAt: full.PressedAt}}
}

func messageSamples() []Message {
	return []Message{
		{SaleID: 7, Type: "order.confirmed", Subject: "0190163d-8694-8000-8abc-def000000001", Data: map[string]any{"unit": 4},
			Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{SaleID: 7, Type: "stock.changed", Subject: "flash-sale", Data: map[string]any{"total": 5}},
	}
}

func eventSamples(t *testing.T) []event {
	t.Helper()
	var all []event
	for _, m := range messageSamples() {
		data, err := json.Marshal(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, event{kind: m.Type, subject: m.Subject, traceparent: m.Traceparent, data: data})
	}
	return all
}

func decisionSample() Decision {
	id, at := uuid.MustParse("0190163d-8694-8000-8abc-def000000001"), time.Date(2026, 2, 3, 4, 5, 6, 70_800_000, time.UTC)
	return Decision{
		Verdicts: []Verdict{
			{ClaimID: id, SaleID: 7, Generation: 3, UserID: 9, Username: "anna", Attempt: 2, Outcome: Ordered, Unit: 4, At: at,
				RequestID: uuid.MustParse("66666666-7777-4888-9999-aaaaaaaaaaaa"), Revision: 12, Fresh: true},
			{ClaimID: id, SaleID: 7, Generation: 3, UserID: 10, Username: "ben", Attempt: 1, Outcome: Declined, Reason: ReasonSoldOut, At: at, NextAttempt: 2},
			{ClaimID: id, SaleID: 7, Generation: 3, UserID: 11, Username: "cleo", Attempt: 1, Outcome: Declined, Reason: ReasonAlreadyOwns, At: at, OrderID: id},
			{}, // of a close record
		},
		Stocks: []Stock{{SaleID: 7, Generation: 3, Total: 5, Taken: 4, Version: 12}},
		Closed: []int64{7},
	}
}

func rowSample(t *testing.T) row {
	t.Helper()
	return row{id: 42, saleID: 7, createdAt: time.Date(2026, 2, 3, 4, 5, 6, 70_800_000, time.UTC), events: eventSamples(t)}
}

// presentForms are the files as this version would write them.
func presentForms(t *testing.T) map[string][]byte {
	t.Helper()
	claims, err := encodeClaims(claimSamples())
	if err != nil {
		t.Fatal(err)
	}
	bundles, err := bundle(messageSamples())
	if err != nil {
		t.Fatal(err)
	}
	decision, err := json.Marshal(decisionSample())
	if err != nil {
		t.Fatal(err)
	}
	var lines, headers bytes.Buffer
	for _, m := range claims {
		fmt.Fprintf(&lines, "%s\n", m.value)
	}
	for _, m := range rowSample(t).cloudEvents("/flashsale/test") {
		fmt.Fprintf(&headers, "key: %s\n", m.key)
		for _, h := range m.headers {
			fmt.Fprintf(&headers, "%s: %s\n", h.Key, h.Value)
		}
		fmt.Fprintf(&headers, "\n%s\n\n", m.value)
	}
	return map[string][]byte{"claims.jsonl": lines.Bytes(), "bundle.hex": append(hex.AppendEncode(nil, bundles[0].bytes), '\n'),
		"decision.json": append(decision, '\n'), "cloudevents.txt": headers.Bytes()}
}

// fromBefore is a file without its last line end.
func fromBefore(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "before", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(text, []byte("\n"))
}

// What the version before has written is read as what it meant: claims that wait in the log, bundles that wait in the
// outbox, what its processes tell.
func TestFormsOfTheVersionBeforeAreRead(t *testing.T) {
	if *forms {
		for name, text := range presentForms(t) {
			if err := os.WriteFile(filepath.Join("testdata", "before", name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, line := range bytes.Split(fromBefore(t, "claims.jsonl"), []byte("\n")) {
		r, want := newRecord(0, nil, line), claimSamples()[i]
		want.V = r.claim.V
		if r.undecodable != nil || r.claim != want || want.V < ClaimVersion-1 {
			t.Errorf("claim %s is read as %+v (%v)", line, r.claim, r.undecodable)
		}
	}
	raw, err := hex.DecodeString(string(fromBefore(t, "bundle.hex")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unbundle(raw, len(messageSamples())); err != nil || !reflect.DeepEqual(got, eventSamples(t)) {
		t.Errorf("the bundle is read as %q (%v)", got, err)
	}
	var told Decision
	if err := json.Unmarshal(fromBefore(t, "decision.json"), &told); err != nil || !reflect.DeepEqual(told, decisionSample()) {
		t.Errorf("the decision is read as %+v (%v)", told, err)
	}
}

// What this version writes is read by the version before as what it means.
func TestTheVersionBeforeReadsOurForms(t *testing.T) {
	t.Parallel()
	messages, err := encodeClaims(claimSamples())
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		want := claimSamples()[i]
		want.V = ClaimVersion
		if got, err := claimReadBefore(m.value); err != nil || Claim(got) != want {
			t.Errorf("our claim %s is read as %+v (%v)", m.value, got, err)
		}
	}
	bundles, err := bundle(messageSamples())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := bundleReadBefore(bundles[0].bytes, len(messageSamples())); err != nil || !reflect.DeepEqual(got, eventSamples(t)) {
		t.Errorf("our bundle %x is read as %q (%v)", bundles[0].bytes, got, err)
	}
	text, err := json.Marshal(decisionSample())
	if err != nil {
		t.Fatal(err)
	}
	var before, ours decisionBefore
	if err := errors.Join(json.Unmarshal(fromBefore(t, "decision.json"), &before), json.Unmarshal(text, &ours)); err != nil || !reflect.DeepEqual(before, ours) {
		t.Errorf("our decision %s is read as %+v (%v)", text, ours, err)
	}
}

// A consumer of the events topic finds every attribute that it found before, with the same value. There may be more.
func TestPublishedEventsKeepTheirAttributes(t *testing.T) {
	t.Parallel()
	published := strings.Split(string(fromBefore(t, "cloudevents.txt")), "\n\n")
	for i, m := range rowSample(t).cloudEvents("/flashsale/test") {
		ours := map[string]string{"key": string(m.key)}
		for _, h := range m.headers {
			ours[h.Key] = string(h.Value)
		}
		for line := range strings.Lines(published[2*i] + "\n") {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if ours[name] != value {
				t.Errorf("event %d: %s is %q, it was %q", i, name, ours[name], value)
			}
		}
		if value := strings.TrimSuffix(published[2*i+1], "\n"); string(m.value) != value {
			t.Errorf("event %d: the data is %s, it was %s", i, m.value, value)
		}
	}
}

// claimBefore is the claim as the version before knows it.
type claimBefore struct {
	V              int       `json:"v"`
	Kind           Kind      `json:"kind"`
	ID             uuid.UUID `json:"id"`
	SaleID         int64     `json:"sale"`
	Generation     int64     `json:"generation"`
	UserID         int64     `json:"user,omitempty"`
	Username       string    `json:"username,omitempty"`
	Attempt        int       `json:"attempt,omitempty"`
	IdempotencyKey uuid.UUID `json:"pressKey,omitzero"`
	RequestID      uuid.UUID `json:"press,omitzero"`
	Traceparent    string    `json:"traceparent,omitempty"`
	PressedAt      time.Time `json:"pressedAt"`
}

// claimReadBefore refuses what the version before puts into quarantine.
func claimReadBefore(value []byte) (c claimBefore, err error) {
	if err := json.Unmarshal(value, &c); err != nil {
		return c, err
	}
	switch {
	case len(value) > 16<<10, c.V < 1 || c.V > 2, c.SaleID <= 0 || c.Generation <= 0:
		return c, errors.New("undecodable")
	case c.Kind == "close":
		return c, nil
	case c.Kind != "claim", c.ID == uuid.Nil || c.UserID <= 0, c.Attempt < 1 || c.Attempt > 1_000_000_000:
		return c, errors.New("undecodable")
	}
	return c, nil
}

// bundleReadBefore is how the version before reads a bundle.
func bundleReadBefore(b []byte, count int) (events []event, err error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, errors.New("its version is not 1")
	}
	for b = b[1:]; len(b) > 0; {
		var fields [4][]byte
		for i := range fields {
			length, n := binary.Uvarint(b)
			if n <= 0 || length > uint64(len(b)-n) {
				return nil, errors.New("cut off")
			}
			fields[i], b = b[n:n+int(length)], b[n+int(length):]
		}
		events = append(events, event{string(fields[0]), string(fields[1]), string(fields[2]), fields[3]})
	}
	if len(events) != count {
		return nil, fmt.Errorf("%d events instead of %d", len(events), count)
	}
	return events, nil
}

// decisionBefore is what the version before takes from what another process tells.
type decisionBefore struct {
	Verdicts []struct {
		ClaimID     uuid.UUID `json:"claim"`
		SaleID      int64     `json:"sale"`
		Generation  int64     `json:"generation"`
		UserID      int64     `json:"user"`
		Username    string    `json:"username"`
		Attempt     int       `json:"attempt"`
		Outcome     string    `json:"outcome"`
		Reason      string    `json:"reason"`
		Unit        int64     `json:"unit"`
		At          time.Time `json:"at"`
		RequestID   uuid.UUID `json:"press"`
		Revision    int64     `json:"revision"`
		Fresh       bool      `json:"fresh"`
		NextAttempt int       `json:"nextAttempt"`
		OrderID     uuid.UUID `json:"order"`
	} `json:"verdicts"`
	Stocks []struct {
		SaleID     int64 `json:"sale"`
		Generation int64 `json:"generation"`
		Total      int64 `json:"total"`
		Taken      int64 `json:"taken"`
		Version    int64 `json:"version"`
	} `json:"stocks"`
	Closed []int64 `json:"closed"`
}
