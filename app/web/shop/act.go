package shop

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// Done shows that an operator's act succeeded. change is what it did, or nil when the act was on no sale. Without scripts the
// answer is a redirect, so that reloading the page does not send the act again.
func (hs *Handlers) Done(c echo.Context, change *sale.Change, message string) error {
	var after *sale.Snapshot
	to := url.Values{"tab": {string(shop.TabUsers)}, "notice": {noticeOf(c)}}
	if change != nil {
		after = &change.After
		if n := change.Swept(); n > 0 {
			to.Set("swept", strconv.FormatInt(n, 10))
		}
	}
	if !byHTMX(c) {
		return c.Redirect(http.StatusSeeOther, "/?"+to.Encode())
	}
	c.Response().Header().Set("Hx-Trigger", "users-changed")
	return hs.send(c, http.StatusOK, shop.OperatorFragment(
		shop.Outcome{Tone: shop.Good, Title: message}, hs.panelAfter(after)))
}

// panelAfter is the current sale as it is now, or as an act has just left it when this process does not show that yet.
func (hs *Handlers) panelAfter(after *sale.Snapshot) shop.Status {
	now, err := hs.cfg.Catalog.Snapshot("")
	if after != nil && (err != nil || now.ID == after.ID && now.Version < after.Version) {
		return hs.panel(*after, nil)
	}
	return hs.panel(now, err)
}

// noticeOf names what a request to an operator's route did, for the page it is redirected to.
func noticeOf(c echo.Context) string {
	if preset := request.Param(c, "preset"); preset != "" {
		return "preset-" + preset
	}
	path := c.Path()
	return path[strings.LastIndexByte(path, '/')+1:]
}

// notice is the sentence for what noticeOf returned, with the number of orders that the act swept away. The query only selects
// it, so no link can show a text of its own.
func notice(l text.Language, name, swept string) string {
	said := noticeNamed(l, name)
	n, err := strconv.ParseInt(swept, 10, 64)
	if said == "" || err != nil || n < 1 {
		return said
	}
	return said + " " + l.Say("%d orders were swept away", n) + "."
}

func noticeNamed(l text.Language, name string) string {
	if preset, ok := sale.PresetNamed(strings.TrimPrefix(name, "preset-")); ok && strings.HasPrefix(name, "preset-") {
		return l.Say("Stock preset set: %s.", presetLabel(l, preset))
	}
	switch name {
	case "reset":
		return l.Say("The system was reset. A new generation began with nothing sold.")
	case "seed":
		return l.Say("The dummy users are there.")
	case "update-stock":
		return l.Say("The stock was changed.")
	case "pause", "resume", "close":
		return l.Say("Done. The status shows it.")
	}
	return ""
}

// operatorRefusal answers an operator's press that changed nothing, with the figures as they are now: another operator may have
// changed them.
func (hs *Handlers) operatorRefusal(outcome shop.Outcome) []templ.Component {
	parts := []templ.Component{shop.OperatorOutcome(outcome)}
	if now, err := hs.cfg.Catalog.Snapshot(""); err == nil {
		parts = append(parts, shop.StatusPartial(hs.panel(now, nil)))
	}
	return parts
}

// refusedAct shows, on a page without scripts, why a form of the users' tab changed nothing. The forms of that page are for the sale
// as it is now. It is false for other requests, and when the act may yet be done: then a reload sends the same form with the
// same key again.
func (hs *Handlers) refusedAct(c echo.Context, problem request.Problem) (bool, error) {
	open := problem.Status >= http.StatusInternalServerError || problem.Type == request.ErrKeyRunning.Problem("").Type
	if open || c.Request().Method != http.MethodPost || !hasForm(c.Path()) {
		return false, nil
	}
	home := hs.page(c, "")
	if !home.Demo {
		return false, nil
	}
	outcome := refused(language(c), problem)
	home.Tab, home.Users, home.Acted = shop.TabUsers, hs.listed(c), &outcome
	return true, hs.send(c, problem.Status, shop.HomePage(home))
}

// hasForm is true for the routes of the forms in the users' tab.
func hasForm(path string) bool {
	switch path {
	case "/api/flash-sale/stock-preset/:preset", "/api/flash-sale/update-stock", "/api/flash-sale/reset", "/api/users/seed":
		return true
	}
	return false
}
