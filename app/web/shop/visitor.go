package shop

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/login"
	"flashsale/views/layout"
	"flashsale/views/shop"
)

// signInNeeded is true for the refusal of somebody who is not signed in, or not any more.
func signInNeeded(p request.Problem) bool {
	return p.Type == request.ErrSignIn.Problem("").Type || p.Type == request.ErrSessionEnded.Problem("").Type
}

// visitor is who looks at a page.
func (hs *Handlers) visitor(r *http.Request) layout.Visitor {
	v := layout.Visitor{Accounts: !hs.cfg.Principals.Demo}
	if p := hs.cfg.Principals.Of(r); p.SignedIn() {
		v.Username, v.Desk = p.Username(), p.Has(login.Viewer)
	}
	return v
}

// problemPage is the page for a request that failed. Somebody who is not signed in is led to the sign-in: at once from a page or
// from a press of the button for buying, else by a link, because the form would have to be filled again. An account whose role waits
// for its second factor is led to set it up.
func (hs *Handlers) problemPage(c echo.Context, problem request.Problem) error {
	page := hs.problemOf(c, problem)
	if signInNeeded(problem) {
		way := request.SignInPath(wayBack(c))
		if c.Request().Method == http.MethodGet || purchase(c) {
			c.Response().Header().Del("WWW-Authenticate") // it belongs to a 401
			return c.Redirect(http.StatusSeeOther, way)
		}
		page.Way = layout.Link{Label: language(c).Say("Sign in"), Path: way}
	}
	if problem.Link != "" {
		if c.Request().Method == http.MethodGet && !byHTMX(c) {
			return c.Redirect(http.StatusSeeOther, request.Carrying(problem.Link, wayBack(c)))
		}
		page.Way = layout.Link{Label: language(c).Say("Do that now"), Path: problem.Link}
	}
	return hs.sendAt(c, request.ProblemAddress(c.Request()), problem.Status, layout.ProblemPage(hs.cfg.Brand.Assets(), page))
}

// wayBack is where somebody goes on after the sign-in: the same page, or the button that was pressed.
func wayBack(c echo.Context) string {
	switch r := c.Request(); {
	case r.Method == http.MethodGet && !byHTMX(c) && !strings.HasPrefix(r.URL.Path, "/api/"):
		return r.URL.RequestURI()
	case purchase(c), byHTMX(c):
		return shop.Place{Slug: slugOf(c)}.Buy()
	}
	return "/"
}

func purchase(c echo.Context) bool {
	return c.Request().Method == http.MethodPost && strings.HasSuffix(c.Path(), "/purchase")
}
