package web

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"text/tabwriter"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/api"
	"flashsale/app/web/request"
	"flashsale/app/web/session"
	"flashsale/app/web/shop"
	"flashsale/users/login/limits"
)

// table has every route of the public listener except those of pageTable. The routes of a sale appear twice: for the
// current sale under /api/flash-sale, and for any sale under /api/sales/:slug.
func (s *Server) table() []request.Route {
	long := request.OperationTime
	t := []request.Route{
		{Method: "GET", Path: "/health", Handler: s.admin.Health, Forwarded: true, Who: request.Anybody},
		{Method: "GET", Path: "/livez", Handler: s.admin.Livez, Forwarded: true, Who: request.Anybody},
		{Method: "GET", Path: "/readyz", Handler: s.admin.Readyz, Forwarded: true, Who: request.Anybody},
		{Method: "GET", Path: "/problems", Handler: s.api.Problems, Forwarded: true, Who: request.Anybody},
		{Method: "GET", Path: "/problems/", Handler: s.api.Problems, Forwarded: true, Who: request.Anybody},
		{Method: "GET", Path: "/problems/:name", Handler: s.api.ProblemType, Forwarded: true, Who: request.Anybody},

		{Method: "GET", Path: "/api/sales", Handler: s.api.Sales, Who: request.Anybody},
		{Method: "GET", Path: "/api/users", Handler: s.admin.ListUsers, Who: request.Viewers, Policy: limits.API},
		{Method: "POST", Path: "/api/users/seed", Handler: s.admin.SeedUsers, Who: request.Operators, Limit: long},
		{Method: "DELETE", Path: "/api/users/reset", Handler: s.admin.ArchiveUsers, Who: request.Operators, Limit: long},
		{Method: "POST", Path: "/api/admin/verify", Handler: s.admin.Verify, Who: request.Viewers, Limit: long},
		{Method: "POST", Path: "/api/admin/pause", Handler: s.admin.Pause, Who: request.Operators, EvenStale: true},
		{Method: "POST", Path: "/api/admin/resume", Handler: s.admin.Resume, Who: request.Operators},
		{Method: "POST", Path: "/api/admin/close", Handler: s.admin.Close, Who: request.Operators},
		{Method: "GET", Path: "/api/admin/sales", Handler: s.admin.Sales, Who: request.Viewers},
		{Method: "GET", Path: request.AdminSale, Handler: s.admin.Sale, Who: request.Viewers},
		{Method: "PATCH", Path: request.AdminSale, Handler: s.admin.Amend, Who: request.Operators},
		{Method: "GET", Path: request.AdminSale + "/pictures", Handler: s.admin.Pictures, Who: request.Viewers},
		{Method: "POST", Path: request.AdminSale + "/pictures", Handler: s.admin.AddPicture, Who: request.Operators, Upload: true, Limit: request.UploadTime},
		{Method: "PUT", Path: request.AdminSale + "/pictures", Handler: s.admin.ArrangePictures, Who: request.Operators},
		{Method: "PATCH", Path: request.AdminSale + "/pictures/:id", Handler: s.admin.DescribePicture, Who: request.Operators},
		{Method: "DELETE", Path: request.AdminSale + "/pictures/:id", Handler: s.admin.RemovePicture, Who: request.Operators},
		// The same for forms, which only post.
		{Method: "POST", Path: request.AdminSale + "/pictures/order", Handler: s.admin.ArrangePictures, Who: request.Operators},
		{Method: "POST", Path: request.AdminSale + "/pictures/:id/text", Handler: s.admin.DescribePicture, Who: request.Operators},
		{Method: "POST", Path: request.AdminSale + "/pictures/:id/remove", Handler: s.admin.RemovePicture, Who: request.Operators},
		{Method: "GET", Path: request.AdminSale + "/units", Handler: s.lists.Units, Who: request.Viewers},
		{Method: "GET", Path: "/api/admin/orders", Handler: s.lists.Orders, Who: request.Viewers},
		{Method: "GET", Path: "/api/admin/orders/export", Handler: s.lists.ExportOrders, Who: request.Exporters, Limit: long},
		{Method: "GET", Path: "/api/admin/orders/:id", Handler: s.lists.Order, Who: request.Viewers},
		{Method: "POST", Path: "/api/admin/orders/:id/cancel", Handler: s.admin.CancelOrder, Who: request.Operators},
		{Method: "GET", Path: "/api/admin/claims", Handler: s.lists.Claims, Who: request.Viewers},
		{Method: "GET", Path: "/api/admin/shoppers", Handler: s.lists.Shoppers, Who: request.Viewers},
		{Method: "GET", Path: "/api/admin/shoppers/:name", Handler: s.lists.Shopper, Who: request.Viewers},
		{Method: "POST", Path: "/api/admin/shoppers/:name/bar", Handler: s.admin.BarShopper, Who: request.Operators},
		{Method: "POST", Path: "/api/admin/shoppers/:name/unbar", Handler: s.admin.UnbarShopper, Who: request.Operators},
		{Method: "GET", Path: "/api/admin/audit", Handler: s.lists.Audit, Who: request.Viewers},
		{Method: "GET", Path: "/api/admin/audit/export", Handler: s.lists.ExportAudit, Who: request.Exporters, Limit: long},
	}
	// The original's routes for debugging and load: there are none, and the answer says what to use instead.
	for _, base := range []string{"", "/api", request.CurrentSale} {
		for _, name := range []string{"/debug", "/stress-test"} {
			t = append(t, request.Route{Method: anyMethod, Path: base + name, Handler: s.api.Gone, Who: request.Anybody},
				request.Route{Method: anyMethod, Path: base + name + "/*", Handler: s.api.Gone, Who: request.Anybody})
		}
	}
	for _, base := range []string{request.CurrentSale, request.AnySale} {
		t = append(t, []request.Route{
			{Method: "GET", Path: base + "/status", Handler: s.api.Status, Who: request.Anybody, Hot: true},
			{Method: "GET", Path: base + "/product", Handler: s.api.Product, Who: request.Anybody},
			{Method: "POST", Path: base + "/purchase", Handler: s.api.Purchase, Who: request.Oneself, Hot: true, Traced: true, Policy: limits.Purchase},
			{Method: "GET", Path: base + "/purchase/:userIdentifier", Handler: s.api.Check, Who: request.Oneself, Policy: limits.API},
			{Method: "GET", Path: base + "/claims/:id", Handler: s.api.Claim, Who: request.Anybody, Policy: limits.Claims},
			{Method: "GET", Path: base + "/stream", Handler: s.api.StatusStream, Who: request.Anybody, Stream: true},
			{Method: "POST", Path: base + "/reset", Handler: s.admin.Reset, Who: request.Operators, Limit: long},
			{Method: "POST", Path: base + "/stock-preset/:preset", Handler: s.admin.Preset, Who: request.Operators, Limit: long},
			{Method: "POST", Path: base + "/update-stock", Handler: s.admin.UpdateStock, Who: request.Operators},
			{Method: "POST", Path: base + "/pause", Handler: s.admin.Pause, Who: request.Operators, EvenStale: true},
			{Method: "POST", Path: base + "/resume", Handler: s.admin.Resume, Who: request.Operators},
			{Method: "POST", Path: base + "/close", Handler: s.admin.Close, Who: request.Operators},
		}...)
	}
	return slices.Concat(t, s.admin.DeskRoutes(), s.lists.OrderRoutes(), s.lists.PeoplePages(), s.proof.Routes())
}

