package operator

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events/audit"
	"flashsale/events/claimlog"
	"flashsale/events/outbox"
	"flashsale/inventory"
	"flashsale/sale"
	"flashsale/sale/checkout"
	"flashsale/sale/ledger"
	"flashsale/sale/orderlist"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/limits"
)

// DeskConfig has what a Desk reads. All fields but Copy are required.
type DeskConfig struct {
	Orders   *orderlist.Store
	Sales    *ledger.Store
	Catalog  *checkout.Catalog
	Stock    *inventory.Store
	Users    *users.Store
	Team     *login.Store
	Sessions *login.Sessions
	Limits   *limits.Limits
	Audit    *audit.Log
	Outbox   *outbox.Outbox
	Log      *claimlog.Log
	// Exports has the connections of the exports, which nothing else uses. As many exports can run at once as it has connections.
	Exports *pgxpool.Pool
	// Copy may answer lists and histories for those who ReadBy. Nil: there is none.
	Copy *Copy
}

// Desk is what operators read: orders, shoppers, and the audit log. It puts together what the domains know of one thing, and changes
// nothing. It is safe for concurrent use.
type Desk struct {
	cfg     DeskConfig
	primary Shown
	exports chan struct{}
}

// NewDesk makes a Desk.
func NewDesk(cfg DeskConfig) *Desk {
	primary := Shown{Orders: cfg.Orders, Stock: cfg.Stock, Users: cfg.Users, Audit: cfg.Audit, OrdersOf: cfg.Sales.OrdersOf}
	return &Desk{cfg: cfg, primary: primary, exports: make(chan struct{}, cfg.Exports.Config().MaxConns)}
}

// mostShoppers is among the orders of how many accounts a search by name looks.
const mostShoppers = 100

// OrderQuery says which orders are meant.
type OrderQuery struct {
	// Slug is the sale, empty for the current one. Generation is that of the sale, 0 for the present one.
	Slug       string
	Generation int64
	// Text is an order's id or number, or what the username or the address of a shopper begins with. Empty: all orders.
	Text string
	// AnySale lets an id or a number find its order in whichever sale and generation it is, although the query names one.
	AnySale bool
	Filter  sale.OrderFilter
	Page    sale.OrderPageRequest
}

// DeskOrder is an order with the sale that it is of, and who it is from as of now.
type DeskOrder struct {
	sale.ListedOrder
	Slug   string
	Person users.Person
}

// OrderList is a page of orders.
type OrderList struct {
	// Slug, Generation, Total and Sold are of the sale that was asked about. Sold is how many orders of the generation are live.
	Slug        string
	Generation  int64
	Total, Sold int64
	// CameBack is how many units were sold, came back, and are free.
	CameBack int64
	Orders   []DeskOrder
	// Earlier and Later say whether there may be orders before and after those of the page in the list.
	Earlier, Later bool
	// MoreShoppers is true when more accounts have such a name than the search looks at.
	MoreShoppers bool
}

// Orders is a page of orders. An id or a number finds its order in whichever sale it is. sale.ErrNoSale: there is no such sale, or no
// such generation of it.
func (d *Desk) Orders(ctx context.Context, q OrderQuery) (OrderList, error) {
	return shown(ctx, d, func(l OrderList) bool { return len(l.Orders) > 0 }, func(ctx context.Context, on Shown) (OrderList, error) {
		list, level, err := d.generation(ctx, on, q)
		if err != nil {
			return list, err
		}
		page, err := d.search(ctx, on, level, q, &list)
		if err != nil {
			return list, err
		}
		list.Earlier, list.Later = page.Earlier, page.Later
		list.Orders, err = d.named(ctx, on, page.Orders)
		return list, err
	})
}

// generation is the list of the generation that a query is about, without orders yet, and its stock.
func (d *Desk) generation(ctx context.Context, on Shown, q OrderQuery) (OrderList, sale.Level, error) {
	s, err := d.cfg.Catalog.Snapshot(q.Slug)
	if err != nil {
		return OrderList{}, sale.Level{}, err
	}
	key := s.Key()
	if q.Generation != 0 {
		key.Generation = q.Generation
	}
	levels, err := on.Stock.Levels(ctx, []inventory.Key{inventory.Key(key)})
	if err == nil && len(levels) == 0 {
		err = sale.ErrNoSale
	}
	if err != nil {
		return OrderList{}, sale.Level{}, err
	}
	l := sale.Level(levels[0])
	back := min(l.NextUnit-1-l.Taken, l.Total-l.Taken) // of a stock that was lowered fewer are free than came back
	return OrderList{Slug: s.Slug, Generation: l.Generation, Total: l.Total, Sold: l.Taken, CameBack: back}, l, nil
}

