package proof

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// mostReports is how many reports are listed.
const mostReports = 20

// Page shows what is known now, the button that checks everything, and the last reports. It checks nothing itself.
func (hs *Handlers) Page(c echo.Context) error {
	ctx := desk.Speaking(c.Request())
	page := views.Proof{Desk: hs.cfg.Frame.Page(c, desk.Proof, text.Say(ctx, "Proof")), Key: rand.Text(), Live: hs.live(ctx), LivePath: api + "/live", Action: api}
	list, err := hs.cfg.Prover.Reports(ctx, mostReports)
	if err != nil {
		page.Problem = text.Say(ctx, "The kept reports cannot be read now: the database does not answer.")
	}
	for i := range list {
		page.Reports = append(page.Reports, lineOf(ctx, &list[i]))
	}
	return hs.cfg.Frame.Send(c, http.StatusOK, views.ProofPage(page))
}

func reportPath(id uuid.UUID) string { return desk.Proof + "/" + id.String() }

func momentOf(t time.Time) views.Moment {
	return views.Moment{Text: t.UTC().Format("2006-01-02 15:04:05 MST"), ISO: t.UTC().Format(request.InstantLayout)}
}

func lineOf(ctx context.Context, r *operator.Report) views.ReportLine {
	line := views.ReportLine{At: momentOf(r.Began), Path: reportPath(r.ID), By: r.By, OK: r.OK, Took: took(ctx, r)}
	for _, check := range r.Checks {
		switch check.State {
		case operator.OK:
			line.Held++
		case operator.Broken:
			line.Broken++
		default:
			line.Open++
		}
	}
	return line
}

func took(ctx context.Context, r *operator.Report) string {
	return text.Say(ctx, "%.1f s", float64(r.TookMillis)/1000)
}

// Prove checks everything and keeps the report. A browser is led to it.
func (hs *Handlers) Prove(c echo.Context) error {
	a, err := hs.act(c)
	if err != nil {
		return err
	}
	r, err := hs.cfg.Prover.Prove(c.Request().Context(), a, hs.cfg.ProcessID, hs.cfg.Version)
	if err != nil {
		return err
	}
	if request.WantsPage(c.Request()) {
		return c.Redirect(http.StatusSeeOther, reportPath(r.ID))
	}
	c.Response().Header().Set("Location", api+"/"+r.ID.String())
	return request.WriteJSON(c, http.StatusCreated, r)
}

// act is who asks for a check, under which key.
func (hs *Handlers) act(c echo.Context) (operator.Act, error) {
	r := c.Request()
	body, err := request.ReadBody(r, make([]byte, request.MaxBody+1))
	if err != nil {
		return operator.Act{}, err
	}
	conditions, body, err := request.Conditions(r.Header, body)
	if err != nil {
		return operator.Act{}, err
	}
	key, err := request.IdempotencyKey(conditions)
	if err != nil {
		return operator.Act{}, err
	}
	who := hs.cfg.Frame.Principals.Of(r)
	return operator.Act{Account: who.Account(), Network: request.Client(r), Means: who.Means(), Waits: request.WantsPage(r), ActKey: audit.ActKey{
		Principal: who.Name(), Key: key, Route: r.Method + " " + c.Path(), Digest: request.Digest(r, body),
	}}, nil
}

type reportsDocument struct {
	// Reports are the last ones, the newest first.
	Reports []operator.Report `json:"reports"`
}

// Reports lists the last reports.
func (hs *Handlers) Reports(c echo.Context) error {
	list, err := hs.cfg.Prover.Reports(c.Request().Context(), mostReports)
	if err != nil {
		return err
	}
	return request.WriteJSON(c, http.StatusOK, reportsDocument{append([]operator.Report{}, list...)})
}

// find is the report that the path names.
func (hs *Handlers) find(c echo.Context) (operator.Report, error) {
	id, err := uuid.Parse(request.Param(c, "id"))
	if err != nil {
		return operator.Report{}, request.ErrNotFound
	}
	r, err := hs.cfg.Prover.Report(c.Request().Context(), id)
	if errors.Is(err, operator.ErrNoReport) {
		return r, request.ErrNotFound
	}
	return r, err
}

