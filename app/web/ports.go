package web

import (
	"context"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/storefront"
	"flashsale/users"
)

// catalog is checkout.Catalog: the sales' snapshots, from memory.
type catalog interface {
	// Snapshot is the sale of that slug, or the current one for "". sale.ErrNoSale when there is none.
	Snapshot(slug string) (sale.Snapshot, error)
	All() []sale.Snapshot
	// Ready is true once the sales were looked up, and stays so.
	Ready() bool
	// ReceiptSecret and ReceiptOrder make and read the secret in the address of a receipt.
	ReceiptSecret(r sale.Receipt) string
	ReceiptOrder(secret string) (order uuid.UUID, ok bool)
	// Changed signals that a snapshot may have changed; the signal keeps no history. Call the function when done.
	Changed() (<-chan struct{}, func())
}

// checkout is checkout.Checkout: the purchase and what became of it.
type checkout interface {
	Buy(ctx context.Context, p sale.PurchaseRequest) sale.Answer
	Receipt(ctx context.Context, slug, name string) (sale.Receipt, bool, error)
	Receipts(ctx context.Context, slug string, userIDs []int64) (map[int64]sale.Receipt, error)
	Claim(ctx context.Context, id uuid.UUID, at *events.Position) (sale.ClaimState, error)
	Known(ctx context.Context, name string) (bool, error)
}

// orders has the orders of all sales; sale.ErrErased once the account that bought was erased.
type orders interface {
	Order(ctx context.Context, id uuid.UUID) (sale.Order, error)
}

// brands is storefront.Shown: the look of the shop, from memory.
type brands interface {
	Present() *storefront.Brand
	// Look reads the brand when somebody asks for a part of one that is not here.
	Look(ctx context.Context) error
}

// productPictures is storefront.ProductPictures: the pictures of products, those that are asked for often in memory.
type productPictures interface {
	Find(ctx context.Context, k storefront.PictureKey, shown func(id string) bool) (*storefront.Size, error)
}

// accounts is users.Store: the list of shoppers.
type accounts interface {
	List(ctx context.Context, page, limit int) (users.Page, error)
}
