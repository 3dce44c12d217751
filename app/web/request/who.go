package request

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users/login"
)

// Who says who may use a route. A route that does not say it does not start.
type Who int8

const (
	// Anybody needs no credential.
	Anybody Who = iota + 1
	// Oneself is for a shopper about the own purchases, and for those who see the desk. The handler checks it, because a wrong body
	// is refused before a wrong shopper.
	Oneself
	// SignedIn is for an account with a session, about itself.
	SignedIn
	// Viewers and Operators have at least that role.
	Viewers
	Operators
	// Exporters may take lists away as files: operators, and tokens with that scope.
	Exporters
	// Owners have that role.
	Owners
)

func (w Who) String() string {
	return [...]string{"undeclared", "anybody", "oneself", "signed in", "viewer", "operator", "operator", "owner"}[w]
}

// Scope is what a token needs for a route: empty when no token gets in, or none is needed.
func (w Who) Scope() string {
	switch w {
	case Viewers:
		return "read"
	case Operators:
		return "operate"
	case Exporters:
		return "export"
	case Anybody, Oneself, SignedIn, Owners:
	}
	return ""
}

// role is the least role that a route asks for.
func (w Who) role() login.Role {
	switch w {
	case Viewers:
		return login.Viewer
	case Operators, Exporters:
		return login.Operator
	case Owners:
		return login.Owner
	case Anybody, Oneself, SignedIn:
	}
	return login.NoRole
}

// require refuses everybody who may not use a route that asks for a role.
func (w Who) require(p *Principal) error {
	if p.kind != byToken || w != Exporters {
		return p.RequireRole(w.role())
	}
	if p.token.Scopes&login.Export == 0 {
		return ErrTokenScope
	}
	return nil
}

// renew gives the session of somebody who looks at a page its full time again, at most once a day. A page is shown also when that
// fails: the session still has most of its time.
func (m *Middleware) renew(rt Route, c echo.Context) {
	r := c.Request()
	if rt.Hot || rt.Stream || r.Method != http.MethodGet || m.cfg.Principals.Demo || m.cfg.Principals.Sessions == nil || !WantsPage(r) {
		return
	}
	p := m.cfg.Principals.Of(r)
	if !p.SignedIn() {
		return
	}
	credential, renewed, err := m.cfg.Principals.Sessions.Renew(r.Context(), p.session, time.Now())
	if err == nil && credential != "" {
		err = SetSession(c.Response(), r, credential, renewed.Expires)
	}
	if err != nil {
		m.cfg.Log.Fault(c, err)
	}
}

// noteRefused tells the audit log of an act that was refused to somebody with a role or a token, or in demo mode, where everybody may
// act. Refusals of shoppers and strangers are a metric only: they could write as much as they like.
func (m *Middleware) noteRefused(rt Route, c echo.Context, err error) {
	if m.cfg.Refused == nil || rt.Who.role() < login.Operator {
		return
	}
	r := c.Request()
	p := m.cfg.Principals.Of(r)
	problem := ProblemOf(err)
	if p.kind == nobody || p.kind == bySession && p.session.Role == login.NoRole || problem.Status >= http.StatusInternalServerError {
		return
	}
	refused := audit.Refusal{
		Who: audit.Who{Actor: p.Name(), Network: Client(r), Means: p.Means()}, What: rt.Method + " " + rt.Path,
		Why: strings.TrimPrefix(problem.Type, "/problems/"), Seen: problem.SeenRevision, Present: problem.PresentRevision,
	}
	if slug := Param(c, "slug"); sale.SlugWellFormed(slug) {
		refused.Sale = slug
	}
	switch {
	case strings.Contains(rt.Path, "/orders/:id"):
		refused.Order = Param(c, "id")
	case strings.Contains(rt.Path, "/shoppers/:name"):
		refused.Shopper = Param(c, "name")
	case strings.Contains(rt.Path, "/team/:username"):
		refused.Shopper = Param(c, "username")
	}
	if len(problem.Errors) > 0 {
		refused.Field = problem.Errors[0].Field
	}
	m.cfg.Refused(refused)
}

// may refuses who may not use a route. On one that asks for a role the request keeps its principal.
func (m *Middleware) may(rt Route, c echo.Context) error {
	r := c.Request()
	if rt.Accounts && m.cfg.Principals.Demo {
		return ErrDemoMode
	}
	if rt.Who == Anybody || rt.Who == Oneself {
		return nil
	}
	p := m.cfg.Principals.Find(r)
	if rt.Who == SignedIn {
		switch {
		case p.SignedIn() || p.kind == inDemo:
			return nil
		case p.kind == byToken:
			return ErrTokenBuys
		}
		return p.signIn()
	}
	c.SetRequest(keeping(r, p))
	if err := rt.Who.require(&p); err != nil {
		return m.cfg.Principals.unready(r.Context(), &p, err)
	}
	if p.kind != bySession || rt.EvenStale || m.cfg.Principals.Sessions.Fresh() {
		return nil
	}
	// A session that was ended elsewhere must not act. Operators are few: each may ask.
	if err := m.cfg.Principals.Sessions.Refresh(r.Context()); err != nil {
		return ErrUnavailable
	}
	again := m.cfg.Principals.Find(r)
	c.SetRequest(keeping(r, again))
	return rt.Who.require(&again)
}
