package orderlist

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// BetweenTx is Between as a transaction sees it.
func (s *Store) BetweenTx(ctx context.Context, tx pgx.Tx, lowest, highest uuid.UUID) ([]sale.ListedOrder, error) {
	return read(ctx, tx, scanOrder(), sqlOrdersNumbered, lowest, highest, mostNumbered)
}

// OfShoppersTx are the orders of these shoppers, the last one of the list first: of each the live order, and a hundred cancelled ones
// at most.
func (s *Store) OfShoppersTx(ctx context.Context, tx pgx.Tx, k sale.Key, shoppers []int64, f sale.OrderFilter) ([]sale.ListedOrder, error) {
	found, err := read(ctx, tx, scanOrder(), sqlOrdersOfShoppers, k.Sale, k.Generation, shoppers, mostCancelled)
	return lastFirst(found, f), err
}

// OfUnitTx are the orders of the unit that the filter names, the last one of the list first: the live order, and a hundred cancelled
// ones at most.
func (s *Store) OfUnitTx(ctx context.Context, tx pgx.Tx, k sale.Key, f sale.OrderFilter) ([]sale.ListedOrder, error) {
	found, err := read(ctx, tx, scanOrder(), sqlOrdersOfUnit, k.Sale, k.Generation, f.Unit, mostCancelled)
	return lastFirst(found, f), err
}

// lastFirst are those of the orders that the filter means, in the order of EachTx.
func lastFirst(found []sale.ListedOrder, f sale.OrderFilter) (meant []sale.ListedOrder) {
	for _, o := range found {
		if Matches(f, o) {
			meant = append(meant, o)
		}
	}
	inOrder(meant, true)
	return meant
}
