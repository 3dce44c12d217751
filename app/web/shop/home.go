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
	"flashsale/views/layout"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// Home is the page at the shop's own address: that of the current sale or, outside demo mode and when there are several, the list of
// drops. What its query says is what Sale reads.
func (hs *Handlers) Home(c echo.Context) error {
	switch {
	case byHTMX(c) && c.QueryParams().Has("check"):
		return hs.check(c, c.QueryParam("username"))
	case byHTMX(c):
		return hs.listTab(c)
	case !hs.cfg.Principals.Demo && plain(c):
		if announced := hs.announced(); len(announced) > 1 {
			return hs.drops(c, announced)
		}
	}
	return hs.salePage(c, "")
}

// Sale is the page of the sale that its path names. Its query says which tab is open (tab, page), whose name is in the form
// (username) and what to say of it: what that shopper owns (check), what became of a claim (claim, at), or what a form came to
// (outcome).
func (hs *Handlers) Sale(c echo.Context) error {
	s, err := hs.cfg.Catalog.Snapshot(slugOf(c))
	if err != nil {
		return err
	}
	if who := hs.cfg.Principals.Of(c.Request()); !who.MaySee(&s) {
		return sale.ErrNoSale
	}
	if byHTMX(c) {
		return hs.check(c, c.QueryParam("username"))
	}
	return hs.salePage(c, s.Slug)
}

// salePage answers with the page of a sale: the one that is kept for everybody or, when the query asks for something, one that is made
// for this request.
func (hs *Handlers) salePage(c echo.Context, slug string) error {
	if s, err := hs.cfg.Catalog.Snapshot(slug); err == nil && plain(c) {
		return hs.sendKept(c, slug, &s)
	}
	q := c.QueryParams()
	home := hs.page(c, slug)
	home.Username, home.Repeat = shown(q.Get("username")), q.Has("buy")
	home.Tab = tabNamed(q.Get("tab"), home.Demo)
	home.Notice = notice(language(c), q.Get("notice"), q.Get("swept"))
	if home.Tab == shop.TabUsers {
		home.Users = hs.listed(c)
	}
	status := hs.recall(c, &home, q)
	return hs.send(c, status, shop.HomePage(home))
}

// plain is true for a page of which nothing but its language is asked.
func plain(c echo.Context) bool {
	q := c.Request().URL.RawQuery
	if q == "" {
		return true
	}
	asked := c.QueryParams()
	return len(asked) == 1 && asked.Has(request.LanguageField)
}

// Status carries the figures to a page without a stream, which asks for them again and again.
func (hs *Handlers) Status(c echo.Context) error {
	snapshot, err := hs.cfg.Catalog.Snapshot(slugOf(c))
	who := hs.cfg.Principals.Of(c.Request())
	switch {
	case err == nil && !who.MaySee(&snapshot), errors.Is(err, sale.ErrNoSale) && slugOf(c) != "":
		return sale.ErrNoSale
	case err != nil && !errors.Is(err, sale.ErrNoSale):
		return err // the page keeps what it shows
	}
	return hs.send(c, http.StatusOK, shop.StatusPartial(hs.panel(snapshot, err)))
}

// slugOf is the sale that a request is about: that of its path, or the current one.
func slugOf(c echo.Context) string {
	slug, _ := request.Slug(c) // a path without a name has no route
	return slug
}

// page is the page of a sale before anything is pressed, made for one visitor.
func (hs *Handlers) page(c echo.Context, slug string) shop.Home {
	snapshot, err := hs.cfg.Catalog.Snapshot(slug)
	who := hs.cfg.Principals.Of(c.Request())
	home := hs.homeOf(snapshot, err, pageName{slug: slug, language: request.Language(c.Request()), operator: who.RequireRole(login.Operator) == nil, signedIn: who.SignedIn()})
	home.Visitor = hs.visitor(c.Request())
	home.Acts.Key = rand.Text()
	if err == nil {
		home.Next = hs.next(c.Request().Context(), &snapshot)
		hs.recallReminder(c, &home, &snapshot)
	}
	return home
}

// homeOf is a sale's page without what belongs to one visitor. err says that there is no sale, or that it is not known.
func (hs *Handlers) homeOf(s sale.Snapshot, err error, name pageName) shop.Home {
	home := shop.Home{
		Assets: hs.cfg.Brand.Assets(),
		Place:  shop.Place{Slug: name.slug, Language: name.language.Code()},
		Front:  name.slug == "",
		Tab:    shop.TabMain,
		// The tools of the demonstration belong to the current sale, whose page stands at the shop's own address.
		Demo:   name.operator && name.slug == "",
		Status: hs.panel(s, err), BeatMilli: live.Heartbeat.Milliseconds(),
	}
	if err == nil {
		home.Product, home.Shared = productView(name.language, s.Product), hs.sharing(&s, shop.Place{Slug: name.slug}.Path())
		home.Acts.Revision = request.RevisionTag(s.Revision)
		home.Remind = hs.remindForm(&s, name.signedIn)
		if name.slug != "" {
			home.Title = s.Product.Name
		}
		if !hs.cfg.Principals.Demo {
			// The page stays that of this sale when another one becomes the current one.
			home.Place.Slug = s.Slug
		}
	}
	home.SignIn = request.SignInPath(home.Place.Buy())
	for _, preset := range sale.Presets() {
		home.Presets = append(home.Presets, shop.Preset{Name: preset.Name, Label: presetLabel(name.language, preset)})
	}
	return home
}

// send writes components as the answer.
func (hs *Handlers) send(c echo.Context, status int, parts ...templ.Component) error {
	return hs.sendAt(c, request.PageAddress(c.Request()), status, parts...)
}

// sendAt is send for a page that has that address.
func (hs *Handlers) sendAt(c echo.Context, address string, status int, parts ...templ.Component) error {
	body, err := render(layout.At(c.Request().Context(), address), parts...)
	if err != nil {
		return err
	}
	request.MarkLanguage(c, "Accept", "HX-Request")
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
	case "remind":
		return hs.send(c, problem.Status, shop.RemindFragment(refusedReminder(c, problem)))
	case "user-list":
		return hs.send(c, problem.Status, shop.UserListFragment(shop.UserList{Problem: inALine(language(c), problem)}))
	}
	if c.Request().Method == http.MethodGet && (c.Path() == "/" || c.Path() == request.SalePage) {
		return hs.send(c, problem.Status, shop.CheckOutcome(outcome))
	}
	outcome.Shopper = shown(problem.UserID)
	return hs.send(c, problem.Status, shop.PurchaseOutcome(outcome))
}

// language is that of the page for a request.
func language(c echo.Context) text.Language { return text.From(c.Request().Context()) }

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
