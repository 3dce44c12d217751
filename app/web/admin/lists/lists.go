// Package lists answers operators who read: lists of orders, shoppers and acts, the history of one, and exports. Each list is a page
// at a time, and the cursor of the next one stands in its link.
package lists

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/figures"
	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/views/text"
)

// Desk is operator.Desk: what operators read of orders, shoppers and acts. Errors beside the domains' own: operator.ErrExports.
type Desk interface {
	Orders(ctx context.Context, q operator.OrderQuery) (operator.OrderList, error)
	Order(ctx context.Context, id uuid.UUID) (operator.OrderHistory, error)
	ExportOrders(ctx context.Context, a operator.Act, q operator.OrderQuery, to operator.Export[operator.DeskOrder]) error
	// Decided are those of the claims that have a verdict.
	Decided(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error)
	Shoppers(ctx context.Context, q users.Search) (users.Found, error)
	Shopper(ctx context.Context, name string) (operator.ShopperDetail, error)
	AuditPage(ctx context.Context, f audit.Filter, at audit.PageRequest) (audit.Page, error)
	// AuditEntry is one entry. audit.ErrNoEntry when there is none of that number.
	AuditEntry(ctx context.Context, id int64) (audit.Recorded, error)
	ExportAudit(ctx context.Context, a operator.Act, f audit.Filter, to operator.Export[audit.Recorded]) error
}

// catalog is checkout.Catalog: the sales' snapshots, from memory.
type catalog interface {
	// Snapshot is the sale of that slug. sale.ErrNoSale when there is none.
	Snapshot(slug string) (sale.Snapshot, error)
	All() []sale.Snapshot
}

// Config is what the Handlers need. All fields but Figures are required.
type Config struct {
	// Catalog has the sales' snapshots.
	Catalog catalog
	// Figures are what all processes count. Nil: how many claims are undecided is not known, and shown as none.
	Figures *figures.Keeper
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

// reading is the context of a request for a list or a history, which a replica may answer, and who reads. The step before an act, and
// what is shown when one was refused, have no such context: they are the primary's.
func (hs *Handlers) reading(c echo.Context) (context.Context, *operator.Reader) {
	who := hs.cfg.Frame.Principals.Of(c.Request())
	return operator.ReadBy(c.Request().Context(), who.Name())
}

// noticeable is from which age on a person is told how old a list is. A replica that lacks nothing may seem to be a second old, because
// heartbeats come once a second.
const noticeable = 1500 * time.Millisecond

// asOf says how old what is shown is, or nothing.
func asOf(ctx context.Context, r *operator.Reader) string {
	if r.Age() < noticeable {
		return ""
	}
	return text.Say(ctx, "What is shown here may be %d seconds old.", int((r.Age()+time.Second-1)/time.Second))
}

// Refused shows the step before an act on an order or an account again when the act was refused, with why and what was typed. It is
// false for every other request, and for those who may not act.
func (hs *Handlers) Refused(c echo.Context, p request.Problem) (bool, error) {
	form, ok := desk.RefusedForm(c, p)
	if !ok {
		return false, nil
	}
	if c.Path() == cancelRoute {
		return hs.refusedCancel(c, p, form)
	}
	if act, found := strings.CutPrefix(c.Path(), barRoute); found {
		return hs.refusedBar(c, p, form, act)
	}
	return false, nil
}

// barRoute begins the routes of acts on an account.
const barRoute = "/api/admin/shoppers/:name/"