// Report is a report as a file: JSON, or plain text when the query says as=text.
func (hs *Handlers) Report(c echo.Context) error {
	as, given, err := request.QueryValue(c, "as")
	if err != nil {
		return err
	}
	if given && as != "text" && as != "json" {
		return request.BadField("as", "must be json or text")
	}
	r, err := hs.find(c)
	if err != nil {
		return err
	}
	name := "proof-" + r.Began.UTC().Format("20060102-150405")
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "private, no-store")
	if as != "text" {
		h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`.json"`)
		return request.WriteJSON(c, http.StatusOK, r)
	}
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`.txt"`)
	return c.Blob(http.StatusOK, "text/plain; charset=utf-8", []byte(plain(&r)))
}

// ReportPage is a report for people, on a page that prints well.
func (hs *Handlers) ReportPage(c echo.Context) error {
	r, err := hs.find(c)
	if err != nil {
		return err
	}
	ctx := desk.Speaking(c.Request())
	page := views.Report{
		Desk: hs.cfg.Frame.Page(c, desk.Proof, text.Say(ctx, "Report of %s", momentOf(r.Began).Text)), Line: lineOf(ctx, &r), ID: r.ID.String(),
		Process: r.Process, Version: r.Version, Download: api + "/" + r.ID.String(), EndedGenerations: r.EndedGenerations, EndedOrders: r.EndedOrders,
	}
	words := map[string]string{}
	for _, one := range promises(ctx) {
		words[one.ID] = one.Title
	}
	for _, check := range r.Checks {
		one := views.Promise{ID: check.ID, Title: words[check.ID], State: check.State, Detail: detail(ctx, &check)}
		if one.Title == "" {
			one.Title = check.Title // of another version of the program
		}
		page.Checks = append(page.Checks, one)
	}
	for _, s := range r.Sales {
		page.Sales = append(page.Sales, views.ProvedSale(s))
	}
	return hs.cfg.Frame.Send(c, http.StatusOK, views.ReportPage(page))
}

// detail is what a check says, in the language of ctx. A report of a version before has it in English alone.
func detail(ctx context.Context, check *operator.Check) string {
	written, err := json.Marshal(check.Said)
	if err != nil || len(check.Said) == 0 {
		return check.Detail
	}
	var all any
	in := json.NewDecoder(bytes.NewReader(written)) // as a report that was kept is read
	in.UseNumber()
	if in.Decode(&all) != nil {
		return check.Detail
	}
	said, _ := told(ctx, all).(string)
	return said
}

// told is what is put into a sentence, in the language of ctx: sentences are said, numbers are those that a format takes.
func told(ctx context.Context, value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = fmt.Sprint(told(ctx, one))
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		key, _ := v["key"].(string)
		given, _ := v["args"].([]any)
		args := make([]any, len(given))
		for i, one := range given {
			args[i] = told(ctx, one)
		}
		return text.Say(ctx, key, args...)
	}
	return value
}

// plain is a report as a text file. It is in English, as the document is.
func plain(r *operator.Report) string {
	var b strings.Builder
	verdict := "no invariant is broken"
	if !r.OK {
		verdict = "AN INVARIANT IS BROKEN"
	}
	fmt.Fprintf(&b, "Report %s\n%s\n\nbegan    %s\ntook     %d ms\nby       %s\nprocess  %s\nprogram  %s\n\n", r.ID, verdict, r.Began.UTC().Format(time.RFC3339Nano), r.TookMillis, r.By, r.Process, r.Version)
	for _, check := range r.Checks {
		fmt.Fprintf(&b, "%-3s %-8s %s\n", check.ID, check.State, check.Title)
		if check.Detail != "" {
			fmt.Fprintf(&b, "             %s\n", check.Detail)
		}
	}
	fmt.Fprintf(&b, "\n%d earlier generations have %d live orders.\n\n", r.EndedGenerations, r.EndedOrders)
	for _, s := range r.Sales {
		fmt.Fprintf(&b, "%s, generation %d: %d of %d units taken; %d live orders of %d shoppers on %d units\n", s.Slug, s.Generation, s.Taken, s.Total, s.Orders, s.Shoppers, s.Units)
	}
	return b.String()
}
