package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/sale"
)

// saleDocument is a sale as operators see it.
type saleDocument struct {
	ID   int64  `json:"id"`
	Slug string `json:"slug"`
	figures
	Version   int64   `json:"version"`
	Timestamp instant `json:"serverTime"`
}

func saleOf(s *sale.Snapshot) saleDocument {
	return saleDocument{ID: s.ID, Slug: s.Slug, figures: figuresOf(s), Version: s.Version, Timestamp: instant(s.Now)}
}

type salesDocument struct {
	Sales []saleDocument `json:"sales"`
}

// adminSales lists every sale, drafts too.
func (s *Server) adminSales(c echo.Context) error {
	all := s.cfg.Board.All()
	d := salesDocument{Sales: make([]saleDocument, 0, len(all))}
	for i := range all {
		d.Sales = append(d.Sales, saleOf(&all[i]))
	}
	return writeJSON(c, http.StatusOK, d)
}

// adminSale shows a sale and, as its ETag, the revision that a PATCH has to name.
func (s *Server) adminSale(c echo.Context) error {
	slug, err := slug(c)
	if err != nil {
		return err
	}
	snap, err := s.cfg.Board.Snapshot(slug)
	if err != nil {
		return err
	}
	s.versions.set(c.Response().Header(), snap.Version)
	setRevision(c.Response().Header(), snap.Revision)
	return writeJSON(c, http.StatusOK, saleOf(&snap))
}

type amendDocument struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	saleDocument
	Before figures `json:"before"`
	After  figures `json:"after"`
}

// amend changes the times and the stock of a sale, in the revision that If-Match names.
func (s *Server) amend(c echo.Context) error {
	slug, a, v, err := s.saleAct(c, spec{string(sale.FieldStart): text, string(sale.FieldEnd): text, string(sale.FieldStock): number})
	if err != nil {
		return err
	}
	if a.Match.Sent == "" {
		return errRevisionRequired
	}
	to, err := amendment(v)
	if err != nil {
		return err
	}
	change, err := s.cfg.Operations.Amend(c.Request().Context(), a, slug, to)
	if err != nil {
		return err
	}
	message := "The sale was changed"
	return s.done(c, &change.After, message, amendDocument{
		Success: true, Message: message, saleDocument: saleOf(&change.After),
		Before: figuresOf(&change.Before), After: figuresOf(&change.After),
	})
}

// amendment reads the fields that are given; at least one is.
func amendment(v values) (to sale.Amendment, err error) {
	if len(v) == 0 {
		return to, badField("body", "must have at least one of startTime, endTime and stock")
	}
	if to.StartsAt, err = v.instant(string(sale.FieldStart)); err != nil {
		return to, err
	}
	if to.EndsAt, err = v.instant(string(sale.FieldEnd)); err != nil {
		return to, err
	}
	if _, given := v[string(sale.FieldStock)]; given {
		n, err := v.whole(string(sale.FieldStock), 0, maxStock, -1)
		if err != nil {
			return to, err
		}
		to.Total = &n
	}
	return to, nil
}

// Years of a sale: what lies outside is a mistake, as it is in the configuration.
const (
	firstYear = 2000
	lastYear  = 2999
)

// instant is a time of the body, or nil when it is absent.
func (v values) instant(name string) (*time.Time, error) {
	raw, given := v[name].(string)
	if !given {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, raw)
	t = t.UTC()
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return nil, badField(name, "must be a time like 2026-01-01T10:00:00.000Z, of the years 2000 to 2999")
	}
	return &t, nil
}