// pageTable has the routes that only browsers use.
func pageTable(a *api.Handlers, pages *shop.Handlers, static func(http.ResponseWriter, *http.Request) bool) []request.Route {
	const remind = request.SalePage + "/reminder"
	t := []request.Route{
		{Method: "GET", Path: "/", Handler: pages.Home, Who: request.Anybody},
		{Method: "GET", Path: "/live", Handler: a.PageStream, Who: request.Anybody, Stream: true},
		{Method: "GET", Path: "/status", Handler: pages.Status, Who: request.Anybody},
		{Method: "GET", Path: request.SalePage, Handler: pages.Sale, Who: request.Anybody},
		{Method: "GET", Path: request.SalePage + "/live", Handler: a.PageStream, Who: request.Anybody, Stream: true},
		{Method: "GET", Path: request.SalePage + "/status", Handler: pages.Status, Who: request.Anybody},
		{Method: "GET", Path: "/sales/:slug/calendar.ics", Handler: pages.Reminder, Who: request.Anybody},
		{Method: "GET", Path: remind, Handler: pages.Remind, Who: request.SignedIn, Accounts: true, Policy: limits.API},
		{Method: "POST", Path: remind, Handler: pages.AskReminder, Who: request.SignedIn, Accounts: true, Policy: limits.API},
		{Method: "POST", Path: remind + "/stop", Handler: pages.StopReminder, Who: request.SignedIn, Accounts: true, Policy: limits.API},
		{Method: "GET", Path: "/receipts/:secret", Handler: pages.Receipt, Who: request.Anybody, Secret: true, Policy: limits.Receipts},
		{Method: "GET", Path: "/receipts/:secret/calendar.ics", Handler: pages.ReceiptCalendar, Who: request.Anybody, Secret: true, Policy: limits.Receipts},
	}
	if static != nil {
		t = append(t, request.Route{Method: "GET", Path: "/static/*", Handler: files(static), Forwarded: true, Who: request.Anybody},
			request.Route{Method: "GET", Path: "/favicon.ico", Handler: asset(static, "/static/favicon.ico"), Forwarded: true, Who: request.Anybody})
	}
	return t
}

