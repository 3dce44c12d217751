package admin

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// deskSale is the address of a sale's page on the desk.
func deskSale(slug string) string { return desk.Sales + "/" + slug }

// DeskRoutes are the pages of the desk, and what their forms and programs ask.
func (hs *Handlers) DeskRoutes() []request.Route {
	page, api := desk.Sales+"/:slug", request.AdminSale
	t := []request.Route{
		{Method: "GET", Path: "/admin", Handler: hs.Desk, Who: request.Viewers},
		{Method: "GET", Path: desk.Sales, Handler: hs.SalesPage, Who: request.Viewers},
		{Method: "GET", Path: desk.Sales + "/new", Handler: hs.NewSalePage, Who: request.Operators},
		{Method: "POST", Path: "/api/admin/sales", Handler: hs.CreateSale, Who: request.Operators},
		{Method: "GET", Path: page, Handler: hs.ShowPage, Who: request.Viewers},
		{Method: "GET", Path: page + "/edit", Handler: hs.EditPage, Who: request.Operators},
		{Method: "POST", Path: api, Handler: hs.Amend, Who: request.Operators},
		{Method: "GET", Path: page + "/duplicate", Handler: hs.DuplicatePage, Who: request.Operators},
		{Method: "POST", Path: api + "/duplicate", Handler: hs.DuplicateSale, Who: request.Operators},
		{Method: "GET", Path: page + "/preview", Handler: hs.PreviewPage, Who: request.Viewers},
		{Method: "GET", Path: page + "/pictures", Handler: hs.PicturesPage, Who: request.Viewers},
		{Method: "GET", Path: page + "/pictures/:id/remove", Handler: hs.RemovePicturePage, Who: request.Operators},
		{Method: "GET", Path: api + "/figures", Handler: hs.Figures, Who: request.Viewers},
		{Method: "GET", Path: api + "/figures/stream", Handler: hs.FigureStream, Who: request.Viewers, Stream: true},
	}
	for _, a := range saleActs() {
		t = append(t, request.Route{Method: "GET", Path: page + "/" + a.name, Handler: hs.stepPage(a), Who: request.Operators},
			request.Route{Method: "POST", Path: api + "/" + a.name, Handler: hs.carryOut(a), Who: request.Operators, EvenStale: a.evenStale})
	}
	return t
}

// Desk leads to where the desk begins.
func (hs *Handlers) Desk(c echo.Context) error { return c.Redirect(http.StatusSeeOther, desk.Sales) }

// desk is the frame of a page about sales.
func (hs *Handlers) desk(c echo.Context, title string) views.Desk {
	return hs.cfg.Desk.Page(c, desk.Sales, title)
}

// SalesPage lists the sales: those that run or are to come first, then drafts, then those that are over.
func (hs *Handlers) SalesPage(c echo.Context) error {
	archived, _, err := request.QueryValue(c, "archived")
	if err != nil {
		return err
	}
	page := views.Sales{Desk: hs.desk(c, text.Say(desk.Speaking(c.Request()), "Sales")), Archived: archived != ""}
	all := hs.cfg.Catalog.All()
	slices.SortStableFunc(all, func(a, b sale.Snapshot) int {
		return cmp.Or(cmp.Compare(rank(a.State), rank(b.State)), b.StartsAt.Compare(a.StartsAt))
	})
	for i := range all {
		s := &all[i]
		if s.Archived != page.Archived {
			continue
		}
		page.Lines = append(page.Lines, views.Line{
			Slug: s.Slug, Name: productName(s), State: views.State(s.State), Start: momentIn(s.StartsAt, s.Zone), End: momentIn(s.EndsAt, s.Zone),
			Sold: s.Taken, Total: s.Total,
		})
	}
	return hs.cfg.Desk.Send(c, http.StatusOK, views.SalesPage(page))
}

// rank puts sales into the order of the list.
func rank(s sale.State) int {
	switch s {
	case sale.Open, sale.Paused, sale.Closing:
		return 0
	case sale.Scheduled:
		return 1
	case sale.Draft:
		return 2
	case sale.Closed:
	}
	return 3
}

func productName(s *sale.Snapshot) string {
	if s.Product == nil || s.Product.Name == "" {
		return s.Slug
	}
	return s.Product.Name
}

// zoneOf is the sale's zone; UTC for one that this machine does not know.
func zoneOf(name string) *time.Location {
	zone, err := sale.Zone(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// momentIn is a time as people in a zone write it. The form is the same in every language.
func momentIn(t time.Time, zone string) views.Moment {
	if t.IsZero() {
		return views.Moment{}
	}
	return views.Moment{Text: t.In(zoneOf(zone)).Format("2006-01-02 15:04:05 MST"), ISO: t.UTC().Format(request.InstantLayout)}
}

// snapshot is the sale that a page is about.
func (hs *Handlers) snapshot(c echo.Context) (sale.Snapshot, error) {
	slug, err := request.Slug(c)
	if err != nil {
		return sale.Snapshot{}, err
	}
	return hs.cfg.Catalog.Snapshot(slug)
}
