package admin

import (
	"context"

	"github.com/google/uuid"

	"flashsale/app/operator"
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
	ExportAudit(ctx context.Context, a operator.Act, f audit.Filter, to operator.Export[audit.Recorded]) error
}
