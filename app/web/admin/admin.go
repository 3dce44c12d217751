// Package admin answers operators: their acts on sales, orders and shoppers, the lists that only they may read, and the
// probes, metrics and profiles of the process.
//
// The answer to an act shows what its transaction wrote: the sale before and after. An act may name the revision of the
// sale that it is meant for (If-Match), and a key under which it is done at most once (Idempotency-Key). The package itself
// carries out nothing: it reads the request, calls the Operations and writes the document.
package admin

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	counts "flashsale/app/figures"
	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/views/layout"
	"flashsale/views/shop"
)

// catalog is checkout.Catalog: the sales' snapshots, from memory.
type catalog interface {
	// Snapshot is the sale of that slug, or the current one for "". sale.ErrNoSale when there is none.
	Snapshot(slug string) (sale.Snapshot, error)
	All() []sale.Snapshot
	// Ready is true once the sales were looked up, and stays so.
	Ready() bool
}

// receipts is checkout.Checkout: who has bought.
type receipts interface {
	Receipts(ctx context.Context, slug string, userIDs []int64) (map[int64]sale.Receipt, error)
}

// accounts is users.Store: the list of shoppers.
type accounts interface {
	List(ctx context.Context, page, limit int) (users.Page, error)
}

// Operations are the operators' acts, which change the data of several domains. They return what their transaction wrote. An
// act that is repeated under its key returns what it returned the first time. Errors beside the domains' own:
// *sale.RevisionError, audit.ErrKeyRunning, audit.ErrKeyReused, audit.ErrOutcomeUnknown.
type Operations interface {
	Reset(ctx context.Context, a operator.Act, slug string, toSmall bool) (sale.Change, error)
	Preset(ctx context.Context, a operator.Act, slug string, p sale.Preset) (sale.Change, error)
	SetStock(ctx context.Context, a operator.Act, slug string, n int64) (sale.Change, error)
	Pause(ctx context.Context, a operator.Act, slug string) (sale.Change, error)
	Resume(ctx context.Context, a operator.Act, slug string) (sale.Change, error)
	Close(ctx context.Context, a operator.Act, slug string) (sale.Change, error)
	Amend(ctx context.Context, a operator.Act, slug string, to sale.Amendment) (sale.Change, error)
	AddPicture(ctx context.Context, a operator.Act, slug string, file []byte, alt string) (operator.PictureChange, error)
	RemovePicture(ctx context.Context, a operator.Act, slug, id string) (operator.PictureChange, error)
	DescribePicture(ctx context.Context, a operator.Act, slug, id, alt string) (operator.PictureChange, error)
	ArrangePictures(ctx context.Context, a operator.Act, slug string, order []string) (operator.PictureChange, error)
	ChangeStock(ctx context.Context, a operator.Act, slug string, to operator.StockChange, most int64) (sale.Change, error)
	Open(ctx context.Context, a operator.Act, slug string) (sale.Change, error)
	Extend(ctx context.Context, a operator.Act, slug string, by time.Duration) (sale.Change, error)
	Schedule(ctx context.Context, a operator.Act, slug string) (sale.Change, error)
	Archive(ctx context.Context, a operator.Act, slug string, away bool) (sale.Change, error)
	// BeginAnew begins a new generation, unless allowed refuses it for the sale as it is then.
	BeginAnew(ctx context.Context, a operator.Act, slug string, total *int64, allowed func(before *sale.Snapshot) error) (sale.Change, error)
	Create(ctx context.Context, a operator.Act, c sale.Creation) (sale.Snapshot, error)
	Duplicate(ctx context.Context, a operator.Act, slug string, to sale.Creation) (sale.Snapshot, error)
	// History lists the newest acts on a sale and on its orders, the newest first.
	History(ctx context.Context, slug string, most int) ([]audit.Recorded, error)
	CancelOrder(ctx context.Context, a operator.Act, id uuid.UUID, reason string) (operator.Cancellation, error)
	Bar(ctx context.Context, a operator.Act, name string, may bool, reason string) (operator.Barring, error)
	SeedUsers(ctx context.Context, a operator.Act, n int) (created int, err error)
	ArchiveUsers(ctx context.Context, a operator.Act) (int64, error)
	// Verify checks the invariants and says of each whether it holds.
	Verify(ctx context.Context) ([]operator.Check, error)
	// Dependencies says of each server this program needs whether it answers. It returns within a second.
	Dependencies(ctx context.Context) []Dependency
}

// Pages show a browser (Accept: text/html, or a request by htmx) what a handler did or found.
type Pages struct {
	// Done shows that an act succeeded: message is a sentence for the operator, change is what the act did to a sale, or nil.
	Done func(c echo.Context, change *sale.Change, message string) error
	// Preview shows a sale as shoppers will see it in a state; at is the address of the preview, and back leads to the desk.
	Preview func(c echo.Context, s *sale.Snapshot, state sale.Status, at string, back layout.Link) error
	// Users shows a page of the shoppers' list.
	Users func(c echo.Context, list shop.UserList) error
}

// Config is what the Handlers need; the first eight fields are required.
type Config struct {
	// Catalog has the sales' snapshots.
	Catalog catalog
	// Receipts says who has bought.
	Receipts receipts
	// Users lists the accounts.
	Users accounts
	// Operations carry out the acts and know the state of the servers.
	Operations Operations
	// Pages answer browsers.
	Pages Pages
	// Log gets the faults that an answer cannot tell any more.
	Log *request.Log
	// Desk frames the pages, and knows who a request is from.
	Desk desk.Desk
	// Drain says whether the process stops.
	Drain *request.Drain
	// Figures are what all processes count. Nil: the desk has none.
	Figures *counts.Keeper
	// Gatherer is what /metrics of OpsHandler shows. Nil: no /metrics.
	Gatherer prometheus.Gatherer
	// Ops says who may use OpsHandler.
	Ops OpsConfig
	// Version is the program's, shown by the probes of OpsHandler.
	Version string
	// ProcessID tells processes apart, in the probes of OpsHandler.
	ProcessID string
}

// Handlers answer operators and probes. Make them with New; they are safe for concurrent use.
type Handlers struct {
	cfg     Config
	version request.SaleVersion
	uploads *request.Concurrency
	frames  frames
	// watching is how many streams of figures are open.
	watching atomic.Int64
}

// New puts the handlers together.
func New(cfg Config) *Handlers {
	return &Handlers{cfg: cfg, uploads: request.NewConcurrency(maxUploads)}
}
