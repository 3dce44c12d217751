package sale

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// order is a row of the orders table.
type order struct {
	Receipt
	revision  int64
	live      bool
	requestID uuid.UUID // that bought it; zero: not known
}

func scanOrder(row pgx.CollectableRow) (order, error) {
	var o order
	err := row.Scan(&o.OrderID, &o.SaleID, &o.Generation, &o.UserID, &o.Username, &o.Unit, &o.Attempt,
		&o.idempotencyKey, &o.revision, &o.At, &o.live, &o.requestID)
	o.At, o.keyKnown = o.At.UTC(), true
	return o, err
}

// LiveReceipts finds the live orders of these shoppers, in their order; OrderID is uuid.Nil for those without
// one. It is a batch operation: one query, whatever their number.
func (s *Store) LiveReceipts(ctx context.Context, k Key, users []int64) ([]Receipt, error) {
	found, err := s.probe(ctx, sqlLiveOrdersOf, k.Sale, k.Generation, users)
	if err != nil {
		return nil, fmt.Errorf("find receipts: %w", err)
	}
	byUser := make(map[int64]Receipt, len(found))
	for _, o := range found {
		byUser[o.UserID] = o.Receipt
	}
	receipts := make([]Receipt, len(users))
	for i, u := range users {
		receipts[i] = byUser[u]
	}
	return receipts, nil
}

// ordersSince reads what changed after a revision of the stock row. 0: all orders, those that were taken back too.
func (s *Store) ordersSince(ctx context.Context, k Key, revision int64) ([]order, error) {
	var changed []order
	b := &pgx.Batch{}
	b.Queue(`SELECT ` + sqlProof)
	b.Queue(sqlOrdersSince, k.Sale, k.Generation, revision).Query(func(rows pgx.Rows) (err error) {
		changed, err = pgx.CollectRows(rows, scanOrder)
		return err
	})
	if err := s.prove(ctx, b); err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return changed, nil
}

// probe runs a look-up of orders by key. A batch is one round trip and one transaction, so the planner's
// setting of its first statement is valid for the second.
func (s *Store) probe(ctx context.Context, sql string, args ...any) ([]order, error) {
	var found []order
	b := &pgx.Batch{}
	b.Queue(sqlProvenProbes)
	b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, scanOrder)
		return err
	})
	err := s.prove(ctx, b)
	return found, err
}
