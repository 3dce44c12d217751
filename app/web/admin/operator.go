package admin

import (
	"strconv"
	"strings"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

// Act is who acts, and what the request says about when it may be carried out. The zero value is an act without conditions.
type Act struct {
	// ActKey holds the principal and, when the client gave one, the Idempotency-Key with the digest of the request.
	events.ActKey
	// Match is the revisions of the sale that the act may meet.
	Match Match
}

// Match is an If-Match field. The zero value, without the field, matches every revision.
type Match struct {
	// Sent is the field as the client wrote it.
	Sent string
	// any is true for "*", tags are the strong ones of a list.
	any  bool
	tags []string
}

// Allows is nil when the sale may stand at that revision, and a *sale.RevisionError when not.
func (m Match) Allows(present int64) error {
	if m.Sent == "" || m.any {
		return nil
	}
	for _, tag := range m.tags {
		if tag == strconv.FormatInt(present, 10) {
			return nil
		}
	}
	return &sale.RevisionError{Seen: m.Sent, Present: present}
}

// ParseMatch reads the text of an If-Match field: "*", or a list of entity tags. A weak tag is well formed and matches
// nothing, as the comparison is the strong one. ok is false for a text that is neither.
func ParseMatch(field string) (m Match, ok bool) {
	m.Sent = strings.TrimSpace(field)
	if m.Sent == "*" {
		m.any = true
		return m, true
	}
	rest := m.Sent
	for found := 0; ; {
		// Empty elements of a list mean nothing.
		rest = strings.TrimLeft(rest, ", \t")
		if rest == "" && found > 0 {
			return m, true
		}
		tag, weak, after, ok := entityTag(rest)
		if !ok {
			return m, false
		}
		if !weak {
			m.tags = append(m.tags, tag)
		}
		rest, found = after, found+1
	}
}

// entityTag takes the tag that s begins with.
func entityTag(s string) (tag string, weak bool, after string, ok bool) {
	s, weak = strings.CutPrefix(s, "W/")
	s, quoted := strings.CutPrefix(s, `"`)
	tag, after, closed := strings.Cut(s, `"`)
	ends := strings.TrimLeft(after, " \t")
	ok = quoted && closed && (ends == "" || ends[0] == ',')
	for i := range len(tag) {
		ok = ok && tag[i] > ' ' && tag[i] != 0x7f
	}
	return tag, weak, after, ok
}

// Cancellation is an order that was taken back, and what that changed. Of an order that had been cancelled before nothing has
// changed.
type Cancellation struct {
	sale.Change
	Order sale.Order
}

// Check is one invariant as Verify found it.
type Check struct {
	// ID is the invariant's, such as "I1".
	ID    string `json:"id"`
	Title string `json:"title"`
	// State is "ok", "broken", or "unknown" when it cannot be checked from here.
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// Dependency is a server this program needs, as the last probe found it.
type Dependency struct {
	Name     string
	Address  string
	Version  string
	OK       bool
	Since    time.Time
	Embedded bool
	Detail   string
}
