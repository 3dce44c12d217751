package web

import (
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/events/audit"
	"flashsale/sale"
)

// Act is who acts, and what the request says about when it may be carried out. The zero value is an act without conditions.
type Act struct {
	// ActKey holds the principal and, when the client gave one, the Idempotency-Key with the digest of the request.
	audit.ActKey
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
		if tag == itoa64(present) {
			return nil
		}
	}
	return &sale.RevisionError{Seen: m.Sent, Present: present}
}

// act reads what a request to act says: who, under which key, on which revision; and the fields of its body. Without known
// fields the body means nothing.
func (s *Server) act(c echo.Context, known spec) (Act, values, error) {
	r := c.Request()
	key, err := idempotencyKey(r)
	if err != nil {
		return Act{}, nil, err
	}
	match, err := ifMatch(r.Header)
	if err != nil {
		return Act{}, nil, err
	}
	body, err := readBody(r, make([]byte, maxBody+1))
	if err != nil {
		return Act{}, nil, err
	}
	var v values
	if known != nil {
		if v, err = decodeBody(r.Header, body, known); err != nil {
			return Act{}, nil, err
		}
	}
	return Act{Match: match, ActKey: audit.ActKey{
		Principal: s.who(r).principal(), Key: key, Route: r.Method + " " + c.Path(), Digest: digest(r, body),
	}}, v, nil
}

// saleAct is act for a route that names a sale, or means the current one.
func (s *Server) saleAct(c echo.Context, known spec) (string, Act, values, error) {
	slug, err := slug(c)
	if err != nil {
		return "", Act{}, nil, err
	}
	a, v, err := s.act(c, known)
	return slug, a, v, err
}

// digest tells one request from another under the same key.
func digest(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body)} {
		h.Write(appendInt(nil, int64(len(part))))
		h.Write([]byte{' '})
		h.Write([]byte(part))
	}
	return [32]byte(h.Sum(nil))
}

// ifMatch reads the If-Match field: "*", or a list of entity tags. A weak tag is well formed and matches nothing, as the
// comparison is the strong one.
func ifMatch(h http.Header) (Match, error) {
	lines := h["If-Match"]
	if len(lines) == 0 {
		return Match{}, nil
	}
	m := Match{Sent: strings.TrimSpace(strings.Join(lines, ", "))}
	if m.Sent == "*" {
		m.any = true
		return m, nil
	}
	rest := m.Sent
	for found := 0; ; {
		// Empty elements of a list mean nothing.
		rest = strings.TrimLeft(rest, ", \t")
		if rest == "" && found > 0 {
			return m, nil
		}
		tag, weak, after, ok := entityTag(rest)
		if !ok {
			return m, badField("If-Match", `must be * or the revisions of the sale that may be changed, each in quotes, like "7"`)
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

// setRevision tells at which revision a sale stands, for the If-Match of the next act.
func setRevision(h http.Header, revision int64) { h.Set("ETag", `"`+itoa64(revision)+`"`) }

// figures is how a sale stood before or after an act.
type figures struct {
	Status     sale.Status `json:"status"`
	State      sale.State  `json:"state"`
	Total      int64       `json:"total"`
	Sold       int64       `json:"sold"`
	Generation int64       `json:"generation"`
	StartTime  instant     `json:"startTime"`
	EndTime    instant     `json:"endTime"`
	Revision   int64       `json:"revision"`
}

func figuresOf(s *sale.Snapshot) figures {
	return figures{
		Status: s.Status(), State: s.State, Total: s.Total, Sold: s.Taken, Generation: s.Generation,
		StartTime: instant(s.StartsAt), EndTime: instant(s.EndsAt), Revision: s.Revision,
	}
}

// changed is what the answer of every act on a sale holds beside its own fields.
type changed struct {
	Slug     string  `json:"slug"`
	Revision int64   `json:"revision"`
	Before   figures `json:"before"`
	After    figures `json:"after"`
}

func changedOf(ch *sale.Change) changed {
	return changed{Slug: ch.After.Slug, Revision: ch.After.Revision, Before: figuresOf(&ch.Before), After: figuresOf(&ch.After)}
}
