package ledger

import (
	"context"
	"fmt"

	"flashsale/sale"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// LockSaleTx says how a sale stands, and lets nobody change it until the transaction ends: it locks the sale's gate and its
// stock row, so that no purchase is decided either. An empty slug means the current sale, by the same rule as
// Catalog.Snapshot; the answer's Slug says which that was. It sees what the transaction has written. Errors: ErrNoSale,
// and ErrBusy when another act has locked the sale or has made another sale the current one.
func (s *Store) LockSaleTx(ctx context.Context, tx pgx.Tx, slug string) (sale.Snapshot, error) {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return sale.Snapshot{}, err
	}
	return h.snapshot(), nil
}

func (h lockedSale) snapshot() sale.Snapshot {
	return sale.Snapshot{
		ID: h.Sale, Slug: h.slug, Generation: h.Generation, State: h.state, Partition: h.partition,
		StartsAt: h.startsAt.UTC(), EndsAt: h.endsAt.UTC(), Total: h.level.Total, Taken: h.level.Taken,
		Version: h.version + h.level.Version, Revision: h.revision, Now: h.now.UTC(),
	}
}

// LockOrderTx is LockSaleTx for the sale of an order. Behind the gate it waits for the order's generation first, because its
// digest may take long and the ledger has to go on meanwhile; then it locks the stock rows of that generation and of the present
// one together, in the order in which the ledger does. Errors: ErrNoOrder, ErrBusy.
func (s *Store) LockOrderTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (sale.Snapshot, sale.Order, error) {
	o, err := s.OrderTx(ctx, tx, id)
	if err != nil {
		return sale.Snapshot{}, o, err
	}
	h, err := s.lockGate(ctx, tx, o.Slug)
	if err != nil {
		return sale.Snapshot{}, o, err
	}
	if err := lockGeneration(ctx, tx, sale.Key{Sale: o.SaleID, Generation: o.Generation}); err != nil {
		return sale.Snapshot{}, o, err
	}
	levels, err := s.stock.LockTx(ctx, tx, []sale.Key{{Sale: o.SaleID, Generation: o.Generation}, h.Key})
	if err = busy(err); err != nil {
		return sale.Snapshot{}, o, fmt.Errorf("lock stock: %w", err)
	}
	for _, l := range levels {
		if l.Key() == h.Key {
			h.level = l
		}
	}
	// Once more, behind the locks: it may have been cancelled meanwhile.
	o, err = s.OrderTx(ctx, tx, id)
	return h.snapshot(), o, err
}
