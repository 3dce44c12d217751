package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/api"
	"flashsale/app/web/request"
	"flashsale/app/web/session"
	"flashsale/app/web/shop"
)

// table has every route of the public listener except those of pageTable. The routes of a sale appear twice: for the
// current sale under /api/flash-sale, and for any sale under /api/sales/:slug.
func (s *Server) table() []request.Route {
	long := request.OperationTime
	t := []request.Route{
		{Method: "GET", Path: "/health", Handler: s.admin.Health, Anyone: true},
		{Method: "GET", Path: "/livez", Handler: s.admin.Livez, Anyone: true},
		{Method: "GET", Path: "/readyz", Handler: s.admin.Readyz, Anyone: true},
		{Method: "GET", Path: "/problems/:name", Handler: s.api.ProblemType, Anyone: true},

		{Method: "GET", Path: "/api/sales", Handler: s.api.Sales},
		{Method: "GET", Path: "/api/users", Handler: s.admin.ListUsers, Admin: true},
		{Method: "POST", Path: "/api/users/seed", Handler: s.admin.SeedUsers, Admin: true, Limit: long},
		{Method: "DELETE", Path: "/api/users/reset", Handler: s.admin.ArchiveUsers, Admin: true, Limit: long},
		{Method: "POST", Path: "/api/admin/verify", Handler: s.admin.Verify, Admin: true, Limit: long},
		{Method: "POST", Path: "/api/admin/pause", Handler: s.admin.Pause, Admin: true},
		{Method: "POST", Path: "/api/admin/resume", Handler: s.admin.Resume, Admin: true},
		{Method: "POST", Path: "/api/admin/close", Handler: s.admin.Close, Admin: true},
		{Method: "GET", Path: "/api/admin/sales", Handler: s.admin.Sales, Admin: true},
		{Method: "GET", Path: request.AdminSale, Handler: s.admin.Sale, Admin: true},
		{Method: "PATCH", Path: request.AdminSale, Handler: s.admin.Amend, Admin: true},
		{Method: "POST", Path: "/api/admin/orders/:id/cancel", Handler: s.admin.CancelOrder, Admin: true},
	}
	// The original's routes for debugging and load: there are none, and the answer says what to use instead.
	for _, base := range []string{"", "/api", request.CurrentSale} {
		for _, name := range []string{"/debug", "/stress-test"} {
			t = append(t, request.Route{Method: anyMethod, Path: base + name, Handler: s.api.Gone},
				request.Route{Method: anyMethod, Path: base + name + "/*", Handler: s.api.Gone})
		}
	}
	for _, base := range []string{request.CurrentSale, request.AnySale} {
		t = append(t, []request.Route{
			{Method: "GET", Path: base + "/status", Handler: s.api.Status, Hot: true},
			{Method: "GET", Path: base + "/product", Handler: s.api.Product},
			{Method: "POST", Path: base + "/purchase", Handler: s.api.Purchase, Hot: true},
			{Method: "GET", Path: base + "/purchase/:userIdentifier", Handler: s.api.Check},
			{Method: "GET", Path: base + "/claims/:id", Handler: s.api.Claim},
			{Method: "GET", Path: base + "/stream", Handler: s.api.StatusStream, Stream: true},
			{Method: "POST", Path: base + "/reset", Handler: s.admin.Reset, Admin: true, Limit: long},
			{Method: "POST", Path: base + "/stock-preset/:preset", Handler: s.admin.Preset, Admin: true, Limit: long},
			{Method: "POST", Path: base + "/update-stock", Handler: s.admin.UpdateStock, Admin: true},
			{Method: "POST", Path: base + "/pause", Handler: s.admin.Pause, Admin: true},
			{Method: "POST", Path: base + "/resume", Handler: s.admin.Resume, Admin: true},
			{Method: "POST", Path: base + "/close", Handler: s.admin.Close, Admin: true},
		}...)
	}
	return t
}

// pageTable has the routes that only browsers use.
func pageTable(a *api.Handlers, pages *shop.Handlers, static func(http.ResponseWriter, *http.Request) bool) []request.Route {
	t := []request.Route{
		{Method: "GET", Path: "/", Handler: pages.Home},
		{Method: "GET", Path: "/live", Handler: a.PageStream, Stream: true},
		{Method: "GET", Path: "/status", Handler: pages.Status},
	}
	if static != nil {
		t = append(t, request.Route{Method: "GET", Path: "/static/*", Handler: files(static), Anyone: true},
			request.Route{Method: "GET", Path: "/favicon.ico", Handler: asset(static, "/static/favicon.ico"), Anyone: true})
	}
	return t
}

