// Package web answers HTTP. It has the table of all routes, and puts together the packages whose handlers answer them.
//
// What every handler needs is in app/web/request, with who is asking and what that lets them do; the JSON for shoppers in
// app/web/api, their pages in app/web/shop, signing in, accounts and the team in app/web/session, the routes of operators in
// app/web/admin. None of the last four imports another: where a route answers both JSON and HTML, the handler in api or admin calls a
// function of shop that this package has passed to it.
//
// testdata/routes.txt has who may use each route. A test compares it with the table.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/figures"
	"flashsale/app/live"
	"flashsale/app/web/admin"
	"flashsale/app/web/admin/lists"
	"flashsale/app/web/admin/proof"
	"flashsale/app/web/api"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/app/web/session"
	"flashsale/app/web/shop"
	"flashsale/events/audit"
	"flashsale/sale"
	views "flashsale/views/shop"
)

// Config is what a Server needs. It is read once by New.
type Config struct {
	// Catalog has the sales' snapshots. Required.
	Catalog catalog
	// Checkout takes purchases and finds receipts. Required.
	Checkout checkout
	// Orders has what receipts show. Required.
	Orders orders
	// Users lists the accounts. Required.
	Users accounts
	// Operations carry out the operators' acts and know which servers answer. Required.
	Operations admin.Operations
	// Desk reads orders, shoppers and acts for operators. Required.
	Desk lists.Desk
	// Prover checks the invariants for reports that are kept. Required.
	Prover proof.Prover
	// Hub carries live updates from Server.Run to the open streams. Required.
	Hub *live.Hub

	// Brand is the look of the shop. Nil: it has none.
	Brand brands
	// Pictures has the pictures of products. Nil: there are none.
	Pictures productPictures
	// PublicURL is the address that shoppers use, for pictures that other sites show. Empty: they show none.
	PublicURL string

	// Demo makes the shopper the one that the body names, opens the admin routes to everybody and lifts the limit per
	// network. The server then answers only to local host names and DemoHosts.
	Demo bool
	// DemoHosts are further host names that demo mode answers to; a port is ignored.
	DemoHosts []string
	// DemoPublic lets demo mode take requests that a proxy has forwarded.
	DemoPublic bool
	// TrustedProxies are the peers whose word on a client's address and host counts.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins ("http://localhost:3000") whose pages may call with credentials.
	CORSOrigins []string
	// Principals says who a request is from. Its Demo is this Demo.
	Principals request.Principals

	// SignIn is what signing in and the pages about accounts need; New sets Who and Limits. Without Sessions nobody can sign in.
	SignIn session.Config

	// Refused is told of the acts of signed-in operators and tokens, and in demo mode, that were refused. Nil: nobody is.
	Refused func(audit.Refusal)

	// MaxPurchases bounds the purchases under way at once; more get 503. 0 means 20,000.
	MaxPurchases int
	// Limits counts attempts of the routes that name a policy. Nil, and in demo mode: they have no limit.
	Limits request.Attempts
	// LegacyStatus answers the API's repeats and refused purchases with 201 and success:false, as the original did.
	LegacyStatus bool
	// Reminders keep who wants a mail before a sale starts. Nil: nothing sends mails.
	Reminders shop.Reminders
	// DevMail has the last mails, for /dev/mail. Nil: there is no such page. It is set only where nobody but this machine can
	// connect.
	DevMail session.Mailbox

	// Traces makes the spans of presses. Nil: there are none.
	Traces request.Traces
	// Logger gets the request log. Nil: slog.Default.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: they are counted but not registered.
	Registerer prometheus.Registerer
	// Figures are what operators watch. Nil: the desk has none.
	Figures *figures.Keeper
	// Gatherer is what /metrics of OpsHandler shows. Nil: no /metrics.
	Gatherer prometheus.Gatherer

	// Ops says who may use OpsHandler.
	Ops admin.OpsConfig
	// Version is the program's, shown by the probes of OpsHandler.
	Version string
	// ProcessID tells processes apart. Only operators are shown it: in the probes of OpsHandler, and in the log beside the
	// random prefix that this process gives its request ids.
	ProcessID string
	// Static serves /static/*, or is false without a file of that name. Nil: there is none.
	Static func(http.ResponseWriter, *http.Request) bool
}

// Server answers HTTP. Make one with New; its methods are safe for concurrent use.
type Server struct {
	api   *api.Handlers
	admin *admin.Handlers
	lists *lists.Handlers
	proof *proof.Handlers
	echo  *echo.Echo
	drain request.Drain
}

