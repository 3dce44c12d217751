package orderlist

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// A list's statements are planned for their arguments, each time, in a transaction that forbids to read or to sort whole tables where
// an index has the order: a plan that Postgres keeps may be from the time when the tables were empty. What is left is to sort the
// orders of one decision (an incremental sort), and those of a page.
const sqlListProbes = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
	set_config('enable_sort', 'off', true),
	set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)`

const (
	orderColumns = `id, sale_id, generation, user_id, username, unit, attempt, coalesce(press_key, '00000000-0000-0000-0000-000000000000'),
	state, decided_at, coalesce(pressed_at, 'epoch'), coalesce(released_at, 'epoch'), coalesce(press, '00000000-0000-0000-0000-000000000000')`

	// Each state is a range of the index orders_listed. Of every range as many orders are read as a page has, and the page is the
	// first of them. The condition on decided_at alone is the one that the index can use to begin at the place.
	sqlOlder = `SELECT mine.* FROM unnest($3::text[]) AS asked (state), LATERAL (
	SELECT ` + orderColumns + ` FROM orders
	WHERE sale_id = $1 AND generation = $2 AND state = asked.state
		AND decided_at >= $4 AND decided_at < $5 AND decided_at <= $6 AND (decided_at, id) < ($6, $7)
	ORDER BY decided_at DESC, id DESC LIMIT $8) mine
ORDER BY decided_at DESC, id DESC LIMIT $8`

	sqlNewer = `SELECT mine.* FROM unnest($3::text[]) AS asked (state), LATERAL (
	SELECT ` + orderColumns + ` FROM orders
	WHERE sale_id = $1 AND generation = $2 AND state = asked.state
		AND decided_at >= $4 AND decided_at < $5 AND decided_at >= $6 AND (decided_at, id) > ($6, $7)
	ORDER BY decided_at, id LIMIT $8) mine
ORDER BY decided_at, id LIMIT $8`

	// The live order of a unit, and those that had it before. Each half has its own index, for which it asks by its order; the second
	// reads what was cancelled of the generation, which people did one by one.
	sqlOrdersOfUnit = `(SELECT ` + orderColumns + ` FROM orders
WHERE sale_id = $1 AND generation = $2 AND unit BETWEEN $3 AND $3 AND released_at IS NULL ORDER BY unit LIMIT 1)
UNION ALL (SELECT ` + orderColumns + ` FROM orders
WHERE sale_id = $1 AND generation = $2 AND unit = $3 AND released_at IS NOT NULL ORDER BY sale_id, generation, user_id LIMIT $4)`

	// BETWEEN and ORDER BY make each shopper one search of an index, as in the statements of the ledger.
	sqlOrdersOfShoppers = `SELECT mine.* FROM unnest($3::bigint[]) AS asked (shopper), LATERAL (
	(SELECT ` + orderColumns + ` FROM orders WHERE sale_id = $1 AND generation = $2
		AND user_id BETWEEN asked.shopper AND asked.shopper AND released_at IS NULL ORDER BY user_id LIMIT 1)
	UNION ALL
	(SELECT ` + orderColumns + ` FROM orders WHERE sale_id = $1 AND generation = $2
		AND user_id BETWEEN asked.shopper AND asked.shopper AND released_at IS NOT NULL ORDER BY user_id LIMIT $4)) mine`

	sqlOrdersNumbered = `SELECT ` + orderColumns + ` FROM orders WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3`

	sqlDeclinesOfShopper = `SELECT claim_id, attempt, reason, decided_at FROM declines
WHERE sale_id = $1 AND generation = $2 AND user_id BETWEEN $3 AND $3 ORDER BY user_id LIMIT $4`

	sqlGenerationsOf = `SELECT generation FROM generations WHERE sale_id = $1 ORDER BY generation`
)

// scanOrder reads orderColumns. The epoch stands for a time that there is not.
func scanOrder(row pgx.CollectableRow) (sale.ListedOrder, error) {
	var o sale.ListedOrder
	err := row.Scan(&o.OrderID, &o.SaleID, &o.Generation, &o.UserID, &o.Username, &o.Unit, &o.Attempt, &o.IdempotencyKey,
		&o.State, &o.DecidedAt, &o.PressedAt, &o.CancelledAt, &o.RequestID)
	o.DecidedAt, o.PressedAt, o.CancelledAt, o.KeyKnown = o.DecidedAt.UTC(), known(o.PressedAt), known(o.CancelledAt), true
	if o.At = o.PressedAt; o.At.IsZero() {
		o.At = o.DecidedAt
	}
	return o, err
}

func known(t time.Time) time.Time {
	if t.Unix() == 0 {
		return time.Time{}
	}
	return t.UTC()
}

// read runs one statement after sqlListProbes, both in one round trip.
func read[T any](ctx context.Context, on sender, scan pgx.RowToFunc[T], sql string, args ...any) (found []T, err error) {
	b := &pgx.Batch{}
	b.Queue(sqlListProbes)
	b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err := on.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return found, nil
}

// sender is a pool, where a batch is one transaction, or a transaction.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}
