package shop

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/live"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/login"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// Home is the first page. Its query says which tab is open (tab, page), whose name is in the form (username) and
// what to say of it: what that shopper owns (check), what became of a claim (claim, at), or what a form came to (outcome).
func (hs *Handlers) Home(c echo.Context) error {
	q := c.QueryParams()
	checking := q.Has("check")
	switch {
	case byHTMX(c) && checking:
		return hs.check(c, q.Get("username"))
	case byHTMX(c):
		return hs.listTab(c)
	}
	home := hs.page(c)
	home.Username, home.Repeat = shown(q.Get("username")), q.Has("buy")
	home.Tab = tabNamed(q.Get("tab"), home.Demo)
	home.Notice = notice(q.Get("notice"), q.Get("swept"))
	if home.Tab == shop.TabUsers {
		home.Users = hs.listed(c)
	}
	status := hs.recall(c, &home, q)
	return hs.send(c, status, shop.HomePage(home))
}

// Status carries the figures to a page without a stream, which asks for them again and again.
func (hs *Handlers) Status(c echo.Context) error {
	snapshot, err := hs.cfg.Catalog.Snapshot("")
	if err != nil && !errors.Is(err, sale.ErrNoSale) {
		return err // the page keeps what it shows
	}
	return hs.send(c, http.StatusOK, shop.StatusPartial(hs.panel(snapshot, err)))
}

// page is the first page before anything is pressed.
func (hs *Handlers) page(c echo.Context) shop.Home {
	snapshot, err := hs.cfg.Catalog.Snapshot("")
	who := hs.cfg.Principals.Of(c.Request())
	home := shop.Home{
		Assets: hs.cfg.Brand.Assets(),
		Tab:    shop.TabMain,
		Demo:   who.RequireRole(login.Operator) == nil,
		Status: hs.panel(snapshot, err), BeatMilli: live.Heartbeat.Milliseconds(), Visitor: hs.visitor(c.Request()), SignIn: request.SignInPath(buyPath),
	}
	home.Acts.Key = rand.Text()
	if err == nil {
		home.Product, home.Shared = productView(language(c), snapshot.Product), hs.sharing(&snapshot, "/")
		home.Acts.Revision = request.RevisionTag(snapshot.Revision)
	}
	for _, preset := range sale.Presets() {
		home.Presets = append(home.Presets, shop.Preset{Name: preset.Name, Label: presetLabel(preset)})
	}
	return home
}

// send writes components as the answer.
func (hs *Handlers) send(c echo.Context, status int, parts ...templ.Component) error {
	body, err := render(text.With(c.Request().Context(), language(c)), parts...)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Vary", "Accept, HX-Request")
	return c.HTMLBlob(status, body)
}

// byHTMX reports whether htmx sent the request and so wants a piece of a page.
func byHTMX(c echo.Context) bool { return request.Header(c.Request(), "Hx-Request") == "true" }

// target is the id of the element for which htmx asked: "outcome" of "div#outcome".
func target(c echo.Context) string {
	_, id, _ := strings.Cut(request.Header(c.Request(), "Hx-Target"), "#")
	return id
}

func tabNamed(name string, demo bool) shop.Tab {
	tab := shop.Tab(name)
	known := tab == shop.TabSpecifications || tab == shop.TabImportant || demo && tab == shop.TabUsers
	if !known {
		return shop.TabMain
	}
	return tab
}

// shown cuts a name to the limit of the form. The name can come from a link that somebody else wrote.
func shown(name string) string {
	const most = 254
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most])
	}
	return name
}

// Problem shows why a request was refused: to htmx in the element that waits for the answer, else as a page.
func (hs *Handlers) Problem(c echo.Context, problem request.Problem) error {
	if !byHTMX(c) {
		if shown, err := hs.refusedAct(c, problem); shown {
			return err
		}
		if shown, err := hs.refusedPress(c, problem); shown {
			return err
		}
		return hs.problemPage(c, problem)
	}
	outcome := refused(language(c), problem)
	if signInNeeded(problem) {
		c.Response().Header().Set("Hx-Redirect", request.SignInPath(wayBack(c)))
	}
	switch target(c) {
	case "operator-outcome":
		return hs.send(c, problem.Status, hs.operatorRefusal(outcome)...)
	case "user-list":
		return hs.send(c, problem.Status, shop.UserListFragment(shop.UserList{Problem: inALine(language(c), problem)}))
	}
	if c.Request().Method == http.MethodGet && c.Path() == "/" {
		return hs.send(c, problem.Status, shop.CheckOutcome(outcome))
	}
	outcome.Shopper = shown(problem.UserID)
	return hs.send(c, problem.Status, shop.PurchaseOutcome(outcome))
}

// language is that of the page for a request.
func language(c echo.Context) text.Language { return request.Language(c.Request()) }

// nameField is the name of the field of the form that buys.
const nameField = "username"

// refused is a problem as the answer to a press.
func refused(l text.Language, problem request.Problem) shop.Outcome {
	page := problem.For(l)
	return shop.Outcome{Tone: shop.Bad, Title: page.Happened, Text: page.Now, Field: problem.Field()}
}

// inALine is a problem where there is no room for a heading.
func inALine(l text.Language, problem request.Problem) string {
	page := problem.For(l)
	return page.Happened + ". " + page.Now
}
