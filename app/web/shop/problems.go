package shop

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/views/layout"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// ProblemType is the page at the address of a kind of problem, for people.
func (hs *Handlers) ProblemType(c echo.Context, k *request.Kind) error {
	page := hs.problemOf(c, k.Problem(""))
	page.Developers = "/problems/#" + k.Name
	return hs.send(c, http.StatusOK, layout.ProblemPage(hs.cfg.Brand.Assets(), page))
}

// ProblemTypes is the page of all kinds of problems, for developers.
func (hs *Handlers) ProblemTypes(c echo.Context, kinds []*request.Kind) error {
	page := shop.Problems{
		Frame: layout.Frame{Assets: hs.cfg.Brand.Assets(), Visitor: hs.visitor(c.Request()), Title: language(c).Say("Problems")},
	}
	for _, k := range kinds {
		page.Kinds = append(page.Kinds, shop.ProblemKind{
			Name: k.Name, Status: strconv.Itoa(k.Status) + " " + http.StatusText(k.Status), Title: k.Title, Message: k.Message, Explain: k.Explain,
		})
	}
	slices.SortFunc(page.Kinds, func(a, b shop.ProblemKind) int { return cmp.Compare(a.Name, b.Name) })
	return hs.send(c, http.StatusOK, shop.ProblemsPage(page))
}

// problemOf is a problem as a page, with the way on that fits its kind.
func (hs *Handlers) problemOf(c echo.Context, problem request.Problem) layout.Problem {
	said := problem.For(language(c))
	page := layout.Problem{Happened: said.Happened, Now: said.Now, Visitor: hs.visitor(c.Request())}
	if label, path := wayOn(problem.Type); path != "" && page.Visitor.Accounts {
		page.Way = layout.Link{Label: language(c).Say(label), Path: path}
	}
	return page
}

// wayOn is where what a kind of problem asks for is done; empty: on the page of the sale. There are no accounts in demo mode.
func wayOn(kind string) (label, path string) {
	for _, way := range []struct {
		label, path string
		kinds       []*request.Kind
	}{
		{text.Key("Sign in"), "/sign-in", []*request.Kind{request.ErrSignIn, request.ErrSessionEnded, request.ErrWrongSignIn, request.ErrWrongCode,
			request.ErrCodeExpired, request.ErrMailOff, request.ErrInsecure, request.ErrNotYou, request.ErrTokenBuys, request.ErrSignInBusy}},
		{text.Key("Set it up"), "/account/second-factor", []*request.Kind{request.ErrSecondFactor}},
		{text.Key("Your account"), "/account", []*request.Kind{request.ErrFreshCode, request.ErrSecondFactorDone, request.ErrWeak}},
		{text.Key("Your sessions"), "/account/sessions", []*request.Kind{request.ErrNoSession}},
		{text.Key("Sign up"), "/sign-up", []*request.Kind{request.ErrTaken}},
		{text.Key("The team"), "/admin/team", []*request.Kind{request.ErrNoToken, request.ErrShownBefore, request.ErrTokenScope, request.ErrLastOwner}},
	} {
		for _, k := range way.kinds {
			if kind == k.Problem("").Type {
				return way.label, way.path
			}
		}
	}
	return "", ""
}