// accountTable has the routes of signing in and of accounts.
func accountTable(h *session.Handlers) []request.Route {
	t := []request.Route{
		{Method: "GET", Path: "/sign-up", Handler: h.SignUpPage, Who: request.Anybody},
		{Method: "POST", Path: "/sign-up", Handler: h.SignUp, Who: request.Anybody, Policy: limits.SignUp},
		{Method: "GET", Path: "/sign-in", Handler: h.SignInPage, Who: request.Anybody},
		{Method: "POST", Path: "/sign-in", Handler: h.SignIn, Who: request.Anybody, Policy: limits.SignIn},
		{Method: "GET", Path: "/sign-in/second-factor", Handler: h.FactorPage, Who: request.Anybody},
		{Method: "POST", Path: "/sign-in/second-factor", Handler: h.Factor, Who: request.Anybody, Policy: limits.SecondFactor},
		{Method: "POST", Path: "/sign-in/code", Handler: h.SendCode, Who: request.Anybody, Policy: limits.Code},
		{Method: "GET", Path: "/sign-in/code/verify", Handler: h.CodePage, Who: request.Anybody},
		{Method: "POST", Path: "/sign-in/code/verify", Handler: h.VerifyCode, Who: request.Anybody, Policy: limits.CodeVerify},
		{Method: "GET", Path: "/sign-in/link/:token", Handler: h.LinkPage, Who: request.Anybody},
		{Method: "POST", Path: "/sign-in/link/:token", Handler: h.SpendLink, Who: request.Anybody, Policy: limits.CodeVerify},
		{Method: "POST", Path: "/sign-out", Handler: h.SignOut, Who: request.Anybody},

		{Method: "GET", Path: "/account", Handler: h.Account, Who: request.SignedIn},
		{Method: "POST", Path: "/account/password", Handler: h.ChangePassword, Who: request.SignedIn, Policy: limits.SignIn},
		{Method: "POST", Path: "/account/email", Handler: h.ChangeEmail, Who: request.SignedIn, Policy: limits.Code},
		{Method: "GET", Path: "/account/email/verify", Handler: h.EmailPage, Who: request.SignedIn},
		{Method: "POST", Path: "/account/email/verify", Handler: h.VerifyEmail, Who: request.SignedIn, Policy: limits.CodeVerify},
		{Method: "GET", Path: "/account/sessions", Handler: h.Sessions, Who: request.SignedIn},
		{Method: "POST", Path: "/account/sessions/end-all", Handler: h.EndSessions, Who: request.SignedIn},
		{Method: "POST", Path: "/account/sessions/:id/end", Handler: h.EndSession, Who: request.SignedIn},
		{Method: "GET", Path: "/account/orders", Handler: h.Orders, Who: request.SignedIn},
		{Method: "GET", Path: "/account/second-factor", Handler: h.EnrolPage, Who: request.SignedIn},
		{Method: "POST", Path: "/account/second-factor", Handler: h.Enrol, Who: request.SignedIn, Policy: limits.SecondFactor},
		{Method: "GET", Path: "/account/second-factor/qr.png", Handler: h.Picture, Who: request.SignedIn},

		{Method: "GET", Path: "/invitations/:token", Handler: h.InvitationPage, Who: request.Anybody},
		{Method: "POST", Path: "/invitations/:token", Handler: h.Accept, Who: request.Anybody, Policy: limits.SignUp},
		{Method: "GET", Path: "/admin/team", Handler: h.TeamPage, Who: request.Owners},
		{Method: "GET", Path: "/api/admin/team", Handler: h.Team, Who: request.Owners},
		{Method: "POST", Path: "/api/admin/team/invitations", Handler: h.Invite, Who: request.Owners},
		{Method: "POST", Path: "/api/admin/team/:username/role", Handler: h.SetRole, Who: request.Owners},
		{Method: "POST", Path: "/api/admin/team/:username/second-factor/reset", Handler: h.ResetFactor, Who: request.Owners},
		{Method: "GET", Path: "/api/admin/tokens", Handler: h.Tokens, Who: request.Owners},
		{Method: "POST", Path: "/api/admin/tokens", Handler: h.CreateToken, Who: request.Owners},
		{Method: "POST", Path: "/api/admin/tokens/:id/revoke", Handler: h.RevokeToken, Who: request.Owners},
	}
	for i := range t {
		t[i].Accounts, t[i].Handler = true, h.Ready(t[i].Handler)
	}
	return t
}

