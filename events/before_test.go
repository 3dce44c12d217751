package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
)

// testdata/before is what the version before wrote, byte for byte; the readers below are copied from it. When
// .ci/previous is renewed, this version becomes the one before:
//
//	go test -run TestFormsOfTheVersionBefore ./events ./events/claimlog ./events/outbox -forms
//
// on the commit that is named there writes the files anew. The readers below become those of that commit.
var forms = flag.Bool("forms", false, "write the present forms into testdata/before")

func decisionSample() Decision {
	id, at := uuid.MustParse("0190163d-8694-8000-8abc-def000000001"), time.Date(2026, 2, 3, 4, 5, 6, 70_800_000, time.UTC)
	return Decision{
		Verdicts: []Verdict{
			{ClaimID: id, SaleID: 7, Generation: 3, UserID: 9, Username: "anna", Attempt: 2, Outcome: Ordered, Unit: 4, At: at,
				RequestID: uuid.MustParse("66666666-7777-4888-9999-aaaaaaaaaaaa"), Revision: 12, Fresh: true,
				PressedAt: at.Add(-20 * time.Millisecond)},
			{ClaimID: id, SaleID: 7, Generation: 3, UserID: 10, Username: "ben", Attempt: 1, Outcome: Declined, Reason: ReasonSoldOut, At: at, NextAttempt: 2},
			{ClaimID: id, SaleID: 7, Generation: 3, UserID: 11, Username: "cleo", Attempt: 1, Outcome: Declined, Reason: ReasonAlreadyOwns, At: at, OrderID: id},
			{}, // of a close record
		},
		Stocks: []Stock{{SaleID: 7, Generation: 3, Total: 5, Taken: 4, Version: 12}},
		Closed: []int64{7},
	}
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

// What processes of the version before publish is read with the same meaning.
func TestFormsOfTheVersionBeforeAreRead(t *testing.T) {
	if *forms {
		text, err := json.Marshal(decisionSample())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "before", "decision.json"), append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var told Decision
	if err := json.Unmarshal(fromBefore(t, "decision.json"), &told); err != nil || !reflect.DeepEqual(told, decisionSample()) {
		t.Errorf("the decision is read as %+v (%v)", told, err)
	}
}

// What this version publishes is read by the version before with the same meaning.
func TestTheVersionBeforeReadsOurForms(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(decisionSample())
	if err != nil {
		t.Fatal(err)
	}
	var before, ours decisionBefore
	if err := errors.Join(json.Unmarshal(fromBefore(t, "decision.json"), &before), json.Unmarshal(text, &ours)); err != nil || !reflect.DeepEqual(before, ours) {
		t.Errorf("our decision %s is read as %+v (%v)", text, ours, err)
	}
}

// decisionBefore is what the version before reads of a message from another process.
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
		PressedAt   time.Time `json:"pressedAt"`
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
