package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	quickjson "github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"flashsale/events"
)

// messageVersion is the form of the messages between processes. A message of a later version is not read; one without a
// version comes from the version before and means the same.
const messageVersion = 1

// mostVerdicts is how many verdicts one message carries at most, some 30 KB: a request that waits for the first one
// does not wait until a thousand have been read.
const mostVerdicts = 100

// message is what a process publishes. Its first two fields come first in its text.
type message struct {
	V    int    `json:"v"`
	From string `json:"from"`
	*events.Decision
}

// Write is the text of a message. A nil decision is one without.
func Write(process string, d *events.Decision) ([]byte, error) {
	return json.Marshal(message{V: messageVersion, From: process, Decision: d})
}

// note is a message that carries a document of its sender's.
type note struct {
	V    int             `json:"v"`
	From string          `json:"from"`
	Note json.RawMessage `json:"note"`
}

func writeNote(process string, text []byte) ([]byte, error) {
	return json.Marshal(note{V: messageVersion, From: process, Note: text})
}

// readNote is the document of a message, nil when it has none that can be read.
func readNote(text []byte) []byte {
	var n note
	if err := json.Unmarshal(text, &n); err != nil || n.V > messageVersion {
		return nil
	}
	return n.Note
}

// signature is how the text of each message of a process begins.
func signature(process string) string {
	text, _ := Write(process, nil) // a number and a string can always be written
	return strings.TrimSuffix(string(text), "}")
}

// split splits a decision into parts, one for each message. Each has the stocks, because an answer shows the sale as it
// was after that verdict's transaction.
func split(d *events.Decision) []*events.Decision {
	if d == nil || len(d.Verdicts) <= mostVerdicts {
		return []*events.Decision{d}
	}
	var all []*events.Decision
	for some := range slices.Chunk(d.Verdicts, mostVerdicts) {
		all = append(all, &events.Decision{Verdicts: some, Stocks: d.Stocks, Closed: d.Closed})
	}
	return all
}

var errImplausible = errors.New("its values are out of range")

// Read is the decision in a message of another process. Every process reads every other's, so it matters that this
// reader takes half the time of encoding/json's.
func Read(text []byte) (events.Decision, error) {
	var m message
	if err := quickjson.Unmarshal(text, &m); err != nil {
		return events.Decision{}, fmt.Errorf("read a message: %w", err)
	}
	if m.V > messageVersion {
		return events.Decision{}, fmt.Errorf("it has version %d, and %d is known here", m.V, messageVersion)
	}
	switch {
	case m.Decision == nil:
		return events.Decision{}, nil
	case !plausible(*m.Decision):
		return events.Decision{}, errImplausible
	default:
		return *m.Decision, nil
	}
}

// plausible is false for a decision that no ledger makes: of a later version, damaged, or not from this program.
// Without such a message nothing is lost, while an attempt out of range is used in every later claim of its shopper.
func plausible(d events.Decision) bool {
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		sound := v.SaleID > 0 && v.Generation > 0 && v.UserID > 0 && v.ClaimID != uuid.Nil &&
			v.Attempt > 0 && v.Attempt < events.MaxAttempt && v.NextAttempt >= 0 && v.NextAttempt <= events.MaxAttempt &&
			(v.Outcome == events.Ordered && v.Unit > 0 || v.Outcome == events.Declined && v.Reason != "")
		if !sound && *v != (events.Verdict{}) { // a close record has the zero Verdict
			return false
		}
	}
	for _, l := range d.Stocks {
		if l.SaleID <= 0 || l.Generation <= 0 || l.Taken < 0 || l.Total < l.Taken {
			return false
		}
	}
	return true
}
