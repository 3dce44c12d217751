package lists

import (
	"encoding/binary"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/events/audit"
)

// auditDocument is an act, or a refused one: who, from where, by what, what, on what, and the rest as the act wrote it down.
type auditDocument struct {
	ID      int64           `json:"id"`
	At      request.Instant `json:"at"`
	Actor   string          `json:"actor"`
	Network string          `json:"network,omitzero"`
	Means   string          `json:"means,omitzero"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Detail  jsontext.Value  `json:"detail"`
}

func auditOf(r *audit.Recorded) auditDocument {
	return auditDocument{r.ID, request.Instant(r.At), r.Actor, r.Network, r.Means, r.Action, r.Subject, jsontext.Value(r.Detail)}
}

func auditDocuments(entries []audit.Recorded) []auditDocument {
	all := make([]auditDocument, 0, len(entries))
	for i := range entries {
		all = append(all, auditOf(&entries[i]))
	}
	return all
}

type auditListDocument struct {
	Acts  []auditDocument `json:"acts"`
	AgeMS int64           `json:"ageMs,omitzero"`
	Pages pageLinks       `json:"pages"`
}

// Audit lists the acts of operators, refused ones too, the newest first.
func (hs *Handlers) Audit(c echo.Context) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	page, err := auditPage(c)
	if err != nil {
		return err
	}
	ctx, by := hs.reading(c)
	found, err := hs.cfg.Desk.AuditPage(ctx, f, page)
	if err != nil {
		return err
	}
	d := auditListDocument{AgeMS: by.Age().Milliseconds(), Acts: auditDocuments(found.Entries), Pages: auditLinks(c, &found)}
	d.Pages.set(c)
	return request.WriteJSON(c, http.StatusOK, d)
}

// auditLinks lead to the other pages of the list.
func auditLinks(c echo.Context, found *audit.Page) pageLinks {
	n := len(found.Entries)
	if n == 0 {
		return pageLinks{}
	}
	return linksOf(c, auditCursor, auditPlace(&found.Entries[0]), auditPlace(&found.Entries[n-1]), found.Newer, found.Older)
}

func auditPlace(r *audit.Recorded) cursor {
	return cursor{number: r.At.UnixMicro(), text: string(binary.BigEndian.AppendUint64(nil, uint64(r.ID)))}
}

// auditFilter reads which acts a request means.
func auditFilter(c echo.Context) (f audit.Filter, err error) {
	if f, err = auditTexts(c); err == nil {
		f.From, f.Until, err = queryTimes(c)
	}
	return f, err
}

// auditTexts is auditFilter without the times.
func auditTexts(c echo.Context) (f audit.Filter, err error) {
	for name, into := range map[string]*string{"who": &f.Actor, "what": &f.Action, "subject": &f.Subject, "sale": &f.Sale} {
		if *into, err = queryText(c, name); err != nil {
			return f, err
		}
	}
	refused, err := queryOne(c, "refused", "must be 1, or absent", "1", "0")
	if refused == "1" {
		f.Action = audit.Refused
	}
	return f, err
}

func auditPage(c echo.Context) (p audit.PageRequest, err error) {
	if p.Limit, err = queryListSize(c); err != nil {
		return p, err
	}
	at, err := cursorOf(c, auditCursor)
	if err != nil {
		return p, err
	}
	p.Back = at.back
	if at.number == 0 && at.text == "" {
		return p, nil
	}
	p.Beside.At = time.UnixMicro(at.number).UTC()
	if len(at.text) != 8 || p.Beside.At.Year() > 9998 {
		return p, badCursor()
	}
	p.Beside.ID = int64(binary.BigEndian.Uint64([]byte(at.text)))
	return p, nil
}
