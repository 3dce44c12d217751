package sale

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Texts are what shoppers of one sale read in each of its states. An empty one says nothing: then the brand's sentence stands there.
type Texts struct {
	Upcoming string `json:"upcoming,omitempty"`
	Active   string `json:"active,omitempty"`
	Paused   string `json:"paused,omitempty"`
	SoldOut  string `json:"sold-out,omitempty"`
	Ended    string `json:"ended,omitempty"`
}

// at is the text of a status; nil for one that has none.
func (t *Texts) at(status Status) *string {
	switch status {
	case Upcoming:
		return &t.Upcoming
	case Active:
		return &t.Active
	case Stopped:
		return &t.Paused
	case SoldOut:
		return &t.SoldOut
	case Ended:
		return &t.Ended
	}
	return nil
}

// Of is the text of a status, empty when there is none. The receiver may be nil.
func (t *Texts) Of(status Status) string {
	if t == nil {
		return ""
	}
	if text := t.at(status); text != nil {
		return *text
	}
	return ""
}

// With is the texts with those of changed in the place of the ones for the same statuses.
func (t Texts) With(changed map[Status]string) Texts {
	for status, text := range changed {
		if at := t.at(status); at != nil {
			*at = text
		}
	}
	return t
}

// Statuses are all that a shopper can be told, in the order in which a sale passes them.
func Statuses() []Status { return []Status{Upcoming, Active, Stopped, SoldOut, Ended} }

// TextField is the name that the text of a status has in the API; empty for a status that has none.
func TextField(status Status) string {
	var field Field
	switch status {
	case Upcoming:
		field = FieldTextUpcoming
	case Active:
		field = FieldTextActive
	case Stopped:
		field = FieldTextPaused
	case SoldOut:
		field = FieldTextSoldOut
	case Ended:
		field = FieldTextEnded
	}
	return string(field)
}

// The most that a product's lists may have: lines, and characters of a line.
const (
	MaxLines     = 30
	MaxLine      = 400
	MaxFactName  = 60
	MaxFactValue = 200
)

// ReadLines are the lines of a text that are not empty, without blanks at their ends. The error says what a list must be.
func ReadLines(written string) ([]string, error) {
	lines := []string{}
	for line := range strings.Lines(written) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) || utf8.RuneCountInString(line) > MaxLine {
			return nil, fmt.Errorf("must be lines of plain text, each of at most %d characters", MaxLine)
		}
		lines = append(lines, line)
	}
	if len(lines) > MaxLines {
		return nil, fmt.Errorf("must have at most %d lines", MaxLines)
	}
	return lines, nil
}

// ReadFacts are the facts of a text that has one a line, "Weight: 248 g". The error says what they must be.
func ReadFacts(written string) ([]Fact, error) {
	lines, err := ReadLines(written)
	if err != nil {
		return nil, err
	}
	facts := make([]Fact, 0, len(lines))
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		f := Fact{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
		if !found || f.Name == "" || f.Value == "" || utf8.RuneCountInString(f.Name) > MaxFactName || utf8.RuneCountInString(f.Value) > MaxFactValue {
			return nil, fmt.Errorf("must be lines like \"Weight: 248 g\", with at most %d characters before the colon and %d behind it", MaxFactName, MaxFactValue)
		}
		facts = append(facts, f)
	}
	return facts, nil
}

// WriteFacts is what ReadFacts reads.
func WriteFacts(facts []Fact) string {
	lines := make([]string, len(facts))
	for i, f := range facts {
		lines[i] = f.Name + ": " + f.Value
	}
	return strings.Join(lines, "\n")
}
