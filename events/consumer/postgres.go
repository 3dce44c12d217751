package consumer

// The statements of this package. Table names are unqualified: the pool's search_path names the schema.
const (
	sqlCursor = `SELECT epoch, next_offset, coalesce(fingerprint, ''), moved_at
		FROM log_cursors WHERE log_id = $1 AND partition = $2`
	sqlCursors = `SELECT partition, next_offset FROM log_cursors WHERE log_id = $1`
	// The lock waits for a commit that is still under way and makes the reading transaction one that writes, so that
	// its own commit waits for the standby, and with it for every commit before it.
	sqlCursorFenced = sqlCursor + ` FOR UPDATE`
	sqlOtherLogs    = `SELECT count(*) FROM log_cursors WHERE log_id <> $1 AND partition = $2`
	sqlNewCursor    = `INSERT INTO log_cursors (log_id, partition, next_offset) VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`
	sqlAnyCursor   = `SELECT EXISTS (SELECT FROM log_cursors)`
	sqlFirstCursor = `INSERT INTO log_cursors (log_id, partition, next_offset, fingerprint) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`
	sqlMoveCursor = `UPDATE log_cursors SET next_offset = $5, fingerprint = $6, moved_at = clock_timestamp()
		WHERE log_id = $1 AND partition = $2 AND epoch = $3 AND next_offset = $4`
	sqlRestartCursor = `UPDATE log_cursors
		SET epoch = epoch + 1, next_offset = $5, fingerprint = NULL, moved_at = clock_timestamp()
		WHERE log_id = $1 AND partition = $2 AND epoch = $3 AND next_offset = $4`

	sqlQuarantinedClaims = `SELECT DISTINCT claim_id FROM quarantine WHERE claim_id = ANY($1)`
)
