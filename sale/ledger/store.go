// Package ledger decides claims, and stores sales, orders and declines in Postgres.
//
// Store decides a batch of claims in one transaction, under the locks of the stock rows. Store.Prepare reads what the decision
// depends on (BatchState), decides in memory (BatchState.Decide, a pure function), and writes orders, declines and outbox
// messages. The caller commits: events/consumer for claims, app/operator for acts. A claim id gets one verdict for ever, so a
// batch may be repeated at any time, by the log or by the direct path.
//
// Locks are always taken in this order: the gate of the sale (its row in products), the row of the generation, the stock rows by
// sale and generation ascending, the row of the sale.
package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/sale"
)

// Store is the ledger in Postgres. Its methods are safe for concurrent use. Those whose names end in Tx join the caller's
// transaction, which must be READ COMMITTED where nothing else is said; what they write is visible to others once it commits.
type Store struct {
	pool   *pgxpool.Pool
	stock  stock
	outbox outbox
}

// New makes a Store on a pool. The pool's search_path is the namespace's schema, and events.WatchNotices has prepared it.
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

// OwnersTx lists the shoppers with a live order, in no particular order. In a REPEATABLE READ transaction the list agrees with
// the stock row that the transaction reads.
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

// Count sums up the live orders of one generation. By the invariants, Live, Shoppers and Units are equal to each other and to
// the stock's Taken.
type Count struct {
	sale.Key
	// Live is the number of live orders. Shoppers and Units are the numbers of different shoppers and units in them.
	Live, Shoppers, Units int64
	// MaxUnit is the highest unit number; it is below the stock's NextUnit.
	MaxUnit int64
}

// CountsTx counts the live orders of every generation that has any. It reads all orders: for verify. In a REPEATABLE READ
// transaction the counts agree with the stock rows that the transaction reads.
func (s *Store) CountsTx(ctx context.Context, tx pgx.Tx) ([]Count, error) {
	rows, err := tx.Query(ctx, sqlCounts)
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

// Presses sums up when the orders of one generation were pressed, live and cancelled ones.
type Presses struct {
	sale.Key
	// Orders is their number. Known of them have the time of their press, and Outside of these were not pressed within the times
	// of the generation.
	Orders, Known, Outside int64
	// StartsAt and EndsAt are the times of the generation: nil when it ended without leaving them. Outside is 0 then.
	StartsAt, EndsAt *time.Time
}

// PressesTx compares the presses of every generation that has orders with its times. It reads all orders: for verify.
func (s *Store) PressesTx(ctx context.Context, tx pgx.Tx) ([]Presses, error) {
	rows, err := tx.Query(ctx, sqlPresses)
	if err != nil {
		return nil, fmt.Errorf("compare presses with the times: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Presses, err error) {
		err = row.Scan(&p.Sale, &p.Generation, &p.Orders, &p.Known, &p.Outside, &p.StartsAt, &p.EndsAt)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("compare presses with the times: %w", err)
	}
	return all, nil
}
