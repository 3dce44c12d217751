package lists

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	views "flashsale/views/admin"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// AuditPage lists the acts of operators as a page. A filter that cannot be one is shown with what is wrong.
func (hs *Handlers) AuditPage(c echo.Context) error {
	ctx := desk.Speaking(c.Request())
	page := views.AuditPage{Desk: hs.cfg.Frame.Page(c, desk.Audit, text.Say(ctx, "Audit"))}
	asked, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return request.BadField("query", "must be correctly encoded name=value pairs, separated by &")
	}
	filterInputs(ctx, &page, asked)
	f, wrong, err := pageFilter(c)
	if err != nil {
		return err
	}
	for i := range page.Filters {
		if page.Filters[i].Name == wrong {
			page.Filters[i].Error, page.Wrong = filterComplaint(ctx, wrong), true
		}
	}
	if page.Wrong {
		return hs.cfg.Frame.Send(c, http.StatusUnprocessableEntity, views.AuditLogPage(page))
	}
	at, err := auditPage(c)
	if err != nil {
		return err
	}
	reading, by := hs.reading(c)
	found, err := hs.cfg.Desk.AuditPage(reading, f, at)
	if err != nil {
		return err
	}
	for i := range found.Entries {
		page.Lines = append(page.Lines, desk.AuditLine(ctx, &found.Entries[i], time.UTC, hs.currency))
	}
	page.Pages = views.Neighbours(auditLinks(c, &found))
	page.AsOf = asOf(ctx, by)
	page.Filtered, page.Export, page.Kept = f != audit.Filter{}, page.MayAct, keptFilters(&f)
	return hs.cfg.Frame.Send(c, http.StatusOK, views.AuditLogPage(page))
}

// filterInputs are the fields of the page's filters, with what was typed.
func filterInputs(ctx context.Context, page *views.AuditPage, asked url.Values) {
	page.Filters = []views.Input{
		{Name: "who", Label: text.Say(ctx, "Who"), Type: "text", MaxLength: "200", Optional: true},
		{Name: "sale", Label: text.Say(ctx, "Sale"), Type: "text", MaxLength: "63", Optional: true},
		{Name: "subject", Label: text.Say(ctx, "Shopper, or id of an order"), Type: "text", MaxLength: "254", Optional: true},
		{Name: "from", Label: text.Say(ctx, "From (UTC)"), Type: "datetime-local", Optional: true},
		{Name: "to", Label: text.Say(ctx, "Until (UTC)"), Type: "datetime-local", Optional: true},
	}
	for i := range page.Filters {
		page.Filters[i].Value = asked.Get(page.Filters[i].Name)
	}
	page.Refused = asked.Get("refused") != ""
	what, names := asked.Get("what"), desk.ActNames()
	page.Acts = views.Choice{Name: "what", Label: text.Say(ctx, "Act"), Options: []views.Option{{Label: text.Say(ctx, "All")}}}
	if what != "" && !slices.Contains(names, what) {
		names = append(names, what)
	}
	for _, name := range names {
		label := desk.ActName(ctx, name)
		if label != name {
			label += " (" + name + ")"
		}
		page.Acts.Options = append(page.Acts.Options, views.Option{Value: name, Label: label, Chosen: name == what})
	}
}

// pageFilter is auditFilter for the fields of a page, whose times have no zone: they are in UTC. wrong is the field that cannot be read.
func pageFilter(c echo.Context) (f audit.Filter, wrong string, err error) {
	f, err = auditTexts(c)
	for name, into := range map[string]*time.Time{"from": &f.From, "to": &f.Until} {
		if err == nil {
			*into, err = queryMoment(c, name)
		}
	}
	var bad *request.ProblemError
	if errors.As(err, &bad) && len(bad.Problem.Errors) > 0 && slices.Contains([]string{"who", "sale", "subject", "from", "to"}, bad.Problem.Errors[0].Field) {
		return f, bad.Problem.Errors[0].Field, nil
	}
	return f, "", err
}

// queryMoment is queryTime for a time that may be written without a zone, as forms do: then it is in UTC.
func queryMoment(c echo.Context, name string) (time.Time, error) {
	written, _, err := request.QueryValue(c, name)
	if err != nil {
		return time.Time{}, err
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999"} {
		if t, err := time.Parse(layout, written); err == nil && t.Year() > 1970 && t.Year() < 9999 {
			return t, nil
		}
	}
	return queryTime(c, name)
}

func filterComplaint(ctx context.Context, field string) string {
	if field == "from" || field == "to" {
		return text.Say(ctx, "This is a time like 2026-11-27T10:00, in UTC.")
	}
	return text.Say(ctx, "This is plain text of at most 200 characters, given once.")
}

// keptFilters are what the filters mean, for the form that exports.
func keptFilters(f *audit.Filter) (kept []views.Hidden) {
	for _, one := range []views.Hidden{
		{Name: "who", Value: f.Actor}, {Name: "what", Value: f.Action}, {Name: "subject", Value: f.Subject}, {Name: "sale", Value: f.Sale},
		{Name: "from", Value: string(appendTime(nil, f.From))}, {Name: "to", Value: string(appendTime(nil, f.Until))},
	} {
		if one.Value != "" {
			kept = append(kept, one)
		}
	}
	return kept
}

// EntryPage is one act, with everything that the log says of it.
func (hs *Handlers) EntryPage(c echo.Context) error {
	written := request.Param(c, "id")
	id, err := strconv.ParseInt(written, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != written {
		return request.ErrNotFound
	}
	reading, _ := hs.reading(c) // an entry never changes
	r, err := hs.cfg.Desk.AuditEntry(reading, id)
	if errors.Is(err, audit.ErrNoEntry) {
		return request.ErrNotFound
	}
	if err != nil {
		return err
	}
	ctx := desk.Speaking(c.Request())
	page := views.Entry{AuditLine: desk.AuditLine(ctx, &r, time.UTC, hs.currency), Record: record(&r), Back: layout.Link{Label: text.Say(ctx, "Back to the audit log"), Path: desk.Audit}}
	page.Desk = hs.cfg.Frame.Page(c, desk.Audit, page.What)
	return hs.cfg.Frame.Send(c, http.StatusOK, views.EntryPage(page))
}

// currency is the one in which a sale is sold now.
func (hs *Handlers) currency(slug string) string {
	s, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil || slug == "" || s.Product == nil {
		return ""
	}
	return s.Product.CurrencyCode
}

// record is an entry as programs are given it, over several lines.
func record(r *audit.Recorded) string {
	var out bytes.Buffer
	detail := r.Detail
	if json.Indent(&out, detail, "", "  ") == nil {
		detail = out.Bytes()
	}
	return r.Action + " " + r.Subject + "\n" + string(detail)
}
