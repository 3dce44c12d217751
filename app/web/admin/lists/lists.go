// Package lists answers operators who read: lists of orders, shoppers and acts, the history of one, and exports. Each list is a page
// at a time, and the cursor of the next one stands in its link.
package lists

import (
	"context"

	"github.com/google/uuid"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/users"
)

// Desk is operator.Desk: what operators read of orders, shoppers and acts. Errors beside the domains' own: operator.ErrExports.
type Desk interface {
	Orders(ctx context.Context, q operator.OrderQuery) (operator.OrderList, error)
	Order(ctx context.Context, id uuid.UUID) (operator.OrderHistory, error)
	ExportOrders(ctx context.Context, a operator.Act, q operator.OrderQuery, to operator.Export[operator.DeskOrder]) error
	Shoppers(ctx context.Context, q users.Search) (users.Found, error)
	Shopper(ctx context.Context, name string) (operator.ShopperDetail, error)
	AuditPage(ctx context.Context, f audit.Filter, at audit.PageRequest) (audit.Page, error)
	// AuditEntry is one entry. audit.ErrNoEntry when there is none of that number.
	AuditEntry(ctx context.Context, id int64) (audit.Recorded, error)
	ExportAudit(ctx context.Context, a operator.Act, f audit.Filter, to operator.Export[audit.Recorded]) error
}

// Config is what the Handlers need. All fields are required.
type Config struct {
	// Desk reads orders, shoppers and acts.
	Desk Desk
	// Frame frames the pages, and knows who a request is from.
	Frame desk.Desk
	// Log gets the faults that an answer cannot tell any more.
	Log *request.Log
}

// Handlers answer operators. Make them with New; they are safe for concurrent use.
type Handlers struct {
	cfg Config
}

// New puts the lists together.
func New(cfg Config) *Handlers { return &Handlers{cfg: cfg} }
