package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// OrderTx reads an order, live or cancelled, as the transaction sees it. ErrNoOrder when there is none. It sets the planner for
// the rest of the transaction: see sqlProbes.
func (s *Store) OrderTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (sale.Order, error) {
	var o sale.Order
	b := &pgx.Batch{}
	b.Queue(sqlProbes)
	b.Queue(sqlOrderOfSale, id).QueryRow(func(row pgx.Row) (err error) {
		o, err = scanWholeOrder(row)
		return err
	})
	err := tx.SendBatch(ctx, b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return o, sale.ErrNoOrder
	}
	if err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	return o, nil
}

// Order reads an order, live or cancelled. ErrNoOrder when there is none.
func (s *Store) Order(ctx context.Context, id uuid.UUID) (sale.Order, error) {
	var o sale.Order
	b := &pgx.Batch{}
	b.Queue(sqlProbes + `, ` + sqlProof)
	b.Queue(sqlOrderOfSale, id).QueryRow(func(row pgx.Row) (err error) {
		o, err = scanWholeOrder(row)
		return err
	})
	err := s.prove(ctx, b)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, sale.ErrNoOrder
	}
	if err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	return o, nil
}

// OrdersOf is what a shopper bought in all sales, the newest first, cancelled orders too. It looks into the newest thousand generations
// and finds at most limit orders.
func (s *Store) OrdersOf(ctx context.Context, user int64, limit int) ([]sale.Order, error) {
	return s.ordersOf(ctx, sqlProbes+`, `+sqlProof, user, limit, s.prove)
}

// OrdersSeen is OrdersOf for operators, to whom the answer is no promise: it may have what the synchronous standby has not confirmed. So a
// standby can answer it too.
func (s *Store) OrdersSeen(ctx context.Context, user int64, limit int) ([]sale.Order, error) {
	return s.ordersOf(ctx, sqlProbes, user, limit, func(ctx context.Context, b *pgx.Batch) error { return s.pool.SendBatch(ctx, b).Close() })
}

func (s *Store) ordersOf(ctx context.Context, first string, user int64, limit int, send func(context.Context, *pgx.Batch) error) ([]sale.Order, error) {
	var found []sale.Order
	b := &pgx.Batch{}
	b.Queue(first)
	b.Queue(sqlOrdersOfShopper, user, limit).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (sale.Order, error) { return scanWholeOrder(row) })
		return err
	})
	if err := send(ctx, b); err != nil {
		return nil, fmt.Errorf("read a shopper's orders: %w", err)
	}
	return found, nil
}

func scanWholeOrder(row pgx.Row) (sale.Order, error) {
	var o sale.Order
	var pressed, decided time.Time
	var cancelled *time.Time
	var revision int64
	var live bool
	var requestID uuid.UUID
	err := row.Scan(&o.OrderID, &o.SaleID, &o.Generation, &o.UserID, &o.Username, &o.Unit, &o.Attempt,
		&o.IdempotencyKey, &revision, &decided, &pressed, &live, &requestID, &cancelled, &o.Slug,
		&o.Sold.Name, &o.Sold.ImportantInfo, &o.Sold.Images.Main, &o.Sold.PriceMinor, &o.Sold.DiscountMinor, &o.Sold.CurrencyCode, &o.Sold.CurrencySymbol)
	o.Product = o.Sold.Name
	_, o.At = orderTimes(pressed, decided)
	if cancelled != nil {
		o.CancelledAt = cancelled.UTC()
	}
	return o, err
}

func scanOrder(row pgx.CollectableRow) (sale.OrderRow, error) {
	var o sale.OrderRow
	err := row.Scan(&o.OrderID, &o.SaleID, &o.Generation, &o.UserID, &o.Username, &o.Unit, &o.Attempt,
		&o.IdempotencyKey, &o.Revision, &o.DecidedAt, &o.PressedAt, &o.Live, &o.RequestID)
	o.DecidedAt, o.KeyKnown = o.DecidedAt.UTC(), true
	o.PressedAt, o.At = orderTimes(o.PressedAt, o.DecidedAt)
	return o, err
}

// orderTimes are the time of the press that a row has, zero for none, and the time that people see. The epoch in place of the
// first stands for none.
func orderTimes(pressed, decided time.Time) (known, seen time.Time) {
	if pressed.Unix() == 0 {
		return time.Time{}, decided.UTC()
	}
	return pressed.UTC(), pressed.UTC()
}

// LiveReceipts finds the live orders of these shoppers: one receipt for each, in the same order. OrderID is uuid.Nil for a shopper
// without a live order. It is one query whatever their number.
func (s *Store) LiveReceipts(ctx context.Context, k sale.Key, users []int64) ([]sale.Receipt, error) {
	found, err := s.probe(ctx, sqlLiveOrdersOf, k.Sale, k.Generation, users)
	if err != nil {
		return nil, fmt.Errorf("find receipts: %w", err)
	}
	byUser := make(map[int64]sale.Receipt, len(found))
	for _, o := range found {
		byUser[o.UserID] = o.Receipt
	}
	receipts := make([]sale.Receipt, len(users))
	for i, u := range users {
		receipts[i] = byUser[u]
	}
	return receipts, nil
}

// OrdersSince reads the orders that changed after a revision of the stock row. 0: all orders, also the cancelled ones.
func (s *Store) OrdersSince(ctx context.Context, k sale.Key, revision int64) ([]sale.OrderRow, error) {
	var changed []sale.OrderRow
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

// probe looks up orders by key. A batch is one round trip and one transaction, so the planner settings of its first statement
// are valid for the second.
func (s *Store) probe(ctx context.Context, sql string, args ...any) ([]sale.OrderRow, error) {
	var found []sale.OrderRow
	b := &pgx.Batch{}
	b.Queue(sqlProvenProbes)
	b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, scanOrder)
		return err
	})
	err := s.prove(ctx, b)
	return found, err
}
