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
	"flashsale/views/layout"
	"flashsale/views/shop"
)

// catalog is checkout.Catalog: the sales' snapshots, from memory.
type catalog interface {
	// Snapshot is the sale of that slug, or the current one for "". sale.ErrNoSale when there is none.
	Snapshot(slug string) (sale.Snapshot, error)
}

// receipts is checkout.Checkout: what became of a purchase.
type receipts interface {
	Receipt(ctx context.Context, slug, name string) (sale.Receipt, bool, error)
	Claim(ctx context.Context, id uuid.UUID, at *events.Position) (sale.ClaimState, error)
	// Known says whether there is an account of that name.
	Known(ctx context.Context, name string) (bool, error)
}

// Config is what the Handlers need; all fields are required.
type Config struct {
	// Catalog has the sales' snapshots.
	Catalog catalog
	// Receipts finds what a shopper bought.
	Receipts receipts
	// Users is the page of shoppers that the query names, for operators only.
	Users func(echo.Context) (shop.UserList, error)
	// Principals says who a request is from.
	Principals request.Principals
	// Log gets a fault that is shown in a part of a page whose other parts are right.
	Log *request.Log
}

// Handlers answer browsers. Make them with New; they are safe for concurrent use.
type Handlers struct {
	cfg    Config
	assets layout.Assets
}

// New puts the pages together.
func New(cfg Config) *Handlers {
	return &Handlers{cfg: cfg, assets: layout.Embedded()}
}
