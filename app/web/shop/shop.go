// Package shop answers shoppers with HTML pages. A request by htmx gets the piece of the page that it asked for, any other
// request the whole page with that piece in its place, so that every form works without scripts.
//
// The pages show what the handlers of app/web/api and app/web/admin found: they pass it to Purchase, Claimed, Checked, Users
// and Done. Only the first page (Home) reads the catalog and receipts itself. Problem shows every refusal.
package shop

import (
	"context"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/views/shop"
)

// catalog is checkout.Catalog: the sales' snapshots, from memory.
type catalog interface {
	// Snapshot is the sale of that slug, or the current one for "". sale.ErrNoSale when there is none.
	Snapshot(slug string) (sale.Snapshot, error)
	// All are the snapshots of all sales.
	All() []sale.Snapshot
}

// receipts is checkout.Checkout: what became of a purchase.
type receipts interface {
	Receipt(ctx context.Context, slug, name string) (sale.Receipt, bool, error)
	Claim(ctx context.Context, id uuid.UUID, at *events.Position) (sale.ClaimState, error)
	// Known says whether there is an account of that name.
	Known(ctx context.Context, name string) (bool, error)
}

// receiptLinks is checkout.Catalog.
type receiptLinks interface {
	// ReceiptSecret is the secret in the address of a receipt, "" while its sale is not known.
	ReceiptSecret(r sale.Receipt) string
	// ReceiptOrder is the order of a receipt's secret. It asks no server.
	ReceiptOrder(secret string) (order uuid.UUID, ok bool)
	// Ready is true once the sales were looked up. Before that no secret is known.
	Ready() bool
}

// orders reads the order that a receipt is of: sale.ErrNoOrder, or sale.ErrErased.
type orders interface {
	Order(ctx context.Context, id uuid.UUID) (sale.Order, error)
}

// Config is what the Handlers need. All fields are required, except Brand.
type Config struct {
	// Catalog has the sales' snapshots.
	Catalog catalog
	// Receipts finds what a shopper bought.
	Receipts receipts
	// Links makes and reads the secrets of receipts, and Orders has what a receipt shows.
	Links  receiptLinks
	Orders orders
	// PublicURL begins the absolute address of a receipt; empty: the address that the client itself uses.
	PublicURL string
	// Users is the page of shoppers that the query names, for operators only.
	Users func(echo.Context) (shop.UserList, error)
	// Principals says who a request is from.
	Principals request.Principals
	// Limits bound the questions to the ledger that a page's query asks, as they bound those of the API.
	Limits *request.Limits
	// Reminders keep who wants a mail before a sale starts. Nil: nothing sends mails.
	Reminders Reminders
	// Brand is the look of the shop. Nil: it has none.
	Brand *Brand
	// Log gets a fault that is shown in a part of a page whose other parts are right.
	Log *request.Log
}

// Handlers answer browsers. Make them with New; they are safe for concurrent use.
type Handlers struct {
	cfg   Config
	pages keptPages
}

// New puts the pages together.
func New(cfg Config) *Handlers {
	if cfg.Brand == nil {
		cfg.Brand = NewBrand(nil, "", cfg.Principals.Demo)
	}
	return &Handlers{cfg: cfg}
}
