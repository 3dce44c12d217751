// Package web is the HTTP face of the platform: one route table, one lane that every request passes, one
// table that turns errors into problems, and one function that says who is asking.
//
// Two routes carry nearly all of the traffic of a sale: the purchase and the status. They read their
// request by hand, answer with bytes put together by hand, and pass the same single closure as every other
// route (request id, recovery, guards, metrics, log) instead of a chain of middlewares, because a chain with
// Bind and c.JSON costs a third of the throughput. Everything else is written for the reader.
//
// The package decides nothing about a sale: it asks the board, the checkout and the operations, and renders
// what they say. Bad input gets its own 4xx problem and reaches none of them.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/live"
)

// Config is what a Server needs. It is read once by New.
type Config struct {
	// Board has the sales' snapshots. Required.
	Board board
	// Checkout takes purchases and finds receipts. Required.
	Checkout checkout
	// Users lists the accounts. Required.
	Users accounts
	// Operations are the operator's actions and the probes' knowledge. Required.
	Operations operations
	// Hub carries live updates from Server.Run to the open streams. Required.
	Hub *live.Hub

	// Demo makes the shopper whoever the body names, opens the admin routes and lifts the limit per network.
	// It answers only to local host names and DemoHosts.
	Demo bool
	// DemoHosts are further host names that demo mode answers to; a port is ignored.
	DemoHosts []string
	// CORSOrigins are the origins ("http://localhost:3000") whose pages may call with credentials.
	CORSOrigins []string
	// Session names the signed-in subject of a request outside demo mode. Nil: nobody is signed in.
	Session func(*http.Request) (Identity, bool)

	// MaxPurchases bounds the purchases under way at once; more get 503. 0 means 20,000.
	MaxPurchases int
	// PurchaseRate is how many purchases a second a network may send outside demo mode, with bursts of four
	// times that. 0 means 10.
	PurchaseRate float64

	// Logger gets the request log. Nil: slog.Default.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: they are counted but not registered.
	Registerer prometheus.Registerer
	// Gatherer is what /metrics of OpsHandler shows. Nil: no /metrics.
	Gatherer prometheus.Gatherer

	// Version is the program's, shown by the probes of OpsHandler.
	Version string
	// ProcessID tells processes apart. Only operators are shown it: in the probes of OpsHandler, and in the log beside the
	// random prefix that this process gives its request ids.
	ProcessID string
	// Static serves /static/*. Nil: 404.
	Static http.Handler
}

// Server answers HTTP. Make one with New; its methods are safe for concurrent use.
type Server struct {
	cfg     Config
	log     *slog.Logger
	echo    *echo.Echo
	pages   pages
	guard   guard
	ids     *requestIDs
	gate    gate
	limits  *limiter
	metrics *instruments
	// heads, versions, purchaseBody, bodies and lines are what the hot routes have ready.
	heads        map[*kind][]byte
	versions     versions
	purchaseBody spec
	bodies       bodies
	lines        lines
	now          func() time.Time
	heartbeat    time.Duration
	failures     sampler
	feed         *live.Feed

	// draining ends when Drain is called.
	draining context.Context
	drain    context.CancelFunc
	once     sync.Once
}

// New puts a server together. It panics when a required field is missing, as that is a mistake in the
// wiring that no input can cause.
func New(cfg Config) *Server {
	cfg = withDefaults(cfg)
	s := &Server{
		cfg:          cfg,
		log:          cfg.Logger,
		guard:        newGuard(cfg.Demo, cfg.DemoHosts, cfg.CORSOrigins),
		ids:          newRequestIDs(),
		gate:         gate{limit: int64(cfg.MaxPurchases)},
		metrics:      newInstruments(cfg.Registerer, cfg.Hub),
		heads:        refusalHeads(),
		purchaseBody: purchaseSpec(),
		now:          time.Now,
		heartbeat:    heartbeatTime,
	}
	s.limits = newLimiter(cfg.PurchaseRate, 4*cfg.PurchaseRate, func() time.Time { return s.now() })
	s.draining, s.drain = context.WithCancel(context.Background()) //nolint:gosec // Drain calls it
	s.feed = s.newFeed()
	s.pages = newPages(s)
	s.echo = s.router()
	s.log.Info("request ids of this process begin with its prefix", "process", cfg.ProcessID, "prefix", s.ids.prefix)
	return s
}

func withDefaults(cfg Config) Config {
	if cfg.Board == nil || cfg.Checkout == nil || cfg.Users == nil || cfg.Operations == nil || cfg.Hub == nil {
		panic("web.New: Board, Checkout, Users, Operations and Hub are required")
	}
	if cfg.MaxPurchases <= 0 {
		cfg.MaxPurchases = 20_000
	}
	if cfg.PurchaseRate <= 0 {
		cfg.PurchaseRate = 10
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg
}

// Handler answers everything the public listener takes.
func (s *Server) Handler() http.Handler { return s.echo }

// Drain makes /readyz fail, ends the open streams with a hint when to come back, and lets every further answer close
// its connection. Requests under way are not touched: they end by http.Server.Shutdown. It may be called more than once.
func (s *Server) Drain() {
	s.once.Do(s.drain)
	s.feed.Close()
}
