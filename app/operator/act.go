package operator

import (
	"strconv"

	"flashsale/events/audit"
	"flashsale/sale"
)

// Act is who acts, and what the request says about when it may be carried out. The zero value is an act without conditions.
type Act struct {
	// ActKey has the principal and, when the client gave one, the Idempotency-Key with the digest of the request.
	audit.ActKey
	// Account is the id of the principal's account, zero for a command, which may do what an owner may, and in demo mode.
	Account int64
	// Network is from where the act comes: the address of the client, empty for a command.
	Network string
	// Means is by what: "session", "token NAME", "command" or "demo mode".
	Means string
	// Match is the revisions of the sale that the act may meet.
	Match Match
	// Waits is true when an act that meets its own key under way waits for the answer of that act. Otherwise it is refused with
	// audit.ErrKeyRunning. A form without scripts waits: of two submissions a browser shows the answer to the second.
	Waits bool
}

// signed is what the audit log says, with who acts, from where and by what.
func (a Act) signed(record audit.Entry) audit.Entry {
	record.Actor, record.Network, record.Means = a.Principal, a.Network, a.Means
	return record
}

// Match is an If-Match field. The zero value, without the field, matches every revision.
type Match struct {
	// Sent is the field as the client wrote it.
	Sent string
	// Any is true for "*", Tags are the strong ones of a list.
	Any  bool
	Tags []string
}

// Allows is nil when the sale may stand at that revision, and a *sale.RevisionError when not.
func (m Match) Allows(present int64) error {
	if m.Sent == "" || m.Any {
		return nil
	}
	for _, tag := range m.Tags {
		if tag == strconv.FormatInt(present, 10) {
			return nil
		}
	}
	return &sale.RevisionError{Seen: m.Sent, Present: present}
}
