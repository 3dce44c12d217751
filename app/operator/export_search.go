package operator

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
	"flashsale/sale/orderlist"
	"flashsale/users"
)

// exportSearch reads the orders that a query with a text or a unit means, all in the snapshot of an export.
type exportSearch struct {
	*Desk
	tx pgx.Tx
	q  OrderQuery
	// numbered are the orders of the number that the text is, in whichever generation; none: the text is the beginning of a name.
	numbered []sale.ListedOrder
	// name is the text in normal form. shoppers are the accounts that it begins the name or the address of; with many there are too
	// many of them to list, and each order's shopper is looked at instead.
	name     string
	shoppers []int64
	many     bool
}

// searchTx understands the text of a query as the list does: as an order's number or id, else as the beginning of a name or an address.
func (d *Desk) searchTx(ctx context.Context, tx pgx.Tx, q OrderQuery) (s *exportSearch, err error) {
	s = &exportSearch{Desk: d, tx: tx, q: q}
	text := strings.TrimSpace(q.Text)
	if text == "" {
		return s, nil
	}
	if lowest, highest, ok := orderIDs(text); ok {
		if s.numbered, err = d.cfg.Orders.BetweenTx(ctx, tx, lowest, highest); err != nil || len(s.numbered) > 0 {
			return s, err
		}
	}
	if s.name, err = users.NormalName(text); err != nil {
		return s, err
	}
	s.shoppers, s.many, err = d.cfg.Users.IDsWithTx(ctx, tx, s.name, mostShoppers)
	return s, err
}

// each gives the orders of a generation that are meant to take, the first one first.
func (s *exportSearch) each(ctx context.Context, of sale.Level, take func([]sale.ListedOrder) error) error {
	if s.many {
		return s.cfg.Orders.EachTx(ctx, s.tx, of, s.q.Filter, exportChunk, func(some []sale.ListedOrder) error { return s.takeNamed(ctx, some, take) })
	}
	found, err := s.few(ctx, of)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(found, exportChunk) {
		if err := take(some); err != nil {
			return err
		}
	}
	return nil
}

// few are the orders of a generation where there cannot be many.
func (s *exportSearch) few(ctx context.Context, of sale.Level) ([]sale.ListedOrder, error) {
	switch {
	case len(s.numbered) > 0:
		var mine []sale.ListedOrder
		for _, o := range s.numbered {
			if o.SaleID == of.Sale && o.Generation == of.Generation && orderlist.Matches(s.q.Filter, o) {
				mine = append(mine, o)
			}
		}
		return mine, nil
	case s.name != "":
		return s.cfg.Orders.OfShoppersTx(ctx, s.tx, of.Key(), s.shoppers, s.q.Filter)
	default:
		return s.cfg.Orders.OfUnitTx(ctx, s.tx, of.Key(), s.q.Filter)
	}
}

// takeNamed gives those of some orders to take whose shoppers have such a name.
func (s *exportSearch) takeNamed(ctx context.Context, some []sale.ListedOrder, take func([]sale.ListedOrder) error) error {
	named, err := s.cfg.Users.NamedTx(ctx, s.tx, shoppersOf(some), s.name)
	if err != nil {
		return err
	}
	mine := slices.DeleteFunc(slices.Clone(some), func(o sale.ListedOrder) bool { return !named[o.UserID] })
	if len(mine) == 0 {
		return nil
	}
	return take(mine)
}

// recordedText is what the audit log says of the text of a search: what people are called it does not keep.
func recordedText(text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	if _, _, ok := orderIDs(text); ok {
		return text
	}
	return "a name or an address"
}
