package web

import (
	"cmp"
	"context"
	"strings"

	"github.com/google/uuid"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
)

// fakeDesk has one order, of one shopper, and remembers what it was asked.
type fakeDesk struct {
	queries  []operator.OrderQuery
	searches []users.Search
	filters  []audit.Filter
	pages    []audit.PageRequest
	exports  []operator.Act
	list     operator.OrderList
	found    users.Found
	shopper  operator.ShopperDetail
	acts     []audit.Recorded
	decided  []uuid.UUID
	err      error
	// cut ends an export with an error after its first rows.
	cut error
}

func deskOrder(name string) operator.DeskOrder {
	r := receipt(name)
	return operator.DeskOrder{
		ListedOrder: sale.ListedOrder{Receipt: r, State: sale.OrderConfirmed, PressedAt: r.At, DecidedAt: r.At.Add(1e6)},
		Slug:        "first", Person: users.Person{ID: r.UserID, Username: name},
	}
}

func (f *fakeDesk) Orders(_ context.Context, q operator.OrderQuery) (operator.OrderList, error) {
	f.queries = append(f.queries, q)
	return f.list, f.err
}

func (f *fakeDesk) Order(_ context.Context, id uuid.UUID) (operator.OrderHistory, error) {
	if o := deskOrder("alice"); f.err == nil && id == o.OrderID {
		return operator.OrderHistory{DeskOrder: o, Product: "Lamp", Acts: f.acts}, nil
	}
	return operator.OrderHistory{}, sale.ErrNoOrder
}

func (f *fakeDesk) ExportOrders(_ context.Context, a operator.Act, q operator.OrderQuery, to operator.Export[operator.DeskOrder]) error {
	f.queries, f.exports = append(f.queries, q), append(f.exports, a)
	if f.err != nil {
		return f.err
	}
	if err := to.Begin(operator.Moment{At: noon, Sale: "first", Generation: cmp.Or(q.Generation, 3), Total: 5, Sold: 2}); err != nil {
		return err
	}
	if err := to.Take(f.list.Orders); err != nil {
		return err
	}
	return f.cut
}

func (f *fakeDesk) Decided(context.Context, []uuid.UUID) ([]uuid.UUID, error) {
	return f.decided, f.err
}

func (f *fakeDesk) Shoppers(_ context.Context, q users.Search) (users.Found, error) {
	f.searches = append(f.searches, q)
	return f.found, f.err
}

func (f *fakeDesk) Shopper(_ context.Context, name string) (operator.ShopperDetail, error) {
	if strings.HasPrefix(name, "nobody") {
		return operator.ShopperDetail{}, users.ErrNoAccount
	}
	s := f.shopper
	s.ID, s.Username = 7, name
	return s, f.err
}

func (f *fakeDesk) AuditPage(_ context.Context, filter audit.Filter, at audit.PageRequest) (audit.Page, error) {
	f.filters, f.pages = append(f.filters, filter), append(f.pages, at)
	return audit.Page{Entries: f.acts}, f.err
}

func (f *fakeDesk) AuditEntry(_ context.Context, id int64) (audit.Recorded, error) {
	for _, r := range f.acts {
		if r.ID == id {
			return r, f.err
		}
	}
	return audit.Recorded{}, audit.ErrNoEntry
}

func (f *fakeDesk) ExportAudit(_ context.Context, a operator.Act, filter audit.Filter, to operator.Export[audit.Recorded]) error {
	f.filters, f.exports = append(f.filters, filter), append(f.exports, a)
	if err := to.Begin(operator.Moment{At: noon}); err != nil {
		return err
	}
	return to.Take(f.acts)
}
