package lists

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/events/audit"
)

const (
	// exportBuffer is how much of an export is written at once.
	exportBuffer = 256 << 10
	// busyRetry is when to come back while too many exports run.
	busyRetry = 15
)

// ExportOrders sends the orders of a generation, or of all generations of a sale, that the query means as a list does, as a file: all of one moment, which the field
// Export-Moment names. Export-Sold is how many units were sold at that moment.
func (hs *Handlers) ExportOrders(c echo.Context) error {
	q, err := orderFilter(c)
	if err != nil {
		return err
	}
	if q.Generation, err = exportedGeneration(c); err != nil {
		return err
	}
	if q.Text, _, err = queryName(c, fieldText); err != nil {
		return err
	}
	if q.Filter.Unit, err = queryUnit(c); err != nil {
		return err
	}
	columns := []string{"orderNumber", "purchaseId", "sale", "generation", "unit", "state", "username", "email", "account", "erased",
		"pressedAt", "decidedAt", "cancelledAt", "attempt"}
	f, err := newExport(c, "orders", columns, appendOrderLine, appendOrder)
	if err != nil || f.onlyHead() {
		return err
	}
	return hs.export(c, f.sent, hs.cfg.Desk.ExportOrders(c.Request().Context(), hs.reader(c), q, operator.Export[operator.DeskOrder]{Begin: func(m operator.Moment) error {
		f.name = orderFileName(&q, m)
		return f.begin(m)
	}, Take: f.take}))
}

// orderFileName says what the file holds. It has no word that somebody typed.
func orderFileName(q *operator.OrderQuery, m operator.Moment) string {
	parts := []string{"orders", m.Sale, "generation", strconv.FormatInt(m.Generation, 10)}
	if m.Generation == operator.AllGenerations {
		parts = []string{"orders", m.Sale, "all-generations"}
	}
	if q.Filter.State != "" {
		parts = append(parts, string(q.Filter.State))
	}
	if q.Filter.Unit != 0 {
		parts = append(parts, "unit", strconv.FormatInt(q.Filter.Unit, 10))
	}
	if q.Text != "" {
		parts = append(parts, "found")
	}
	return strings.Join(append(parts, between(q.Filter.From, q.Filter.Until)...), "-")
}

// between names the times that bound a file, in UTC.
func between(from, until time.Time) (parts []string) {
	if !from.IsZero() {
		parts = append(parts, "from", from.UTC().Format(fileTime))
	}
	if !until.IsZero() {
		parts = append(parts, "until", until.UTC().Format(fileTime))
	}
	return parts
}

// fileTime is a time in the name of a file.
const fileTime = "20060102T150405Z"

// exportedGeneration is 0 for the present one.
func exportedGeneration(c echo.Context) (int64, error) {
	if text, _, err := request.QueryValue(c, "generation"); err != nil || text == "all" {
		return operator.AllGenerations, err
	}
	n, err := request.QueryNumber(c, "generation", 1, 1<<31, 0)
	return int64(n), err
}

// ExportAudit sends the acts of operators as a file, the first one first.
func (hs *Handlers) ExportAudit(c echo.Context) error {
	filter, err := auditFilter(c)
	if err != nil {
		return err
	}
	columns := []string{"id", "at", "actor", "network", "means", "action", "subject", "detail"}
	f, err := newExport(c, auditFileName(&filter), columns, appendAuditLine, appendAct)
	if err != nil || f.onlyHead() {
		return err
	}
	return hs.export(c, f.sent, hs.cfg.Desk.ExportAudit(c.Request().Context(), hs.reader(c), filter, operator.Export[audit.Recorded]{Begin: f.begin, Take: f.take}))
}

// auditFileName says by what the acts in the file were chosen, and not by which words.
func auditFileName(f *audit.Filter) string {
	parts := []string{"audit"}
	switch {
	case f.Action == audit.Refused:
		parts = append(parts, "refused")
	case f.Action != "":
		parts = append(parts, "of-one-act")
	}
	for name, value := range map[string]string{"of-one-actor": f.Actor, "of-one-subject": f.Subject, "of-one-sale": f.Sale} {
		if value != "" {
			parts = append(parts, name)
		}
	}
	slices.Sort(parts[1:])
	return strings.Join(append(parts, between(f.From, f.Until)...), "-")
}

// reader is who takes something away, for the audit log.
func (hs *Handlers) reader(c echo.Context) operator.Act {
	r := c.Request()
	who := hs.cfg.Frame.Principals.Of(r)
	return operator.Act{Account: who.Account(), Network: request.Client(r), Means: who.Means(), ActKey: audit.ActKey{Principal: who.Name(), Route: r.Method + " " + c.Path()}}
}

