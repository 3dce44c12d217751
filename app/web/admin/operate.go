package admin

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/text"
)

const (
	// maxStock is the largest stock an operator may set; it is also the largest MAX_STOCK.
	maxStock = 100_000_000
	// maxSeed is how many shoppers one request may seed.
	maxSeed     = 1_000_000
	defaultSeed = 10
)

// done answers an operator after an act: browsers with the message, others with the document. change is nil when the act was on
// no sale.
func (hs *Handlers) done(c echo.Context, change *sale.Change, message string, document any) error {
	if change != nil {
		hs.version.Set(c.Response().Header(), change.After.Version)
		request.SetRevision(c.Response().Header(), change.After.Revision)
	}
	if request.WantsPage(c.Request()) {
		return hs.cfg.Pages.Done(c, change, message)
	}
	return request.WriteJSON(c, http.StatusOK, document)
}

type resetDocument struct {
	Success           bool   `json:"success"`
	Message           string `json:"message"`
	ResetToSmallStock bool   `json:"resetToSmallStock"`
	Generation        int64  `json:"generation"`
	StockAmount       int64  `json:"stockAmount"`
	changed
}

// Reset starts a new generation of a sale, with the small stock or the present one.
func (hs *Handlers) Reset(c echo.Context) error {
	const field = "resetToSmallStock"
	slug, a, v, err := hs.saleAct(c, request.Spec{field: request.Flag})
	if err != nil {
		return err
	}
	toSmall := v.FlagOr(field, true)
	change, err := hs.cfg.Operations.Reset(c.Request().Context(), a, slug, toSmall)
	if err != nil {
		return err
	}
	snap, l := &change.After, spoken(c)
	message := l.Say("The sale was reset: %s, nothing sold", units(l, snap.Total)) + swept(l, &change)
	return hs.done(c, &change, message, resetDocument{
		Success: true, Message: message, ResetToSmallStock: toSmall, Generation: snap.Generation, StockAmount: snap.Total,
		changed: changedOf(&change),
	})
}

// swept says how many orders of the former generation the sale no longer shows.
func swept(l text.Language, change *sale.Change) string {
	n := change.Swept()
	if n == 0 {
		return ""
	}
	return "; " + l.Say("%d orders were swept away", n)
}

func units(l text.Language, n int64) string { return l.Say("%d units", n) }

// spoken is the language of an answer: the page's, and English for every client that gets a document.
func spoken(c echo.Context) text.Language {
	if request.WantsPage(c.Request()) {
		return text.From(c.Request().Context())
	}
	return text.Language{}
}

type presetDocument struct {
	Success     bool            `json:"success"`
	Message     string          `json:"message"`
	Preset      string          `json:"preset"`
	StockAmount int64           `json:"stockAmount"`
	UserCount   int             `json:"userCount"`
	Timestamp   request.Instant `json:"timestamp"`
	Generation  int64           `json:"generation"`
	changed
}

// Preset starts a new generation with one of the named stocks.
func (hs *Handlers) Preset(c echo.Context) error {
	slug, a, _, err := hs.saleAct(c, nil)
	if err != nil {
		return err
	}
	p, ok := sale.PresetNamed(request.Param(c, "preset"))
	if !ok {
		return request.ErrUnknownPreset
	}
	change, err := hs.cfg.Operations.Preset(c.Request().Context(), a, slug, p)
	if err != nil {
		return err
	}
	snap, l := &change.After, spoken(c)
	message := l.Say("Preset %s is set: %s, at least %d shoppers", p.Name, units(l, snap.Total), p.Users) + swept(l, &change)
	return hs.done(c, &change, message, presetDocument{
		Success: true, Message: message, Preset: p.Name, StockAmount: snap.Total, UserCount: p.Users,
		Timestamp: request.Instant(snap.Now), Generation: snap.Generation, changed: changedOf(&change),
	})
}

type stockDocument struct {
	Success      bool            `json:"success"`
	Message      string          `json:"message"`
	StockAmount  int64           `json:"stockAmount"`
	Timestamp    request.Instant `json:"timestamp"`
	CurrentStock int64           `json:"currentStock"`
	Sold         int64           `json:"sold"`
	changed
}

// UpdateStock changes the stock of a running sale.
func (hs *Handlers) UpdateStock(c echo.Context) error {
	const field = "stockAmount"
	slug, a, v, err := hs.saleAct(c, request.Spec{field: request.Number})
	if err != nil {
		return err
	}
	n, err := v.Whole(field, 0, maxStock, -1)
	if err != nil {
		return err
	}
	change, err := hs.cfg.Operations.SetStock(c.Request().Context(), a, slug, n)
	if err != nil {
		return err
	}
	snap, l := &change.After, spoken(c)
	message := l.Say("The stock is now %s, %d of them sold", units(l, snap.Total), snap.Taken)
	return hs.done(c, &change, message, stockDocument{
		Success: true, Message: message, StockAmount: snap.Total, Timestamp: request.Instant(snap.Now),
		CurrentStock: snap.Left(), Sold: snap.Taken, changed: changedOf(&change),
	})
}

type moveDocument struct {
	Success   bool            `json:"success"`
	Message   string          `json:"message"`
	Status    sale.Status     `json:"status"`
	State     sale.State      `json:"state"`
	Timestamp request.Instant `json:"timestamp"`
	Version   int64           `json:"version"`
	changed
}

// Pause stops a sale for the moment.
func (hs *Handlers) Pause(c echo.Context) error {
	return hs.move(c, hs.cfg.Operations.Pause, spoken(c).Say("The sale is paused"))
}

// Resume lets a paused sale go on.
func (hs *Handlers) Resume(c echo.Context) error {
	return hs.move(c, hs.cfg.Operations.Resume, spoken(c).Say("The sale goes on"))
}

// Close ends a sale for good.
func (hs *Handlers) Close(c echo.Context) error {
	return hs.move(c, hs.cfg.Operations.Close, spoken(c).Say("The sale is closing"))
}

func (hs *Handlers) move(c echo.Context, act func(context.Context, operator.Act, string) (sale.Change, error), message string) error {
	slug, a, _, err := hs.saleAct(c, nil)
	if err != nil {
		return err
	}
	change, err := act(c.Request().Context(), a, slug)
	if err != nil {
		return err
	}
	snap := &change.After
	return hs.done(c, &change, message, moveDocument{
		Success: true, Message: message, Status: snap.Status(), State: snap.State,
		Timestamp: request.Instant(snap.Now), Version: snap.Version, changed: changedOf(&change),
	})
}

type verifyDocument struct {
	OK     bool             `json:"ok"`
	Checks []operator.Check `json:"checks"`
}

// Verify checks the invariants. A broken invariant is answered with 200, because the check itself has worked.
func (hs *Handlers) Verify(c echo.Context) error {
	checks, err := hs.cfg.Operations.Verify(c.Request().Context())
	if err != nil {
		return err
	}
	d := verifyDocument{OK: true, Checks: checks}
	message := spoken(c).Say("Every invariant that can be checked from here holds")
	for _, check := range checks {
		if check.State == "broken" {
			d.OK, message = false, spoken(c).Say("Broken: %s %s", check.ID, check.Title)
			break
		}
	}
	return hs.done(c, nil, message, d)
}
