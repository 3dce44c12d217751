package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// route is one line of the table.
type route struct {
	method  string
	path    string
	handler echo.HandlerFunc
	// admin routes need the operator's role outside demo mode.
	admin bool
	// hot routes have their own short way: no context of their own, sampled log lines.
	hot bool
	// stream routes have no deadline for the whole answer.
	stream bool
	// limit is the time the whole answer may take; 0 means answerTime.
	limit time.Duration
}

const (
	// answerTime bounds an ordinary answer, from the first line of the request read to the last byte written.
	answerTime = 30 * time.Second
	// operationTime bounds an operator's action; seeding a million shoppers takes its time.
	operationTime = 5 * time.Minute
)

// table is every route of the public listener. The routes of a sale appear twice: for the current sale under
// /api/flash-sale, and for any sale under /api/sales/:slug. The pages add theirs (pages.Routes).
func (s *Server) table() []route {
	t := []route{
		{method: "GET", path: "/health", handler: s.health},
		{method: "GET", path: "/livez", handler: s.livez},
		{method: "GET", path: "/readyz", handler: s.readyz},
		{method: "GET", path: "/problems/:name", handler: s.problemPage},

		{method: "GET", path: "/api/sales", handler: s.sales},
		{method: "GET", path: "/api/users", handler: s.listUsers, admin: true},
		{method: "POST", path: "/api/users/seed", handler: s.seedUsers, admin: true, limit: operationTime},
		{method: "DELETE", path: "/api/users/reset", handler: s.archiveUsers, admin: true, limit: operationTime},
		{method: "POST", path: "/api/admin/verify", handler: s.verify, admin: true, limit: operationTime},
		{method: "POST", path: "/api/admin/pause", handler: s.pause, admin: true},
		{method: "POST", path: "/api/admin/resume", handler: s.resume, admin: true},
		{method: "POST", path: "/api/admin/close", handler: s.close, admin: true},
		{method: "GET", path: "/api/admin/sales", handler: s.adminSales, admin: true},
		{method: "GET", path: adminSale, handler: s.adminSale, admin: true},
		{method: "PATCH", path: adminSale, handler: s.amend, admin: true},
		{method: "POST", path: "/api/admin/orders/:id/cancel", handler: s.cancelOrder, admin: true},

		// The original's routes for debugging and load: gone, and the answer says what to use instead.
		{method: "*", path: "/api/flash-sale/debug/*", handler: s.gone},
		{method: "*", path: "/api/flash-sale/stress-test/*", handler: s.gone},
		{method: "*", path: "/api/debug/*", handler: s.gone},
		{method: "*", path: "/api/stress-test/*", handler: s.gone},
	}
	t = append(t, s.saleTable(currentSale)...)
	t = append(t, s.saleTable("/api/sales/:slug")...)
	if s.pages != nil {
		t = append(t, s.pages.Routes()...)
	}
	t = append(t, route{method: "GET", path: "/live", handler: s.pageStream, stream: true})
	if s.cfg.Static != nil {
		t = append(t, route{method: "GET", path: "/static/*", handler: echo.WrapHandler(s.cfg.Static)})
	}
	return t
}

// currentSale is the prefix under which the current sale answers, as the original's only one did.
const currentSale = "/api/flash-sale"

// adminSale is where a sale stands for operators.
const adminSale = "/api/admin/sales/:slug"

func (s *Server) saleTable(base string) []route {
	return []route{
		{method: "GET", path: base + "/status", handler: s.status, hot: true},
		{method: "GET", path: base + "/product", handler: s.product},
		{method: "POST", path: base + "/purchase", handler: s.purchase, hot: true},
		{method: "GET", path: base + "/purchase/:userIdentifier", handler: s.check},
		{method: "GET", path: base + "/claims/:id", handler: s.claim},
		{method: "GET", path: base + "/stream", handler: s.statusStream, stream: true},
		{method: "POST", path: base + "/reset", handler: s.reset, admin: true, limit: operationTime},
		{method: "POST", path: base + "/stock-preset/:preset", handler: s.preset, admin: true, limit: operationTime},
		{method: "POST", path: base + "/update-stock", handler: s.updateStock, admin: true},
		{method: "POST", path: base + "/pause", handler: s.pause, admin: true},
		{method: "POST", path: base + "/resume", handler: s.resume, admin: true},
		{method: "POST", path: base + "/close", handler: s.close, admin: true},
	}
}

// router hands the table to echo. Each handler is wrapped in its lane once, here, so that a request passes
// no chain. What matches no route passes a lane too and gets its problem there.
func (s *Server) router() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	options := map[string]bool{}
	for _, r := range s.table() {
		s.register(e, r)
		if !options[r.path] && r.method != "*" {
			options[r.path] = true
			e.Add(http.MethodOptions, r.path, s.lane(route{method: "OPTIONS", path: r.path, handler: s.preflight}))
		}
	}
	unmatched := s.lane(route{method: "*", path: unmatchedRoute, handler: unmatchedError})
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		c.Set(unmatchedRoute, err)
		_ = unmatched(c)
	}
	return e
}

func (s *Server) register(e *echo.Echo, r route) {
	if r.method == "*" {
		e.Any(r.path, s.lane(r))
		return
	}
	e.Add(r.method, r.path, s.lane(r))
	if r.method == http.MethodGet && !r.stream {
		e.Add(http.MethodHead, r.path, s.lane(r))
	}
}

// unmatchedRoute is the route's name in metrics and logs when there is none.
const unmatchedRoute = "unmatched"

func unmatchedError(c echo.Context) error {
	err, _ := c.Get(unmatchedRoute).(error)
	return err
}

// slug is the sale a request is about: empty for the current one.
func slug(c echo.Context) (string, error) {
	if !strings.HasPrefix(c.Path(), "/api/sales/") && c.Path() != adminSale {
		return "", nil
	}
	name := param(c, "slug")
	if name == "" {
		return "", errNoSale
	}
	return name, nil
}

// base is the path under which the sale of a request answers.
func base(slug string) string {
	if slug == "" {
		return currentSale
	}
	return "/api/sales/" + slug
}
