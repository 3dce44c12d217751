package lists

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
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

// UnitsPage says how the free units of a sale came about: what was never sold, what came back, and which acts changed the stock.
func (hs *Handlers) UnitsPage(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	s, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	ctx := desk.Speaking(c.Request())
	list, err := hs.cfg.Desk.Orders(c.Request().Context(), operator.OrderQuery{Slug: s.Slug, Page: sale.OrderPageRequest{Limit: 1}})
	if err != nil {
		return err
	}
	acts, err := hs.cfg.Desk.AuditPage(c.Request().Context(), audit.Filter{Sale: s.Slug}, audit.PageRequest{Limit: maxListSize})
	if err != nil {
		return err
	}
	page := views.StockHistory{
		Desk: hs.cfg.Frame.Page(c, desk.Sales, text.Say(ctx, "Units of %s", saleName(&s))), Name: saleName(&s), Path: salePage(s.Slug),
		Orders: desk.Orders + "?sale=" + s.Slug + "&state=confirmed", Cancelled: desk.Orders + "?sale=" + s.Slug + "&state=cancelled",
		Generation: list.Generation, Sum: hs.sum(&s, &list), More: acts.Older,
	}
	page.CameBack = min(list.CameBack, page.Sum.Free)
	page.NeverSold = page.Sum.Free - page.CameBack
	for i := range acts.Entries {
		if a, ok := stockAct(ctx, &acts.Entries[i], clockOf(s.Zone)); ok {
			page.Acts = append(page.Acts, a)
		}
	}
	return hs.cfg.Frame.Send(c, http.StatusOK, views.StockHistoryPage(page))
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
