package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/sale"
	"flashsale/static"
	"flashsale/views/layout"
	"flashsale/views/shop"
)

// site answers browsers. A request by htmx gets the piece it asked for, any other the whole page with that piece
// in its place, so that every form works without scripts.
type site struct {
	server *Server
	assets layout.Assets
}

func newPages(s *Server) pages {
	return &site{server: s, assets: layout.Assets{
		Style:      static.URL("app.css"),
		Script:     static.URL("app.js"),
		HTMX:       static.URL("htmx.js"),
		HTMXStream: static.URL("htmx-sse.js"),
		Icon:       static.URL("icon.svg"),
	}}
}

// Routes are the pages' own lines of the table.
func (p *site) Routes() []route {
	return []route{{method: "GET", path: "/", handler: p.home}}
}

// home is the first page. Its query says which tab is open (tab, page), whose name is in the form (username) and
// whether to say what that shopper owns (check).
func (p *site) home(c echo.Context) error {
	q := c.QueryParams()
	checking := q.Has("check")
	switch {
	case byHTMX(c) && checking:
		return p.check(c, q.Get("username"))
	case byHTMX(c):
		return p.listTab(c)
	}
	home := p.page(c)
	home.Username = shown(q.Get("username"))
	home.Tab = tabNamed(q.Get("tab"), home.Demo)
	home.Notice = notice(q.Get("notice"))
	if home.Tab == shop.TabUsers {
		home.Users = p.listed(c)
	}
	status := http.StatusOK
	if checking {
		outcome, code := p.checked(c, q.Get("username"))
		home.Check, status = &outcome, code
	}
	return p.send(c, status, shop.HomePage(home))
}

// page is the first page as it stands, with nothing pressed.
func (p *site) page(c echo.Context) shop.Home {
	snapshot, err := p.server.cfg.Board.Snapshot("")
	home := shop.Home{
		Assets: p.assets,
		Tab:    shop.TabMain,
		Demo:   p.server.who(c.Request()).operator() == nil,
		Status: p.status(snapshot, err),
	}
	if err == nil {
		home.Product = productView(snapshot.Product)
	}
	for _, preset := range sale.Presets() {
		home.Presets = append(home.Presets, shop.Preset{Name: preset.Name, Label: presetLabel(preset)})
	}
	return home
}

// send writes components as the answer.
func (p *site) send(c echo.Context, status int, parts ...templ.Component) error {
	body, err := render(c.Request().Context(), parts...)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Vary", "Accept, HX-Request")
	return c.HTMLBlob(status, body)
}

// byHTMX reports whether a piece of a page is wanted.
func byHTMX(c echo.Context) bool { return header(c.Request(), "Hx-Request") == "true" }

// target is the id of the element for which htmx asked: "purchase-outcome" of "div#purchase-outcome".
func target(c echo.Context) string {
	_, id, _ := strings.Cut(header(c.Request(), "Hx-Target"), "#")
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

// shown keeps what somebody else's link may put into the form within the form's own limit.
func shown(name string) string {
	const most = 254
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most])
	}
	return name
}

// Problem shows why a request was refused: in the place the answer was meant for, or as a page.
func (p *site) Problem(c echo.Context, problem Problem) error {
	if !byHTMX(c) {
		return p.send(c, problem.Status, layout.ProblemPage(p.assets, layout.Problem{
			Status: problem.Status, Title: problem.Title, Detail: problem.Message,
		}))
	}
	outcome := refused(problem)
	switch target(c) {
	case "check-outcome":
		return p.send(c, problem.Status, shop.CheckOutcome(outcome))
	case "operator-outcome":
		return p.send(c, problem.Status, shop.OperatorOutcome(outcome))
	case "user-list":
		return p.send(c, problem.Status, shop.UserListFragment(shop.UserList{Problem: problem.Message}))
	}
	return p.send(c, problem.Status, shop.PurchaseOutcome(outcome))
}

func refused(problem Problem) shop.Outcome {
	outcome := shop.Outcome{Tone: shop.Bad, Title: problem.Title}
	if problem.Message != problem.Title {
		outcome.Text = problem.Message
	}
	return outcome
}

// Done shows that an operator's action succeeded. Without scripts the answer is a redirect, so that reloading the
// page does not press the button again.
func (p *site) Done(c echo.Context, message string) error {
	if !byHTMX(c) {
		return c.Redirect(http.StatusSeeOther, "/?"+url.Values{
			"tab": {string(shop.TabUsers)}, "notice": {noticeOf(c)},
		}.Encode())
	}
	snapshot, err := p.server.cfg.Board.Snapshot("")
	c.Response().Header().Set("Hx-Trigger", "users-changed")
	return p.send(c, http.StatusOK, shop.OperatorFragment(
		shop.Outcome{Tone: shop.Good, Title: message}, p.status(snapshot, err)))
}

// noticeOf names what a request to an operator's route did, for the page it is redirected to.
func noticeOf(c echo.Context) string {
	if preset := param(c, "preset"); preset != "" {
		return "preset-" + preset
	}
	path := c.Path()
	return path[strings.LastIndexByte(path, '/')+1:]
}

// notice is the sentence for noticeOf. The words are ours and not the address's, so that no link can put any into
// our mouth.
func notice(name string) string {
	if preset, ok := sale.PresetNamed(strings.TrimPrefix(name, "preset-")); ok && strings.HasPrefix(name, "preset-") {
		return "Stock preset set: " + presetLabel(preset)
	}
	switch name {
	case "reset":
		return "The system was reset. Nothing is sold."
	case "seed":
		return "The dummy users are there."
	case "update-stock":
		return "The stock was changed."
	case "pause", "resume", "close":
		return "Done. The status shows it."
	}
	return ""
}