// files answers with the files of static. The fields that are about documents are left out of what is none: each page loads several.
func files(static func(http.ResponseWriter, *http.Request) bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		before := maps.Clone(h)
		if ext := path.Ext(c.Request().URL.Path); ext == ".css" || ext == ".js" {
			for _, field := range []string{"Content-Security-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy"} {
				delete(h, field)
			}
		}
		if !static(c.Response(), c.Request()) {
			maps.Copy(h, before) // the page that says so is a document
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

// Routes is every route that the public listener can have, for people who want to see who may use what. The handlers are not usable.
func Routes() []request.Route {
	noFiles := func(http.ResponseWriter, *http.Request) bool { return false }
	return slices.Concat((&Server{}).table(), pageTable(nil, nil, noFiles), (&shop.Brand{}).Routes(), (&shop.Pictures{}).Routes(), accountTable(nil), session.NewDevMail(nil).Routes())
}

// PrintRoutes writes a table of Routes: who may use each one outside demo mode, and the scope that a token needs for it.
func PrintRoutes(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(w, "METHOD\tPATH\tWHO\tTOKEN\n"); err != nil {
		return err
	}
	for _, r := range Routes() {
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Method, r.Path, r.Who, cmp.Or(r.Who.Scope(), "-")); err != nil {
			return err
		}
	}
	return w.Flush()
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
		if r.Who == 0 {
			panic("web: the route " + r.Method + " " + r.Path + " does not say who may use it")
		}
		register(e, m, r)
		if !options[r.Path] && r.Method != anyMethod {
			options[r.Path] = true
			e.Add(http.MethodOptions, r.Path, m.Wrap(request.Route{Method: "OPTIONS", Path: r.Path, Handler: preflight, Who: request.Anybody}))
		}
	}
	unmatched := m.Wrap(request.Route{Method: anyMethod, Path: unmatchedRoute, Handler: unmatchedError, Who: request.Anybody})
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
