package session

import (
	"context"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/login"
	"flashsale/views/account"
	"flashsale/views/layout"
	"flashsale/views/text"
)

type sessionDocument struct {
	ID      uuid.UUID       `json:"id"`
	Agent   string          `json:"agent"`
	Network string          `json:"network"`
	Created request.Instant `json:"createdAt"`
	Expires request.Instant `json:"expiresAt"`
	Current bool            `json:"current"`
}

type sessionsDocument struct {
	Sessions []sessionDocument `json:"sessions"`
}

type endedDocument struct {
	Ended int `json:"ended"`
}

// Sessions lists where one is signed in.
func (hs *Handlers) Sessions(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	list, err := hs.cfg.Sessions.List(c.Request().Context(), who.Account)
	if err != nil {
		return err
	}
	private(c)
	if request.WantsPage(c.Request()) {
		return hs.send(c, http.StatusOK, account.SessionsPage(hs.sessionsPage(c, who, list)))
	}
	d := sessionsDocument{Sessions: make([]sessionDocument, 0, len(list))}
	for i := range list {
		one := &list[i]
		d.Sessions = append(d.Sessions, sessionDocument{
			ID: one.ID, Agent: one.Origin.Agent, Network: one.Origin.Network, Created: request.Instant(one.Created),
			Expires: request.Instant(one.Expires), Current: one.ID == who.Session,
		})
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

func (hs *Handlers) sessionsPage(c echo.Context, who Visitor, list []login.Session) account.Sessions {
	page := account.Sessions{Page: account.Page{
		Frame: hs.frame(c, say(c, "Where you are signed in")), Links: []layout.Link{{Label: say(c, "Back to the account"), Path: "/account"}},
	}}
	if c.QueryParam("notice") == "ended" {
		page.Notice = say(c, "Done. The list shows what is left.")
	}
	for i := range list {
		one := &list[i]
		page.List = append(page.List, account.Session{
			ID: one.ID.String(), Agent: browser(c.Request().Context(), one.Origin.Agent), Network: one.Origin.Network, Since: moment(c, one.Created), Current: one.ID == who.Session,
		})
	}
	if len(list) > 1 {
		page.Forms = []account.Form{{Action: "/account/sessions/end-all", Submit: say(c, "Sign out everywhere else"), Quiet: true}}
	}
	return page
}

// EndSession signs one browser out.
func (hs *Handlers) EndSession(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return request.ErrNoSession
	}
	if err := hs.cfg.Sessions.End(c.Request().Context(), who.Account, id); err != nil {
		return problem(err, "id", request.ErrNoSession)
	}
	if id == who.Session {
		request.ClearSession(c.Response(), c.Request())
		clearCookie(c, cookieFresh)
		return done(c, "/", http.StatusNoContent, nil)
	}
	return done(c, "/account/sessions?notice=ended", http.StatusNoContent, nil)
}

// EndSessions signs every other browser out.
func (hs *Handlers) EndSessions(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	// All end, so that a sign-in that is under way ends too, and this browser gets a new one.
	ended, err := hs.cfg.Sessions.EndAll(c.Request().Context(), who.Account, uuid.Nil)
	if err != nil {
		return err
	}
	if err := hs.renew(c, who); err != nil {
		return err
	}
	return done(c, "/account/sessions?notice=ended", http.StatusOK, endedDocument{Ended: max(0, ended-1)})
}

// browser is a short name for what a browser says of itself: "Firefox on Linux". What it does not know is cut.
func browser(ctx context.Context, agent string) string {
	name, system := named(agent, [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}), named(agent, [][2]string{
		{"Android", "Android"}, {"iPhone", text.Key("an iPhone")}, {"iPad", text.Key("an iPad")}, {"Windows", "Windows"}, {"Mac OS X", text.Key("a Mac")}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	})
	switch {
	case agent == "":
		return text.Say(ctx, "A browser without a name")
	case name != "" && system != "":
		return text.Say(ctx, "%s on %s", name, text.Say(ctx, system))
	case name != "":
		return name
	}
	const most = 40
	if utf8.RuneCountInString(agent) <= most {
		return agent
	}
	return string([]rune(agent)[:most]) + "…"
}

func named(agent string, known [][2]string) string {
	for _, k := range known {
		if strings.Contains(agent, k[0]) {
			return k[1]
		}
	}
	return ""
}
