// Package api answers shoppers in JSON: the purchase and what became of it, the status, the product, and the streams of
// live updates.
//
// Two routes carry nearly all of the traffic of a sale: the purchase and the status. Their code reads the usual request and
// writes the answer without the JSON library, which everything else uses.
//
// The package decides nothing about a sale: it asks the catalog and the checkout, and writes what they say. Browsers get
// the same answers as pages, by the functions in Pages.
package api

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/live"
	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/views/text"
)

// catalog is checkout.Catalog: the sales' snapshots, from memory.
type catalog interface {
	// Snapshot is the sale of that slug, or the current one for "". sale.ErrNoSale when there is none.
	Snapshot(slug string) (sale.Snapshot, error)
	All() []sale.Snapshot
	// Changed signals that a snapshot may have changed; the signal keeps no history. Call the function when done.
	Changed() (<-chan struct{}, func())
}

// checkout is checkout.Checkout: the purchase and what became of it.
type checkout interface {
	Buy(ctx context.Context, p sale.PurchaseRequest) sale.Answer
	Receipt(ctx context.Context, slug, name string) (sale.Receipt, bool, error)
	Claim(ctx context.Context, id uuid.UUID, at *events.Position) (sale.ClaimState, error)
}

// Pages show a browser (Accept: text/html, or a request by htmx) what a handler found. The handlers do all the work; a
// function here only renders, with the status code that is right for a page.
type Pages struct {
	// Purchase shows the outcome of a purchase request. name is the shopper's, in its normal form.
	Purchase func(c echo.Context, a sale.Answer, name string) error
	// Claimed shows what became of a claim. It is asked again as long as it is pending.
	Claimed func(c echo.Context, id uuid.UUID, at *events.Position, st sale.ClaimState) error
	// Checked shows whether name owns a unit: found is false when not, and r is then empty.
	Checked func(c echo.Context, name string, r sale.Receipt, found bool) error
	// Problem is the page at the address of a kind of problem, Problems that of all of them.
	Problem  func(c echo.Context, k *request.Kind) error
	Problems func(c echo.Context, kinds []*request.Kind) error
	// Frame renders what open pages replace when a sale changes. It is called once per change for all readers.
	Frame func(s sale.Snapshot, in text.Language) []byte
}

// Config is what the Handlers need. It is read once by New; the first seven fields are required.
type Config struct {
	// Catalog has the sales' snapshots.
	Catalog catalog
	// Checkout takes purchases and finds receipts.
	Checkout checkout
	// Hub carries live updates from Handlers.PublishChanges to the open streams.
	Hub *live.Hub
	// Pages answer browsers.
	Pages Pages
	// Principals says who a request is from.
	Principals request.Principals
	// Drain ends the connections of a process that stops.
	Drain *request.Drain
	// Log says when streams are refused.
	Log *request.Log
	// Limits count, and say in the answer's header, that a shopper has pressed too often. Required.
	Limits *request.Limits
	// MaxPurchases bounds the purchases under way at once; more get 503. 0 means 20,000.
	MaxPurchases int
	// LegacyStatus answers repeats and refused purchases with 201 and success:false, see statuses.
	LegacyStatus bool
	// Heartbeat is how often a quiet stream gets the ledger's time, so that proxies keep it and dead peers are noticed.
	// 0 means live.Heartbeat.
	Heartbeat time.Duration
	// Registerer takes the metrics; nil: they are counted but not registered.
	Registerer prometheus.Registerer
}

// Handlers answer the API of shoppers. Make them with New; they are safe for concurrent use.
type Handlers struct {
	cfg       Config
	purchases *request.Concurrency
	metrics   *instruments
	feed      *live.Feed
	// statuses, version, purchaseBody, bodies and lines are what the hot routes have ready.
	statuses     statuses
	version      request.SaleVersion
	purchaseBody request.Spec
	bodies       bodies
	lines        lines
}

// New puts the handlers together.
func New(cfg Config) *Handlers {
	cfg = withDefaults(cfg)
	return &Handlers{
		cfg:          cfg,
		purchases:    request.NewConcurrency(int64(cfg.MaxPurchases)),
		metrics:      newInstruments(cfg.Registerer, cfg.Hub),
		feed:         newFeed(cfg),
		statuses:     newStatuses(cfg.LegacyStatus),
		purchaseBody: purchaseSpec(),
	}
}

func withDefaults(cfg Config) Config {
	if cfg.MaxPurchases <= 0 {
		cfg.MaxPurchases = 20_000
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = live.Heartbeat
	}
	return cfg
}

// Close ends the open streams with a hint when to come back. It may be called more than once.
func (hs *Handlers) Close() { hs.feed.Close() }
