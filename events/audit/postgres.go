package audit

// The statements of this package. Table names are unqualified: the pool's search_path names the schema.
const (
	sqlRecord  = `INSERT INTO audit_log (actor, network, means, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6::text::jsonb)`
	sqlRecent  = `SELECT id, at, actor, network, means, action, subject, detail::text FROM audit_log ORDER BY id DESC LIMIT $1`
	sqlEntries = `SELECT id, at, actor, network, means, action, subject, detail::text FROM audit_log WHERE `
	// Without it and without statistics, Postgres reads and sorts all that a filter means, to show its first page.
	sqlFollowIndexes = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('enable_sort', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)`
	// The newest entry of somebody is the first that the index has.
	sqlActed = `SELECT coalesce((SELECT at > clock_timestamp() - make_interval(secs => $2) FROM audit_log WHERE actor = $1 ORDER BY at DESC, id DESC LIMIT 1), false)`

	// Rows of a day ago are as if they were not there.
	sqlKeyLock = `SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' act ' || $1 || ' ' || $2, 0))`
	sqlKeyed   = `SELECT digest, answer FROM act_keys
		WHERE principal = $1 AND key = $2 AND made_at > clock_timestamp() - make_interval(secs => $3)`
	sqlKeepKey = `INSERT INTO act_keys (principal, key, route, digest, answer) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (principal, key) DO UPDATE SET route = excluded.route, digest = excluded.digest,
			answer = excluded.answer, made_at = excluded.made_at`
	// A few at a time, and none that another act removes already.
	sqlPruneKeys = `DELETE FROM act_keys WHERE (principal, key) IN (SELECT principal, key FROM act_keys
		WHERE made_at <= clock_timestamp() - make_interval(secs => $1) ORDER BY made_at LIMIT 100 FOR UPDATE SKIP LOCKED)`

	sqlLockTime = `SELECT set_config('lock_timeout', $1, true)`
	sqlLinger   = `SELECT set_config('idle_in_transaction_session_timeout', $1, true)`

	sqlThisTransaction = `SELECT pg_current_xact_id()::text`
	// Reading a commit that the synchronous standby may not have is a transaction that writes there: its own commit waits for
	// the standby, and with it the one that is asked about.
	sqlTransactionEnd = `SELECT coalesce(pg_xact_status($1::text::xid8), ''), CASE WHEN current_setting('synchronous_standby_names') <> ''
		THEN pg_logical_emit_message(true, 'flashsale look-up', '')::text ELSE '' END`
)
