package lists

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// mostActPages is in how many pages of a sale's acts those of a generation are looked for.
const mostActPages = 10

// unitsDocument is the stock of a generation, and the acts that changed it.
type unitsDocument struct {
	Sale string `json:"sale"`
	// Generation is the one that is shown, Present that of the sale.
	Generation int64 `json:"generation"`
	Present    int64 `json:"presentGeneration"`
	Total      int64 `json:"total"`
	Sold       int64 `json:"sold"`
	Pending    int64 `json:"pending"`
	Free       int64 `json:"free"`
	// NeverSold and CameBack add up to Free.
	NeverSold int64           `json:"neverSold"`
	CameBack  int64           `json:"cameBack"`
	Acts      []auditDocument `json:"acts"`
	// OlderActs is true when the acts of the generation go further back than was looked.
	OlderActs bool `json:"olderActs"`
}

// units is what is known of a generation's units.
type units struct {
	sale sale.Snapshot
	list operator.OrderList
	sum  views.Sum
	acts []audit.Recorded
	more bool
}

func (u *units) cameBack() int64 { return min(u.list.CameBack, u.sum.Free) }

// Units says how the free units of a generation came about.
func (hs *Handlers) Units(c echo.Context) error {
	generation, err := queryGeneration(c)
	if err != nil {
		return err
	}
	u, err := hs.units(c, generation)
	if err != nil {
		return err
	}
	d := unitsDocument{
		Sale: u.sale.Slug, Generation: u.list.Generation, Present: u.sale.Generation, Total: u.sum.Total, Sold: u.sum.Sold, Pending: u.sum.Pending, Free: u.sum.Free,
		CameBack: u.cameBack(), NeverSold: u.sum.Free - u.cameBack(), Acts: []auditDocument{}, OlderActs: u.more,
	}
	for i := range u.acts {
		if _, ok := stockAct(c.Request().Context(), &u.acts[i], time.UTC); ok {
			d.Acts = append(d.Acts, auditOf(&u.acts[i]))
		}
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// queryGeneration is the generation of the query, 0 for the present one. A form sends an empty one.
func queryGeneration(c echo.Context) (int64, error) {
	if written, _, err := request.QueryValue(c, fieldGeneration); err != nil || strings.TrimSpace(written) == "" {
		return 0, err
	}
	n, err := request.QueryNumber(c, fieldGeneration, 1, 1<<31, 0)
	return int64(n), err
}

// units reads the stock of a generation, and its acts. sale.ErrNoSale: there is no such sale, or no such generation of it.
func (hs *Handlers) units(c echo.Context, generation int64) (u units, err error) {
	slug, err := request.Slug(c)
	if err != nil {
		return u, err
	}
	if u.sale, err = hs.cfg.Catalog.Snapshot(slug); err != nil {
		return u, err
	}
	ctx := c.Request().Context()
	u.list, err = hs.cfg.Desk.Orders(ctx, operator.OrderQuery{Slug: u.sale.Slug, Generation: generation, Page: sale.OrderPageRequest{Limit: 1}})
	if err != nil {
		return u, err
	}
	u.sum = hs.sum(&u.sale, &u.list)
	u.acts, u.more, err = hs.actsOf(ctx, &u.sale, u.list.Generation)
	return u, err
}

// actsOf are the acts on a sale while a generation was the present one, and the cancellations of its orders, the newest first. more is
// true when there may be older ones.
func (hs *Handlers) actsOf(ctx context.Context, s *sale.Snapshot, generation int64) (acts []audit.Recorded, more bool, err error) {
	at, present := audit.PageRequest{Limit: maxListSize}, s.Generation
	for range mostActPages {
		page, err := hs.cfg.Desk.AuditPage(ctx, audit.Filter{Sale: s.Slug}, at)
		if err != nil {
			return nil, false, err
		}
		for i := range page.Entries {
			r := &page.Entries[i]
			if generationOf(r, present) == generation {
				acts = append(acts, *r)
			}
			if begins(r) {
				present = generationOf(r, present) - 1 // what is older was before it
			}
		}
		if !page.Older || len(page.Entries) == 0 || present < generation {
			return acts, false, nil
		}
		at.Beside = page.Entries[len(page.Entries)-1].Place()
	}
	return acts, true, nil
}

// begins is true for an act that begins a generation.
func begins(r *audit.Recorded) bool { return r.Action == "sale.reset" || r.Action == "sale.preset" }

// generationOf is the one that an act is about: that which its record names, else the one that was present.
func generationOf(r *audit.Recorded, present int64) int64 {
	var detail struct {
		Generation int64                      `json:"generation"`
		After      struct{ Generation int64 } `json:"after"`
	}
	if json.Unmarshal(r.Detail, &detail) != nil {
		return present
	}
	switch {
	case r.Action == actCancel && detail.Generation > 0:
		return detail.Generation
	case begins(r) && detail.After.Generation > 0:
		return detail.After.Generation
	}
	return present
}

// UnitsPage is Units as a page. A generation that there is not is said at its field.
func (hs *Handlers) UnitsPage(c echo.Context) error {
	ctx := desk.Speaking(c.Request())
	generation, wrong := queryGeneration(c)
	u, err := hs.units(c, generation)
	status, field := http.StatusOK, ""
	switch {
	case wrong != nil:
		status, field = request.ProblemOf(wrong).Status, text.Say(ctx, "This is a whole number from 1 to %d.", u.sale.Generation)
	case errors.Is(err, sale.ErrNoSale) && u.sale.ID != 0 && generation != 0:
		status, field = http.StatusNotFound, noGeneration(ctx, &u.sale)
		u, err = hs.units(c, 0)
	}
	if err != nil {
		return err
	}
	s := &u.sale
	page := views.StockHistory{
		Desk: hs.cfg.Frame.Page(c, desk.Sales, text.Say(ctx, "Units of %s", saleName(s))), Name: saleName(s), Path: salePage(s.Slug),
		Generation: u.list.Generation, Ended: u.list.Generation != s.Generation, Sum: u.sum, More: u.more, CameBack: u.cameBack(), NeverSold: u.sum.Free - u.cameBack(),
		Choice: views.Input{
			Name: fieldGeneration, Label: text.Say(ctx, "Generation"), Type: "text", Mode: "numeric", Value: c.QueryParam(fieldGeneration), Error: field,
			Hint: text.Say(ctx, "Empty: the present one, %d.", s.Generation),
		},
		Action: salePage(s.Slug) + "/units",
	}
	orders := desk.Orders + "?sale=" + s.Slug + "&generation=" + strconv.FormatInt(u.list.Generation, 10)
	page.Orders, page.Cancelled = orders+"&state=confirmed", orders+"&state=cancelled"
	if field != "" {
		page.Problem = text.Say(ctx, "This is the present generation. Please look at what is marked.")
	}
	for i := range u.acts {
		if a, ok := stockAct(ctx, &u.acts[i], clockOf(s.Zone)); ok {
			page.Acts = append(page.Acts, a)
		}
	}
	return hs.cfg.Frame.Send(c, status, views.StockHistoryPage(page))
}

// stockAct is an act that changed how many units there are, or gave one back; false for others.
func stockAct(ctx context.Context, r *audit.Recorded, zone *time.Location) (views.StockAct, bool) {
	var detail struct {
		// Acts call the number of units by one of two names. That of a preset differs from the second by its first letter only.
		StockAmount *int64 `json:"stockAmount"`
		Stock       *int64 `json:"stock"`
		Unit        int64  `json:"unit"`
	}
	if json.Unmarshal(r.Detail, &detail) != nil {
		return views.StockAct{}, false
	}
	a := views.StockAct{At: momentAt(r.At, zone), Who: r.Actor}
	switch r.Action {
	case "sale.create", "sale.duplicate":
		a.What = text.Say(ctx, "Made")
	case "sale.reset", "sale.preset":
		a.What = text.Say(ctx, "Begun anew")
	case "sale.stock":
		a.What = text.Say(ctx, "Stock changed")
	case "sale.amend":
		if detail.Stock == nil {
			return a, false
		}
		a.What = text.Say(ctx, "Stock changed")
	case actCancel:
		a.What = text.Say(ctx, "Order cancelled, unit %d came back", detail.Unit)
		a.Path, a.Link, a.Detail = desk.Orders+"/"+r.Subject, text.Say(ctx, "The order"), reasonIn(r)
		return a, true
	default:
		return a, false
	}
	for _, n := range []*int64{detail.StockAmount, detail.Stock} {
		if n != nil {
			a.Detail = text.Say(ctx, "%s units in all", strconv.FormatInt(*n, 10))
		}
	}
	return a, true
}
