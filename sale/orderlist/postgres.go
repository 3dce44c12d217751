package orderlist

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// A list's statements are planned for their arguments, each time, in a transaction that forbids to read or to sort whole tables where
// an index has the order: a plan that Postgres keeps may be from the time when the tables were empty.
const sqlListProbes = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
	set_config('enable_sort', 'off', true), set_config('enable_hashagg', 'off', true),
	set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)`

const (
	orderColumns = `id, sale_id, generation, user_id, username, unit, attempt, coalesce(press_key, '00000000-0000-0000-0000-000000000000'),
	state, decided_at, coalesce(pressed_at, 'epoch'), coalesce(released_at, 'epoch'), coalesce(press, '00000000-0000-0000-0000-000000000000')`

	// What the parts of a list have in common: the sale $1, the generation $2, the time from $3 and before $4, the place ($5, $6), and how
	// many orders, $7. LOW and HIGH stand for arguments of the part: its units are those from LOW and before HIGH. The condition on
	// the unit alone is the one by which an index begins at the place.
	inGeneration = ` FROM orders WHERE sale_id = $1 AND generation = $2`
	inTime       = ` AND decided_at >= $3 AND decided_at < $4`
	older        = ` AND unit >= LOW AND unit < HIGH AND unit <= $5 AND (unit, id) < ($5, $6)`
	newer        = ` AND unit >= LOW AND unit < HIGH AND unit >= $5 AND (unit, id) > ($5, $6)`

	// Each part of a list has its own index: the live orders that of the units, the cancelled ones that of theirs.
	sqlLiveOlder      = `SELECT ` + orderColumns + inGeneration + ` AND released_at IS NULL` + older + inTime + ` ORDER BY unit DESC LIMIT $7`
	sqlLiveNewer      = `SELECT ` + orderColumns + inGeneration + ` AND released_at IS NULL` + newer + inTime + ` ORDER BY unit LIMIT $7`
	sqlCancelledOlder = `SELECT ` + orderColumns + inGeneration + ` AND state = 'cancelled'` + older + inTime + ` ORDER BY unit DESC, id DESC LIMIT $7`
	sqlCancelledNewer = `SELECT ` + orderColumns + inGeneration + ` AND state = 'cancelled'` + newer + inTime + ` ORDER BY unit, id LIMIT $7`

	// The live orders of units that had come back: only those can be newer than the orders of higher units. A unit that came back later
	// than the time was not sold again in it.
	resold         = `SELECT mine.* FROM (SELECT DISTINCT unit AS came_back` + inGeneration + ` AND state = 'cancelled' AND unit >= LOW AND unit < HIGH AND released_at < $4`
	owner          = `) units, LATERAL (SELECT ` + orderColumns + inGeneration + ` AND unit BETWEEN came_back AND came_back AND released_at IS NULL` + inTime
	sqlResoldOlder = resold + ` AND unit <= $5 ORDER BY unit DESC` + owner + ` AND (unit, id) < ($5, $6) ORDER BY unit LIMIT 1) mine ORDER BY came_back DESC LIMIT $7`
	sqlResoldNewer = resold + ` AND unit >= $5 ORDER BY unit` + owner + ` AND (unit, id) > ($5, $6) ORDER BY unit LIMIT 1) mine ORDER BY came_back LIMIT $7`

	// The first unit before $3 that nobody had before the time $4, or $3. A unit's first order is the first that was decided of all
	// that had it, and first orders are decided in the order of the units: so a search that halves what is left finds it in some
	// twenty steps. A step looks at the first unit from the middle on. ORDER BY and LIMIT make every look follow the index of the units;
	// OFFSET 0 keeps the planner from looking for the unit anew wherever it is named.
	sqlFirstUnitSince = `WITH RECURSIVE search (low, high) AS (
	SELECT 1::bigint, $3::bigint
	UNION ALL
	SELECT CASE WHEN early THEN at + 1 ELSE low END, CASE WHEN early THEN high ELSE middle END
	FROM search, LATERAL (SELECT low + (high - low) / 2 AS middle OFFSET 0) half, LATERAL (SELECT least(
			(SELECT unit` + inGeneration + ` AND released_at IS NULL AND unit >= middle AND unit < high ORDER BY unit LIMIT 1),
			(SELECT unit` + inGeneration + ` AND state = 'cancelled' AND unit >= middle AND unit < high ORDER BY unit LIMIT 1)) AS at OFFSET 0) there,
		LATERAL (SELECT coalesce(least(
			(SELECT decided_at` + inGeneration + ` AND released_at IS NULL AND unit BETWEEN at AND at ORDER BY unit LIMIT 1),
			(SELECT min(one.decided_at) FROM (SELECT decided_at` + inGeneration + ` AND state = 'cancelled' AND unit BETWEEN at AND at
				ORDER BY unit LIMIT 1000000) one)) < $4, false) AS early OFFSET 0) seen
	WHERE low < high)
SELECT max(low) FROM search`

	// The live order of a unit, and those that had it before.
	sqlOrdersOfUnit = `(SELECT ` + orderColumns + ` FROM orders
WHERE sale_id = $1 AND generation = $2 AND unit BETWEEN $3 AND $3 AND released_at IS NULL ORDER BY unit LIMIT 1)
UNION ALL (SELECT ` + orderColumns + ` FROM orders
WHERE sale_id = $1 AND generation = $2 AND unit BETWEEN $3 AND $3 AND state = 'cancelled' ORDER BY unit LIMIT $4)`

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

	sqlNow           = `SELECT now()`
	sqlGenerationsOf = `SELECT generation FROM generations WHERE sale_id = $1 ORDER BY generation`
)

// scanOrder reads orderColumns into one order again and again, for one statement: an export reads a million. The epoch stands for a time
// that there is not.
func scanOrder() pgx.RowToFunc[sale.ListedOrder] {
	var o sale.ListedOrder
	var state string
	// As arrays, ids are read as they come; a uuid.UUID is read by way of its text.
	into := []any{(*[16]byte)(&o.OrderID), &o.SaleID, &o.Generation, &o.UserID, &o.Username, &o.Unit, &o.Attempt, (*[16]byte)(&o.IdempotencyKey),
		&state, &o.DecidedAt, &o.PressedAt, &o.CancelledAt, (*[16]byte)(&o.RequestID)}
	return func(row pgx.CollectableRow) (sale.ListedOrder, error) {
		err := row.Scan(into...)
		o.State, o.KeyKnown = sale.OrderState(state), true
		o.DecidedAt, o.PressedAt, o.CancelledAt = o.DecidedAt.UTC(), known(o.PressedAt), known(o.CancelledAt)
		if o.At = o.PressedAt; o.At.IsZero() {
			o.At = o.DecidedAt
		}
		return o, err
	}
}

func known(t time.Time) time.Time {
	if t.Unix() == 0 {
		return time.Time{}
	}
	return t.UTC()
}

// read runs one statement after sqlListProbes, both in one round trip.
func read[T any](ctx context.Context, on sender, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	return readOnto(ctx, on, nil, scan, sql, args...)
}

// readOnto is read, and appends to found.
func readOnto[T any](ctx context.Context, on sender, found []T, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	b := &pgx.Batch{}
	b.Queue(sqlListProbes)
	b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.AppendRows(found, rows, scan)
		return err
	})
	return found, send(ctx, on, b)
}

func send(ctx context.Context, on sender, b *pgx.Batch) error {
	if err := on.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	return nil
}

// sender is a pool, where a batch is one transaction, or a transaction.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}