// search finds the page. What reads like an id or a number and is none of an order is looked for as a name.
func (d *Desk) search(ctx context.Context, on Shown, of sale.Level, q OrderQuery, list *OrderList) (sale.OrderPage, error) {
	text := strings.TrimSpace(q.Text)
	if text == "" {
		return on.Orders.Page(ctx, of, q.Filter, q.Page)
	}
	if lowest, highest, ok := orderIDs(text); ok {
		found, err := on.Orders.Between(ctx, lowest, highest)
		if err != nil || len(found) > 0 {
			return d.numbered(found, q), err
		}
	}
	name, err := users.NormalName(text)
	if err != nil {
		return sale.OrderPage{}, err
	}
	shoppers, more, err := on.Users.IDsWith(ctx, name, mostShoppers)
	if err != nil || len(shoppers) == 0 {
		return sale.OrderPage{}, err
	}
	list.MoreShoppers = more
	return on.Orders.PageOf(ctx, of.Key(), shoppers, q.Filter, q.Page)
}

// numbered are those of the orders with a number that the query means. Without a sale in the query they may be of any.
func (d *Desk) numbered(found []sale.ListedOrder, q OrderQuery) sale.OrderPage {
	var page sale.OrderPage
	slugs := d.slugs()
	for _, o := range found {
		there := (q.Slug == "" || q.Slug == slugs[o.SaleID]) && (q.Generation == 0 || q.Generation == o.Generation)
		if (there || q.AnySale) && orderlist.Matches(q.Filter, o) {
			page.Orders = append(page.Orders, o)
		}
	}
	return page
}

// orderIDs are the ids that a text may mean.
func orderIDs(text string) (lowest, highest uuid.UUID, ok bool) {
	if id, err := uuid.Parse(text); err == nil {
		return id, id, true
	}
	return sale.OrderIDs(text)
}

// Decided are those of the claims that have a verdict. It is one query.
func (d *Desk) Decided(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	verdicts, err := d.cfg.Sales.Verdicts(ctx, ids)
	if err != nil {
		return nil, err
	}
	decided := make([]uuid.UUID, len(verdicts))
	for i := range verdicts {
		decided[i] = verdicts[i].ClaimID
	}
	return decided, nil
}

func (d *Desk) slugs() map[int64]string {
	slugs := map[int64]string{}
	for _, s := range d.cfg.Catalog.All() {
		slugs[s.ID] = s.Slug
	}
	return slugs
}

// named adds to orders who they are from. It is one query.
func (d *Desk) named(ctx context.Context, on Shown, orders []sale.ListedOrder) ([]DeskOrder, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	people, err := on.Users.People(ctx, shoppersOf(orders))
	if err != nil {
		return nil, err
	}
	return deskOrders(nil, orders, d.slugs(), people), nil
}

func shoppersOf(orders []sale.ListedOrder) []int64 {
	ids := make([]int64, len(orders))
	for i := range orders {
		ids[i] = orders[i].UserID
	}
	return ids
}

// deskOrders puts orders and people together, and appends them to list. An order of an erased account does not say its name, which its
// row still has.
func deskOrders(list []DeskOrder, orders []sale.ListedOrder, slugs map[int64]string, people map[int64]users.Person) []DeskOrder {
	list = slices.Grow(list, len(orders))
	for _, o := range orders {
		person := people[o.UserID]
		if person.Erased {
			o.Username = ""
		}
		list = append(list, DeskOrder{o, slugs[o.SaleID], person})
	}
	return list
}

// AuditPage is a page of the audit log.
func (d *Desk) AuditPage(ctx context.Context, f audit.Filter, at audit.PageRequest) (audit.Page, error) {
	return shown(ctx, d, func(p audit.Page) bool { return len(p.Entries) > 0 }, func(ctx context.Context, on Shown) (audit.Page, error) {
		return on.Audit.List(ctx, f, at)
	})
}

// AuditEntry is the entry of the audit log with that number. audit.ErrNoEntry when there is none.
func (d *Desk) AuditEntry(ctx context.Context, id int64) (audit.Recorded, error) {
	return shown(ctx, d, func(audit.Recorded) bool { return true }, func(ctx context.Context, on Shown) (audit.Recorded, error) {
		return on.Audit.Entry(ctx, id)
	})
}

// absent is true for the errors that say that there is no such thing.
func absent(err error) bool {
	return errors.Is(err, sale.ErrNoSale) || errors.Is(err, sale.ErrNoOrder) || errors.Is(err, audit.ErrNoEntry)
}
