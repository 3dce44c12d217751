package outbox

// The statements of this package. Table names are unqualified: the pool's search_path names the schema.
const (
	// The transaction must have its number before it draws one for a row: the relay trusts a number once every
	// transaction as old as it is over. A condition that uses no row is evaluated before all rows.
	sqlAppendOutbox = `INSERT INTO outbox (sale_id, events, bundle) SELECT sale_id, events, bundle
		FROM unnest($1::bigint[], $2::int[], $3::bytea[]) WITH ORDINALITY AS m (sale_id, events, bundle, ord)
		WHERE pg_current_xact_id() IS NOT NULL ORDER BY ord`
	// sqlAppendOne is the same for one row.
	sqlAppendOne         = `INSERT INTO outbox (sale_id, events, bundle) SELECT $1::bigint, $2::int, $3::bytea WHERE pg_current_xact_id() IS NOT NULL`
	sqlOwnTransaction    = `SELECT pg_current_xact_id()`
	sqlOldestTransaction = `SELECT pg_snapshot_xmin(pg_current_snapshot())`
	// What the relay asks is planned once for each connection, whatever the settings of its pool, and follows the key
	// in its order. A plan that was made while the outbox was empty may read all of it, or sort what waits, when it
	// holds the rows of an hour. When the planner expects too many waiting rows, it also compiles and parallelises what
	// takes less than a millisecond.
	sqlRelayPlans = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('enable_sort', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true),
		set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)`
	// At most $3 rows, and none that begins after $4 events. Bundles are stored outside of the table and read only for
	// the result.
	sqlUnpublished = `SELECT id, sale_id, created_at, events, bundle, type, subject, traceparent, data::text FROM (
		SELECT *, sum(events) OVER (ORDER BY id) - events AS before FROM (
			SELECT * FROM outbox WHERE id > $1 AND published_at IS NULL AND sale_id <> ALL($2::bigint[]) ORDER BY id LIMIT $3) waiting
		) counted WHERE before < $4 ORDER BY id`
	sqlNewestRow     = `SELECT coalesce(max(id), 0) FROM outbox`
	sqlMarkPublished = `UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY($1)`
	sqlOutboxWaiting = `SELECT coalesce(sum(events), 0), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
		FROM outbox WHERE published_at IS NULL AND id > (SELECT position FROM outbox_relay)`
	sqlOldestWaiting = `SELECT coalesce(min(created_at), 'epoch') FROM outbox WHERE published_at IS NULL AND id > (SELECT position FROM outbox_relay)`
	// Only the first rows are looked at. Rows are published nearly in their order: if none of the first is old enough, none is.
	sqlPruneOutbox = `DELETE FROM outbox WHERE id = ANY(ARRAY(
		SELECT id FROM (SELECT id, published_at FROM outbox WHERE id <= $1 ORDER BY id LIMIT $3) first
		WHERE published_at < clock_timestamp() - make_interval(secs => $2)))`

	sqlTakeRelay = `UPDATE outbox_relay SET holder = $1, epoch = epoch + 1,
			lease_until = clock_timestamp() + make_interval(secs => $2)
		WHERE lease_until < clock_timestamp() RETURNING epoch, position`
	sqlMoveRelay = `UPDATE outbox_relay SET position = $3, lease_until = clock_timestamp() + make_interval(secs => $4)
		WHERE epoch = $1 AND position = $2`
	sqlReleaseRelay = `UPDATE outbox_relay SET holder = '', lease_until = '-infinity' WHERE epoch = $1`
)