// New puts a server together. It panics when a required field is missing, as that is a mistake in the
// wiring that no input can cause.
func New(cfg Config) *Server {
	if cfg.Catalog == nil || cfg.Checkout == nil || cfg.Orders == nil || cfg.Users == nil || cfg.Operations == nil || cfg.Desk == nil || cfg.Prover == nil || cfg.Hub == nil {
		panic("web.New: Catalog, Checkout, Orders, Users, Operations, Desk, Prover and Hub are required")
	}
	s := &Server{}
	limits := request.NewLimits(cfg.Limits, cfg.Demo, cfg.Registerer)
	principals, log := cfg.Principals, request.NewLog(cfg.Logger)
	principals.Demo = cfg.Demo
	brand := shop.NewBrand(cfg.Brand, cfg.PublicURL, cfg.Demo)
	pages := shop.New(shop.Config{
		Catalog: cfg.Catalog, Receipts: cfg.Checkout, Principals: principals, Limits: limits, Brand: brand, Log: log,
		Reminders: cfg.Reminders, Links: cfg.Catalog, Orders: cfg.Orders, PublicURL: cfg.SignIn.PublicURL,
		Users: func(c echo.Context) (views.UserList, error) { return s.admin.UsersTab(c) },
	})
	s.api = api.New(api.Config{
		Catalog: cfg.Catalog, Checkout: cfg.Checkout, Hub: cfg.Hub, Principals: principals, Drain: &s.drain, Log: log,
		Pages: api.Pages{
			Purchase: pages.Purchase, Claimed: pages.Claimed, Checked: pages.Checked, Frame: pages.Frame,
			Problem: pages.ProblemType, Problems: pages.ProblemTypes,
		},
		MaxPurchases: cfg.MaxPurchases, Limits: limits, LegacyStatus: cfg.LegacyStatus, Registerer: cfg.Registerer,
	})
	frame := desk.Desk{Principals: principals, Assets: brand.Assets}
	s.admin = admin.New(admin.Config{
		Desk: frame, Figures: cfg.Figures,
		Catalog: cfg.Catalog, Receipts: cfg.Checkout, Users: cfg.Users, Operations: cfg.Operations, Drain: &s.drain, Log: log,
		Pages:    admin.Pages{Done: pages.Done, Users: pages.Users, Preview: pages.Preview},
		Gatherer: cfg.Gatherer, Ops: cfg.Ops, Version: cfg.Version, ProcessID: cfg.ProcessID,
	})
	s.lists = lists.New(lists.Config{Catalog: cfg.Catalog, Figures: cfg.Figures, Desk: cfg.Desk, Frame: frame, Log: log})
	s.proof = proof.New(proof.Config{Catalog: cfg.Catalog, Prover: cfg.Prover, Frame: frame, Figures: cfg.Figures, ProcessID: cfg.ProcessID, Version: cfg.Version})
	m := request.NewMiddleware(request.MiddlewareConfig{
		Principals: principals, DemoHosts: cfg.DemoHosts, DemoPublic: cfg.DemoPublic, TrustedProxies: cfg.TrustedProxies,
		CORSOrigins: cfg.CORSOrigins, Drain: &s.drain, Limits: limits, Log: log, Refused: cfg.Refused, Traces: cfg.Traces,
		Registerer: cfg.Registerer, ProcessID: cfg.ProcessID, ProblemPage: s.problemPage(pages),
	})
	cfg.SignIn.ReceiptPath = func(r sale.Receipt) string { return request.ReceiptPath(cfg.Catalog.ReceiptSecret(r)) }
	cfg.SignIn.Assets = brand.Assets
	cfg.SignIn.Places = frame.PlacesFrom(desk.Team)
	table := slices.Concat(s.table(), pageTable(s.api, pages, cfg.Static), brand.Routes(), shop.NewPictures(cfg.Pictures, cfg.Catalog).Routes(), signInRoutes(cfg.SignIn, principals, limits))
	if cfg.DevMail != nil {
		table = append(table, session.NewDevMail(cfg.DevMail).Routes()...)
	}
	s.echo = router(m, table)
	return s
}

// problemPage shows a browser why a request was refused: a form of the desk comes again with the reason.
func (s *Server) problemPage(pages *shop.Handlers) func(echo.Context, request.Problem) error {
	return func(c echo.Context, p request.Problem) error {
		if shown, err := s.admin.Refused(c, p); shown {
			return err
		}
		if shown, err := s.lists.Refused(c, p); shown {
			return err
		}
		return pages.Problem(c, p)
	}
}

// signInRoutes are the routes of signing in and of accounts.
func signInRoutes(cfg session.Config, principals request.Principals, limits *request.Limits) []request.Route {
	cfg.Limits = limits
	cfg.Who = func(r *http.Request) session.Visitor {
		p := principals.Of(r)
		if !p.SignedIn() {
			return session.Visitor{}
		}
		return session.Visitor{Account: p.Account(), Username: p.Username(), Role: p.Session().Role, Session: p.SessionID(), Means: p.Means()}
	}
	return accountTable(session.New(cfg))
}

// Handler answers everything the public listener takes.
func (s *Server) Handler() http.Handler { return s.echo }

// OpsHandler answers the operators' listener: probes, metrics and profiles. Config.Ops says whom.
func (s *Server) OpsHandler() http.Handler { return s.admin.OpsHandler() }

// Run publishes the sales to the open streams whenever they change, until ctx ends; then it returns nil.
func (s *Server) Run(ctx context.Context) error { return s.api.PublishChanges(ctx) }

// Drain makes /readyz fail, ends the open streams with a hint when to come back, and lets every further answer close
// its connection. Requests under way are not touched: they end by http.Server.Shutdown. It may be called more than once.
func (s *Server) Drain() {
	s.drain.Begin()
	s.api.Close()
}
