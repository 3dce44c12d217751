package sale

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

// messageVersion is the form of the messages between processes. One of a later version is left to the next read, one
// without a version is of the version before and means the same.
const messageVersion = 1

// mostVerdicts is how many verdicts one message carries at most, some 30 KB: whoever waits for the first one does not wait
// until a thousand have been read.
const mostVerdicts = 100

// message is what a process tells the others. Its first two fields come first in its text.
type message struct {
	V    int    `json:"v"`
	From string `json:"from"`
	*events.Decision
}

// signature is how the text of each message of a process begins.
func signature(process string) string {
	text, _ := json.Marshal(message{V: messageVersion, From: process}) // a number and a string can always be written
	return strings.TrimSuffix(string(text), "}")
}

// split splits a decision into what single messages carry. Each has the stocks, because an answer shows the sale as its
// own verdict left it.
func split(d events.Decision) []*events.Decision {
	if len(d.Verdicts) <= mostVerdicts {
		return []*events.Decision{&d}
	}
	var all []*events.Decision
	for some := range slices.Chunk(d.Verdicts, mostVerdicts) {
		all = append(all, &events.Decision{Verdicts: some, Stocks: d.Stocks, Closed: d.Closed})
	}
	return all
}

var errImplausible = errors.New("it says what no ledger does")

// readDecision is the decision in a message of another process. Every process reads every other's, so it matters that this
// reader takes half the time of encoding/json's.
func readDecision(text []byte) (events.Decision, error) {
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

// plausible is false for a decision that no ledger makes: of a version to come, torn, or not one of ours. Nothing is
// lost by passing it over, while an attempt out of range would follow its shopper into every claim.
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