// export ends an answer. When a part of it is sent already, an error cuts the connection: nobody shall take the part for the whole.
func (hs *Handlers) export(c echo.Context, sent func() bool, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, operator.ErrExports):
		p := request.ErrExportsBusy.Problem("")
		p.RetryAfter = busyRetry
		return &request.ProblemError{Kind: request.ErrExportsBusy, Problem: p}
	case !sent():
		return err
	}
	if c.Request().Context().Err() == nil && !errors.Is(err, context.Canceled) {
		hs.cfg.Log.Fault(c, err)
	}
	panic(http.ErrAbortHandler)
}

// exportFile writes rows as the request wants them.
type exportFile[R any] struct {
	c       echo.Context
	name    string
	csv     bool
	mark    bool
	columns []string
	// line and object append a row as CSV, and as a JSON object.
	line   func([]byte, *R) []byte
	object func([]byte, *R) ([]byte, error)
	begun  bool
	buffer []byte
	rows   int64
}

// newExport reads in which form the file is wanted.
func newExport[R any](c echo.Context, name string, columns []string, line func([]byte, *R) []byte, object func([]byte, *R) ([]byte, error)) (*exportFile[R], error) {
	format, err := queryOne(c, "format", "must be csv or jsonl", "csv", "jsonl")
	if err != nil {
		return nil, err
	}
	mark, err := queryOne(c, "bom", "must be 1, or absent", "1", "0")
	if err != nil {
		return nil, err
	}
	return &exportFile[R]{c: c, name: name, csv: format != "jsonl", mark: mark == "1", columns: columns, line: line, object: object}, nil
}

// onlyHead answers a HEAD request: nothing is read for it, and it is not recorded.
func (f *exportFile[R]) onlyHead() bool {
	if f.c.Request().Method != http.MethodHead {
		return false
	}
	f.header()
	f.c.Response().WriteHeader(http.StatusOK)
	return true
}

func (f *exportFile[R]) sent() bool { return f.begun }

func (f *exportFile[R]) header() {
	h := f.c.Response().Header()
	kind, end := "application/jsonl; charset=utf-8", ".jsonl"
	if f.csv {
		kind, end = "text/csv; charset=utf-8; header=present", ".csv"
	}
	h.Set(echo.HeaderContentType, kind)
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+f.name+end+`"`)
}

// begin sends the head of the answer, and of the file.
func (f *exportFile[R]) begin(m operator.Moment) error {
	f.name += "-" + m.At.Format(fileTime)
	f.header()
	h := f.c.Response().Header()
	h.Set("Export-Moment", string(request.AppendInstant(nil, m.At)))
	h.Set("Export-Total", strconv.FormatInt(m.Total, 10))
	h.Set("Export-Sold", strconv.FormatInt(m.Sold, 10))
	h.Set("Trailer", exportRows)
	f.c.Response().WriteHeader(http.StatusOK)
	f.begun, f.buffer = true, make([]byte, 0, exportBuffer+(64<<10))
	if f.csv && f.mark {
		f.buffer = append(f.buffer, byteOrderMark...)
	}
	if f.csv {
		f.buffer = appendLine(f.buffer, f.columns...)
	}
	return f.flush()
}

// exportRows is the field after the body that says how many rows it has. It is not there when the export was cut.
const exportRows = "Export-Rows"

// take writes some rows.
func (f *exportFile[R]) take(rows []R) error {
	for i := range rows {
		if f.csv {
			f.buffer = f.line(f.buffer, &rows[i])
		} else {
			var err error
			if f.buffer, err = f.object(f.buffer, &rows[i]); err != nil {
				return err
			}
			f.buffer = append(f.buffer, '\n')
		}
		if len(f.buffer) >= exportBuffer {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	f.rows += int64(len(rows))
	f.c.Response().Header().Set(exportRows, strconv.FormatInt(f.rows, 10))
	return f.flush()
}

// flush sends what is written. It fails once the client has gone.
func (f *exportFile[R]) flush() error {
	if err := f.c.Request().Context().Err(); err != nil {
		return err
	}
	n, err := f.c.Response().Write(f.buffer)
	if err == nil && n < len(f.buffer) {
		err = io.ErrShortWrite
	}
	f.buffer = f.buffer[:0]
	if err == nil {
		f.c.Response().Flush()
	}
	return err
}
