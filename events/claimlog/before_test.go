package claimlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// testdata/before is what the version before wrote, byte for byte; the readers below are copied from it. When
// .ci/previous is renewed, this version becomes the one before:
//
//	go test -run TestFormsOfTheVersionBefore ./events ./events/claimlog ./events/outbox -forms
//
// on the commit that is named there writes the files anew. The readers below become those of that commit.
var forms = flag.Bool("forms", false, "write the present forms into testdata/before")

// claimSamples have no version: each version writes them with its own. Fields that the version before does not have are left out.
func claimSamples() []events.Claim {
	full := events.Claim{Kind: events.KindClaim, ID: uuid.MustParse("0190163d-8694-8000-8abc-def000000001"), SaleID: 7, Generation: 3,
		Ledger: uuid.MustParse("bbbbbbbb-cccc-4ddd-8eee-ffffffffffff"),
		UserID: 9007199254740993, Username: "anna.müller@example.org", Attempt: 2,
		IdempotencyKey: uuid.MustParse("11111111-2222-5333-8444-555555555555"), RequestID: uuid.MustParse("66666666-7777-4888-9999-aaaaaaaaaaaa"),
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", PressedAt: time.Date(2026, 2, 3, 4, 5, 6, 70_800_000, time.UTC)}
	bare := full
	bare.Ledger, bare.IdempotencyKey, bare.RequestID, bare.Traceparent = uuid.Nil, uuid.Nil, uuid.Nil, ""
	escaped := full
	escaped.Username = `a"<b>\n`
	beside := full
	beside.Beside = true
	return []events.Claim{full, bare, escaped, beside, {Kind: events.KindClose, SaleID: 7, Generation: 3, PressedAt: full.PressedAt, Closing: 5}}
}

// presentForms are the files as this version writes them.
func presentForms(t *testing.T) map[string][]byte {
	t.Helper()
	claims, err := encodeClaims(claimSamples())
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for _, m := range claims {
		fmt.Fprintf(&lines, "%s\n", m.Value)
	}
	return map[string][]byte{"claims.jsonl": lines.Bytes()}
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

// Claims of the version before that wait in the log are read with the same meaning.
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
		want.V = r.Claim.V
		if r.Undecodable != nil || r.Claim != want || want.V < events.ClaimVersion-1 {
			t.Errorf("claim %s is read as %+v (%v)", line, r.Claim, r.Undecodable)
		}
	}
}

// What this version writes is read by the version before with the same meaning.
func TestTheVersionBeforeReadsOurForms(t *testing.T) {
	t.Parallel()
	messages, err := encodeClaims(claimSamples())
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		want := claimSamples()[i]
		want.V = events.ClaimVersion
		if got, err := claimReadBefore(m.Value); err != nil || got != before(want) {
			t.Errorf("our claim %s is read as %+v (%v)", m.Value, got, err)
		}
	}
}

// claimBefore is the claim as the version before knows it.
type claimBefore struct {
	V              int         `json:"v"`
	Kind           events.Kind `json:"kind"`
	ID             uuid.UUID   `json:"id"`
	SaleID         int64       `json:"sale"`
	Generation     int64       `json:"generation"`
	Ledger         uuid.UUID   `json:"ledger,omitzero"`
	UserID         int64       `json:"user,omitempty"`
	Username       string      `json:"username,omitempty"`
	Attempt        int         `json:"attempt,omitempty"`
	IdempotencyKey uuid.UUID   `json:"pressKey,omitzero"`
	RequestID      uuid.UUID   `json:"press,omitzero"`
	Traceparent    string      `json:"traceparent,omitempty"`
	PressedAt      time.Time   `json:"pressedAt"`
	Closing        int64       `json:"closing,omitempty"`
	Beside         bool        `json:"beside,omitempty"`
}

// before is the claim without what the version before does not know.
func before(c events.Claim) claimBefore {
	return claimBefore{
		V: c.V, Kind: c.Kind, ID: c.ID, SaleID: c.SaleID, Generation: c.Generation, Ledger: c.Ledger, UserID: c.UserID, Username: c.Username,
		Attempt: c.Attempt, IdempotencyKey: c.IdempotencyKey, RequestID: c.RequestID, Traceparent: c.Traceparent, PressedAt: c.PressedAt, Closing: c.Closing, Beside: c.Beside,
	}
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
