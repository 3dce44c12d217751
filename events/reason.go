package events

import "slices"

// Reason is why a purchase was refused. The words are part of the wire: of verdicts and declines, of problem types and of
// metrics. A new one is added here, to Reasons, and wherever a test then fails: status, texts and page of app/web.
type Reason string

// The reasons of a refusal.
const (
	ReasonSoldOut           Reason = "sold-out"
	ReasonNotStarted        Reason = "not-started"
	ReasonEnded             Reason = "ended"
	ReasonPaused            Reason = "paused"
	ReasonGenerationChanged Reason = "generation-changed"
	// ReasonAlreadyOwns: the shopper has a live order, Verdict.OrderID.
	ReasonAlreadyOwns Reason = "already-owns"
	// ReasonUndecidable: the ledger could not apply the claim.
	ReasonUndecidable Reason = "undecidable"
	// ReasonAllClaimed: every place is taken, though not every claim is decided. It refuses presses; no verdict has it.
	ReasonAllClaimed Reason = "all-claimed"
	// ReasonOther: the ledger declined for a reason that only a newer version knows. Nobody writes it.
	ReasonOther Reason = "other"
)

// Reasons lists them all.
func Reasons() []Reason { return slices.Clone(reasons[:]) }

var reasons = [...]Reason{ //nolint:gochecknoglobals // never changed; made once, as it is read with each verdict
	ReasonSoldOut, ReasonNotStarted, ReasonEnded, ReasonPaused, ReasonGenerationChanged, ReasonAlreadyOwns, ReasonUndecidable,
	ReasonAllClaimed, ReasonOther,
}

// ParseReason reads a reason that another process wrote, which may be of a newer version: a word that this one does not
// know is ReasonOther. The code after it meets known reasons only. "" is none.
func ParseReason(word string) Reason {
	r := Reason(word)
	if r == "" || slices.Contains(reasons[:], r) {
		return r
	}
	return ReasonOther
}

// UnmarshalText is ParseReason for JSON.
func (r *Reason) UnmarshalText(word []byte) error {
	*r = ParseReason(string(word))
	return nil
}