// accountTable has the routes of signing in and of accounts. In demo mode they are there and refuse: nobody is to make a credential
// in it.
func accountTable(h *session.Handlers) []request.Route {
	t := []request.Route{
		{Method: "GET", Path: "/sign-up", Handler: h.SignUpPage},
		{Method: "POST", Path: "/sign-up", Handler: h.SignUp},
		{Method: "GET", Path: "/sign-in", Handler: h.SignInPage},
		{Method: "POST", Path: "/sign-in", Handler: h.SignIn},
		{Method: "GET", Path: "/sign-in/second-factor", Handler: h.FactorPage},
		{Method: "POST", Path: "/sign-in/second-factor", Handler: h.Factor},
		{Method: "POST", Path: "/sign-in/code", Handler: h.SendCode},
		{Method: "GET", Path: "/sign-in/code/verify", Handler: h.CodePage},
		{Method: "POST", Path: "/sign-in/code/verify", Handler: h.VerifyCode},
		{Method: "GET", Path: "/sign-in/link/:token", Handler: h.LinkPage},
		{Method: "POST", Path: "/sign-in/link/:token", Handler: h.SpendLink},
		{Method: "POST", Path: "/sign-out", Handler: h.SignOut},

		{Method: "GET", Path: "/account", Handler: h.Account},
		{Method: "POST", Path: "/account/password", Handler: h.ChangePassword},
		{Method: "POST", Path: "/account/email", Handler: h.ChangeEmail},
		{Method: "GET", Path: "/account/email/verify", Handler: h.EmailPage},
		{Method: "POST", Path: "/account/email/verify", Handler: h.VerifyEmail},
		{Method: "GET", Path: "/account/sessions", Handler: h.Sessions},
		{Method: "POST", Path: "/account/sessions/end-all", Handler: h.EndSessions},
		{Method: "POST", Path: "/account/sessions/:id/end", Handler: h.EndSession},
		{Method: "GET", Path: "/account/orders", Handler: h.Orders},
		{Method: "GET", Path: "/account/second-factor", Handler: h.EnrolPage},
		{Method: "POST", Path: "/account/second-factor", Handler: h.Enrol},
		{Method: "GET", Path: "/account/second-factor/qr.png", Handler: h.Picture},

		{Method: "GET", Path: "/invitations/:token", Handler: h.InvitationPage},
		{Method: "POST", Path: "/invitations/:token", Handler: h.Accept},
		{Method: "GET", Path: "/admin/team", Handler: h.TeamPage, Admin: true},
		{Method: "GET", Path: "/api/admin/team", Handler: h.Team, Admin: true},
		{Method: "POST", Path: "/api/admin/team/invitations", Handler: h.Invite, Admin: true},
		{Method: "POST", Path: "/api/admin/team/:username/role", Handler: h.SetRole, Admin: true},
		{Method: "POST", Path: "/api/admin/team/:username/second-factor/reset", Handler: h.ResetFactor, Admin: true},
		{Method: "GET", Path: "/api/admin/tokens", Handler: h.Tokens, Admin: true},
		{Method: "POST", Path: "/api/admin/tokens", Handler: h.CreateToken, Admin: true},
		{Method: "POST", Path: "/api/admin/tokens/:id/revoke", Handler: h.RevokeToken, Admin: true},
	}
	for i := range t {
		t[i].Handler = h.OutsideDemo(t[i].Handler)
	}
	return t
}

func files(static func(http.ResponseWriter, *http.Request) bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !static(c.Response(), c.Request()) {
			return request.ErrNotFound
		}
		return nil
	}
}

// asset answers with one file of static, for browsers that ask for it at an address of their own choice.
func asset(static func(http.ResponseWriter, *http.Request) bool, path string) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request().Clone(c.Request().Context())
		r.URL.Path = path
		if !static(c.Response(), r) {
			return request.ErrNotFound
		}
		return nil
	}
}

// anyMethod is the method of a route that takes them all.
const anyMethod = "*"

// router hands the table to echo. Each handler is wrapped in its middleware once, here, so that no request has to pass a
// chain of middlewares. A request that matches no route passes the middleware too and gets its problem there.
func router(m *request.Middleware, table []request.Route) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	preflight, options := request.Preflight(e), map[string]bool{}
	for _, r := range table {
		register(e, m, r)
		if !options[r.Path] && r.Method != anyMethod {
			options[r.Path] = true
			e.Add(http.MethodOptions, r.Path, m.Wrap(request.Route{Method: "OPTIONS", Path: r.Path, Handler: preflight}))
		}
	}
	unmatched := m.Wrap(request.Route{Method: anyMethod, Path: unmatchedRoute, Handler: unmatchedError})
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		c.Set(unmatchedRoute, err)
		_ = unmatched(c)
	}
	return e
}

func register(e *echo.Echo, m *request.Middleware, r request.Route) {
	if r.Method == anyMethod {
		e.Any(r.Path, m.Wrap(r))
		return
	}
	e.Add(r.Method, r.Path, m.Wrap(r))
	if r.Method == http.MethodGet && !r.Stream {
		e.Add(http.MethodHead, r.Path, m.Wrap(r))
	}
}

// unmatchedRoute is the route's name in metrics and logs when there is none.
const unmatchedRoute = "unmatched"

func unmatchedError(c echo.Context) error {
	err, _ := c.Get(unmatchedRoute).(error)
	return err
}
