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

// The statements of certificates and their locks. A prefix of keys ends before a slash.
const (
	sqlSaveCertificate = `INSERT INTO certificate_store (key, sealed) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed, changed_at = clock_timestamp()`
	sqlLoadCertificate   = `SELECT sealed FROM certificate_store WHERE key = $1`
	sqlResealCertificate = `UPDATE certificate_store SET sealed = $3 WHERE key = $1 AND sealed = $2`
	sqlStatCertificate   = `SELECT length(sealed), changed_at FROM certificate_store WHERE key = $1`
	sqlDropCertificates  = `DELETE FROM certificate_store WHERE key = $1 OR starts_with(key, $1 || '/')`
	sqlCertificateKeys   = `SELECT key FROM certificate_store WHERE $1 = '' OR key = $1 OR starts_with(key, $1 || '/') ORDER BY key`

	sqlTakeLock = `INSERT INTO certificate_locks (name, holder, until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE certificate_locks.until < clock_timestamp()`
	sqlKeepLock = `UPDATE certificate_locks SET until = clock_timestamp() + make_interval(secs => $3) WHERE name = $1 AND holder = $2`
	sqlFreeLock = `DELETE FROM certificate_locks WHERE name = $1 AND holder = $2`
)
