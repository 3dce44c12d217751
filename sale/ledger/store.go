// Package ledger gives the verdict on claims, and keeps sales, orders and declines in Postgres.
//
// Store decides a batch of claims in one transaction, under the lock of the sale's stock row. It reads what the batch can meet
// (BatchState), decides in memory (BatchState.Decide, a pure function), and writes orders, declines and outbox messages. The
// caller commits: events/consumer for claims, app/operator for acts. A claim id gets one verdict for ever, so a batch may be
// repeated at any time, by the log or by the direct path.
//
// The locks have one order: the gate of the sale (its row in products), the generation, the stock rows, the sale.
package ledger

import (
	"context"
	"fmt"

	"flashsale/sale"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store keeps sales and what was decided about them in Postgres. Its methods are safe for concurrent use;
// those whose names end in Tx join the caller's transaction, which must be READ COMMITTED, and change nothing
// until it commits.
type Store struct {
	pool   *pgxpool.Pool
	stock  stock
	outbox outbox
}

// New makes a Store on a pool whose search_path is the namespace's schema, and which events.WatchNotices has
// prepared.
func New(pool *pgxpool.Pool, s stock, o outbox) *Store {
	return &Store{pool: pool, stock: s, outbox: o}
}

// CurrentKeys lists every sale with its current generation.
func (s *Store) CurrentKeys(ctx context.Context) ([]sale.Key, error) {
	rows, err := s.pool.Query(ctx, sqlCurrent)
	if err != nil {
		return nil, fmt.Errorf("list sales: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sale.Key])
	if err != nil {
		return nil, fmt.Errorf("list sales: %w", err)
	}
	return keys, nil
}

// OwnersTx lists the shoppers with a live order, in no particular order. In a REPEATABLE READ transaction that
// also reads the stock row it is consistent with it.
func (s *Store) OwnersTx(ctx context.Context, tx pgx.Tx, k sale.Key) ([]int64, error) {
	rows, err := tx.Query(ctx, sqlOwners, k.Sale, k.Generation)
	if err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	return users, nil
}

// Count is what the orders of one generation add up to. The invariants say that Live, Shoppers and Units are
// the same number, and equal to the stock's Taken.
type Count struct {
	sale.Key
	// Live is the number of live orders, Shoppers and Units how many different ones they name.
	Live, Shoppers, Units int64
	// MaxUnit is the highest unit number; it is below the stock's NextUnit.
	MaxUnit int64
}

// Counts adds up the live orders of every generation that has any. It reads all orders: for verify.
func (s *Store) Counts(ctx context.Context) ([]Count, error) { return counts(ctx, s.pool) }

// CountsTx is Counts in the caller's transaction, so that it can be compared with a stock read in the same.
func (s *Store) CountsTx(ctx context.Context, tx pgx.Tx) ([]Count, error) { return counts(ctx, tx) }

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func counts(ctx context.Context, q querier) ([]Count, error) {
	rows, err := q.Query(ctx, sqlCounts)
	if err != nil {
		return nil, fmt.Errorf("count orders: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Count, err error) {
		err = row.Scan(&c.Sale, &c.Generation, &c.Live, &c.Shoppers, &c.Units, &c.MaxUnit)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("count orders: %w", err)
	}
	return all, nil
}
