package admin

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
)

// act reads a request for an act: the principal, the key, the revision, and the fields of the body. With known nil the body
// has no fields and is only part of the digest.
func (hs *Handlers) act(c echo.Context, known request.Spec) (operator.Act, request.Values, error) {
	r := c.Request()
	var body []byte
	var err error
	if known.Has(string(sale.FieldDetails)) {
		body, err = request.ReadForm(r)
	} else {
		body, err = request.ReadBody(r, make([]byte, request.MaxBody+1))
	}
	if err != nil {
		return operator.Act{}, nil, err
	}
	desk.KeepForm(c, request.Form(r.Header, body))
	a, body, err := hs.conditioned(c, r.Header, body)
	if err != nil {
		return operator.Act{}, nil, err
	}
	var v request.Values
	if known != nil {
		if v, err = request.DecodeBody(r.Header, body, known); err != nil {
			return operator.Act{}, nil, err
		}
	}
	return a, v, nil
}

// conditioned is the act that a request with these header fields and this body is for. rest is the body without what it says of the key
// and the revision.
func (hs *Handlers) conditioned(c echo.Context, h http.Header, body []byte) (a operator.Act, rest []byte, err error) {
	conditions, rest, err := request.Conditions(h, body)
	if err != nil {
		return a, nil, err
	}
	key, err := request.IdempotencyKey(conditions)
	if err != nil {
		return a, nil, err
	}
	match, err := ifMatch(conditions)
	if err != nil {
		return a, nil, err
	}
	r := c.Request()
	who := hs.cfg.Desk.Principals.Of(r)
	return operator.Act{Account: who.Account(), Network: request.Client(r), Means: who.Means(), Match: match, Waits: request.WantsPage(r), ActKey: audit.ActKey{
		Principal: who.Name(), Key: key, Route: r.Method + " " + c.Path(), Digest: request.Digest(r, rest),
	}}, rest, nil
}

// saleAct is act for a route of a sale.
func (hs *Handlers) saleAct(c echo.Context, known request.Spec) (string, operator.Act, request.Values, error) {
	slug, err := request.Slug(c)
	if err != nil {
		return "", operator.Act{}, nil, err
	}
	a, v, err := hs.act(c, known)
	return slug, a, v, err
}

// ifMatch reads the If-Match field: "*", or a list of entity tags. A weak tag is well formed and matches nothing, as the
// comparison is the strong one.
func ifMatch(h http.Header) (operator.Match, error) {
	lines := h["If-Match"]
	if len(lines) == 0 {
		return operator.Match{}, nil
	}
	m := operator.Match{Sent: strings.TrimSpace(strings.Join(lines, ", "))}
	if m.Sent == "*" {
		m.Any = true
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
			return m, request.BadField("If-Match", `must be * or the revisions of the sale that may be changed, each in quotes, like "7"`)
		}
		if !weak {
			m.Tags = append(m.Tags, tag)
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

// figures is how a sale stood before or after an act.
type figures struct {
	Status     sale.Status     `json:"status"`
	State      sale.State      `json:"state"`
	Total      int64           `json:"total"`
	Sold       int64           `json:"sold"`
	Generation int64           `json:"generation"`
	StartTime  request.Instant `json:"startTime"`
	EndTime    request.Instant `json:"endTime"`
	Revision   int64           `json:"revision"`
	// Message is what shoppers read on the sale's page.
	Message string `json:"message"`
	// How often the button may be pressed.
	AccountPressRate  int64 `json:"accountPressRate"`
	AccountPressBurst int64 `json:"accountPressBurst"`
	NetworkPressRate  int64 `json:"networkPressRate"`
	NetworkPressBurst int64 `json:"networkPressBurst"`
}

func figuresOf(s *sale.Snapshot) figures {
	return figures{
		Status: s.Status(), State: s.State, Total: s.Total, Sold: s.Taken, Generation: s.Generation,
		StartTime: request.Instant(s.StartsAt), EndTime: request.Instant(s.EndsAt), Revision: s.Revision, Message: s.Message,
		AccountPressRate: s.Limit.AccountRate, AccountPressBurst: s.Limit.AccountBurst,
		NetworkPressRate: s.Limit.NetworkRate, NetworkPressBurst: s.Limit.NetworkBurst,
	}
}

// changed is the part that the answers of all acts on a sale share.
type changed struct {
	Slug     string  `json:"slug"`
	Revision int64   `json:"revision"`
	Before   figures `json:"before"`
	After    figures `json:"after"`
}

func changedOf(ch *sale.Change) changed {
	return changed{Slug: ch.After.Slug, Revision: ch.After.Revision, Before: figuresOf(&ch.Before), After: figuresOf(&ch.After)}
}
