package web

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/sale"
)

const (
	// maxStock is the largest stock an operator may set; it is also the largest MAX_STOCK.
	maxStock = 100_000_000
	// maxSeed is how many shoppers one request may seed.
	maxSeed     = 1_000_000
	defaultSeed = 10
)

// done answers an operator: browsers get the sentence, others the document.
func (s *Server) done(c echo.Context, snap *sale.Snapshot, message string, document any) error {
	if snap != nil {
		s.versions.set(c.Response().Header(), snap.Version)
		setRevision(c.Response().Header(), snap.Revision)
	}
	if s.pages != nil && wantsPage(c.Request()) {
		return s.pages.Done(c, message)
	}
	return writeJSON(c, http.StatusOK, document)
}

type resetDocument struct {
	Success           bool   `json:"success"`
	Message           string `json:"message"`
	ResetToSmallStock bool   `json:"resetToSmallStock"`
	Generation        int64  `json:"generation"`
	StockAmount       int64  `json:"stockAmount"`
	changed
}

func (s *Server) reset(c echo.Context) error {
	const field = "resetToSmallStock"
	slug, a, v, err := s.saleAct(c, spec{field: flag})
	if err != nil {
		return err
	}
	toSmall := v.flagOr(field, true)
	change, err := s.cfg.Operations.Reset(c.Request().Context(), a, slug, toSmall)
	if err != nil {
		return err
	}
	snap := &change.After
	message := "The sale was reset: " + units(snap.Total) + ", nothing sold"
	return s.done(c, snap, message, resetDocument{
		Success: true, Message: message, ResetToSmallStock: toSmall, Generation: snap.Generation, StockAmount: snap.Total,
		changed: changedOf(&change),
	})
}

func units(n int64) string {
	if n == 1 {
		return "1 unit"
	}
	return itoa64(n) + " units"
}

type presetDocument struct {
	Success     bool    `json:"success"`
	Message     string  `json:"message"`
	Preset      string  `json:"preset"`
	StockAmount int64   `json:"stockAmount"`
	UserCount   int     `json:"userCount"`
	Timestamp   instant `json:"timestamp"`
	Generation  int64   `json:"generation"`
	changed
}

func (s *Server) preset(c echo.Context) error {
	slug, a, _, err := s.saleAct(c, nil)
	if err != nil {
		return err
	}
	p, ok := sale.PresetNamed(param(c, "preset"))
	if !ok {
		return errUnknownPreset
	}
	change, err := s.cfg.Operations.Preset(c.Request().Context(), a, slug, p)
	if err != nil {
		return err
	}
	snap := &change.After
	message := "Preset " + p.Name + " is set: " + units(snap.Total) + ", at least " + itoa(p.Users) + " shoppers"
	return s.done(c, snap, message, presetDocument{
		Success: true, Message: message, Preset: p.Name, StockAmount: snap.Total, UserCount: p.Users,
		Timestamp: instant(snap.Now), Generation: snap.Generation, changed: changedOf(&change),
	})
}

type stockDocument struct {
	Success      bool    `json:"success"`
	Message      string  `json:"message"`
	StockAmount  int64   `json:"stockAmount"`
	Timestamp    instant `json:"timestamp"`
	CurrentStock int64   `json:"currentStock"`
	Sold         int64   `json:"sold"`
	changed
}

func (s *Server) updateStock(c echo.Context) error {
	const field = "stockAmount"
	slug, a, v, err := s.saleAct(c, spec{field: number})
	if err != nil {
		return err
	}
	n, err := v.whole(field, 0, maxStock, -1)
	if err != nil {
		return err
	}
	change, err := s.cfg.Operations.SetStock(c.Request().Context(), a, slug, n)
	if err != nil {
		return err
	}
	snap := &change.After
	message := "The stock is now " + units(snap.Total) + ", " + itoa64(snap.Taken) + " of them sold"
	return s.done(c, snap, message, stockDocument{
		Success: true, Message: message, StockAmount: snap.Total, Timestamp: instant(snap.Now),
		CurrentStock: snap.Left(), Sold: snap.Taken, changed: changedOf(&change),
	})
}

type moveDocument struct {
	Success   bool        `json:"success"`
	Message   string      `json:"message"`
	Status    sale.Status `json:"status"`
	State     sale.State  `json:"state"`
	Timestamp instant     `json:"timestamp"`
	Version   int64       `json:"version"`
	changed
}

func (s *Server) pause(c echo.Context) error {
	return s.move(c, s.cfg.Operations.Pause, "The sale is paused")
}

func (s *Server) resume(c echo.Context) error {
	return s.move(c, s.cfg.Operations.Resume, "The sale goes on")
}

func (s *Server) close(c echo.Context) error {
	return s.move(c, s.cfg.Operations.Close, "The sale is closing")
}

func (s *Server) move(c echo.Context, act func(context.Context, operator.Act, string) (sale.Change, error), message string) error {
	slug, a, _, err := s.saleAct(c, nil)
	if err != nil {
		return err
	}
	change, err := act(c.Request().Context(), a, slug)
	if err != nil {
		return err
	}
	snap := &change.After
	return s.done(c, snap, message, moveDocument{
		Success: true, Message: message, Status: snap.Status(), State: snap.State,
		Timestamp: instant(snap.Now), Version: snap.Version, changed: changedOf(&change),
	})
}

type verifyDocument struct {
	OK     bool             `json:"ok"`
	Checks []operator.Check `json:"checks"`
}

// verify checks the invariants. A broken one is an answer, not an error.
func (s *Server) verify(c echo.Context) error {
	checks, err := s.cfg.Operations.Verify(c.Request().Context())
	if err != nil {
		return err
	}
	d := verifyDocument{OK: true, Checks: checks}
	message := "Every invariant that can be checked from here holds"
	for _, check := range checks {
		if check.State == "broken" {
			d.OK, message = false, "Broken: "+check.ID+" "+check.Title
			break
		}
	}
	return s.done(c, nil, message, d)
}
