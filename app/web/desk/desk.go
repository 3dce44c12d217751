// Package desk is the frame of the operators' pages: where one can go, and how a page is sent. Every room that has such pages uses it.
package desk

import (
	"bytes"
	"context"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/login"
	views "flashsale/views/admin"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// Where the places of the desk begin.
const (
	Sales    = "/admin/sales"
	Orders   = "/admin/orders"
	Claims   = "/admin/claims"
	Shoppers = "/admin/shoppers"
	Audit    = "/admin/audit"
	Proof    = "/admin/proof"
	Team     = "/admin/team"
)

// Desk makes the frames of pages. Its zero value has no assets.
type Desk struct {
	// Principals says who a request is from.
	Principals request.Principals
	// Assets are what every page loads. Nil: nothing.
	Assets func() layout.Assets
}

// Page is the frame of a page in a place, which is one of the constants above. Nobody but the one who asked may keep the page.
func (d Desk) Page(c echo.Context, place, title string) views.Desk {
	who := d.Principals.Of(c.Request())
	var assets layout.Assets
	if d.Assets != nil {
		assets = d.Assets()
	}
	page := views.NewDesk(assets, layout.Visitor{Accounts: !d.Principals.Demo, Username: who.Username()}, title)
	page.MayAct = who.Has(login.Operator)
	page.Places = d.Places(c, place)
	return page
}

// Places are where somebody who asks can go on the desk.
func (d Desk) Places(c echo.Context, here string) []views.Place {
	ctx, who := Speaking(c.Request()), d.Principals.Of(c.Request())
	places := []views.Place{
		{Label: text.Say(ctx, "Sales"), Path: Sales},
		{Label: text.Say(ctx, "Orders"), Path: Orders},
		{Label: text.Say(ctx, "Shoppers"), Path: Shoppers},
		{Label: text.Say(ctx, "Audit"), Path: Audit},
		{Label: text.Say(ctx, "Proof"), Path: Proof},
	}
	if !d.Principals.Demo && who.Has(login.Owner) {
		places = append(places, views.Place{Label: text.Say(ctx, "Team"), Path: Team})
	}
	for i := range places {
		places[i].Here = places[i].Path == here
	}
	return places
}

// PlacesFrom is Places for the pages of one place.
func (d Desk) PlacesFrom(here string) func(echo.Context) []views.Place {
	return func(c echo.Context) []views.Place { return d.Places(c, here) }
}

// Speaking is the context of a request in which pages speak its language.
func Speaking(r *http.Request) context.Context { return text.With(r.Context(), request.Language(r)) }

// Send sends a page of the desk.
func (d Desk) Send(c echo.Context, status int, page templ.Component) error {
	var out bytes.Buffer
	if err := page.Render(Speaking(c.Request()), &out); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "private, no-store")
	h.Set("Vary", "Accept, Accept-Language, Cookie")
	return c.HTMLBlob(status, out.Bytes())
}
