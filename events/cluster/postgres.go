package cluster

// The statements of this package. Table names are unqualified: the pool's search_path names the schema.
const (
	sqlBeat = `INSERT INTO processes (id) VALUES ($1)
		ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()`
	sqlLive   = `SELECT count(*) FROM processes WHERE seen_at > clock_timestamp() - make_interval(secs => $1)`
	sqlRecent = `SELECT id, started_at, seen_at FROM processes WHERE seen_at > clock_timestamp() - make_interval(secs => $1)
		ORDER BY started_at, id`
	sqlGone = `DELETE FROM processes WHERE id = $1
		OR seen_at < clock_timestamp() - make_interval(secs => $2)`
	// The numbers are the same on a server and on its physical standbys, and on no other server.
	sqlWhich = `(SELECT system_identifier FROM pg_control_system()), (SELECT oid::bigint FROM pg_database WHERE datname = current_database()), pg_is_in_recovery(), clock_timestamp()`
	sqlPlace = `SELECT ` + sqlWhich + `, 0::bigint, 'epoch'::timestamptz`
	sqlSight = `SELECT ` + sqlWhich + `, 'processes'::regclass::oid::bigint, coalesce((SELECT max(seen_at) FROM processes), 'epoch')`
)
