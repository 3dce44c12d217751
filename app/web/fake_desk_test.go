package web

import (
	"cmp"
	"context"
	"strings"
	"time"

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
	// age is how old what it answers is, to those who may be answered by a replica; readers are their names.
	age     time.Duration
	readers []string
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

// old remembers who reads, "" for somebody who needs the primary, and tells readers how old the answer is.
func (f *fakeDesk) old(ctx context.Context) {
	by := operator.ReaderIn(ctx)
	if by == nil {
		f.readers = append(f.readers, "")
		return
	}
	f.readers = append(f.readers, by.Name())
	by.Saw(f.age)
}

func (f *fakeDesk) Orders(ctx context.Context, q operator.OrderQuery) (operator.OrderList, error) {
	f.old(ctx)
	f.queries = append(f.queries, q)
	return f.list, f.err
}

func (f *fakeDesk) Order(ctx context.Context, id uuid.UUID) (operator.OrderHistory, error) {
	f.old(ctx)
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

func (f *fakeDesk) Shoppers(ctx context.Context, q users.Search) (users.Found, error) {
	f.old(ctx)
	f.searches = append(f.searches, q)
	return f.found, f.err
}

func (f *fakeDesk) Shopper(ctx context.Context, name string) (operator.ShopperDetail, error) {
	f.old(ctx)
	if strings.HasPrefix(name, "nobody") {
		return operator.ShopperDetail{}, users.ErrNoAccount
	}
	s := f.shopper
	s.ID, s.Username = 7, name
	return s, f.err
}

func (f *fakeDesk) AuditPage(ctx context.Context, filter audit.Filter, at audit.PageRequest) (audit.Page, error) {
	f.old(ctx)
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
