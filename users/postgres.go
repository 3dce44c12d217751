package users

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Deadlines of a single statement. A caller's own, shorter deadline wins.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 3 * time.Minute // a million accounts are archived in one transaction
	// lockTimeout bounds the wait for the roster. Others have it for the time of a chunk, unless they archive very many.
	lockTimeout = 10 * time.Second
)

const (
	recordColumns = `u.id, u.username, u.username_key, u.email, u.email_key, u.may_purchase,
		u.created_at, u.updated_at, u.changed, u.archived_at IS NOT NULL, u.email_verified_at IS NOT NULL`

	selectRoster = `SELECT version, live, able, series FROM roster`
	lockRoster   = `SELECT version, live, able, series FROM roster FOR UPDATE`
	updateRoster = `UPDATE roster SET version = $1, live = live + $2, able = able + $3`
	updateSeries = `UPDATE roster SET series = greatest(series, $1)`

	// The lock ends with the transaction.
	lockAlone = `SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.users', 0))`

	limitLocks = `SELECT set_config('lock_timeout', $1, true)`

	createSeeding = `CREATE TEMP TABLE seeding (ordinal int, username text, username_key text COLLATE "C",
		email text, email_key text COLLATE "C", may_purchase boolean) ON COMMIT DROP`
	dropSeeding = `DROP TABLE seeding`
	// Live accounts are left out before the insert: a conflict locks their rows and uses up ids. Those who must not purchase
	// are barred, whoever has created them, unless somebody signs in as them. Accounts are looked up one by one, because a join may read all of them.
	insertSeeding = `
		WITH known AS MATERIALIZED (
			SELECT s.*, (SELECT u.id FROM users u WHERE u.username_key = s.username_key AND u.archived_at IS NULL) AS live
			FROM seeding s
		), put AS (
			INSERT INTO users (username, username_key, email, email_key, may_purchase, changed)
			SELECT username, username_key, email, email_key, may_purchase, $1 FROM known WHERE live IS NULL ORDER BY ordinal
			ON CONFLICT (username_key) DO UPDATE SET archived_at = NULL, updated_at = now(), changed = excluded.changed,
				may_purchase = users.may_purchase AND excluded.may_purchase
			WHERE users.archived_at IS NOT NULL AND NOT users.has_credential
			RETURNING may_purchase
		), barred AS (
			UPDATE users SET may_purchase = false, updated_at = now(), changed = $1
			WHERE id = ANY (ARRAY(SELECT live FROM known WHERE live IS NOT NULL AND NOT may_purchase)) AND may_purchase AND NOT has_credential
			RETURNING 1
		), counted AS (
			SELECT (SELECT count(*) FROM put) AS put, (SELECT count(*) FROM put WHERE may_purchase) AS able,
				(SELECT count(*) FROM barred) AS barred
		)
		SELECT put + barred, put, able - barred, put FROM counted`
	archiveAll = `
		WITH gone AS (
			UPDATE users SET archived_at = now(), updated_at = now(), changed = $1
			WHERE archived_at IS NULL AND NOT kept RETURNING may_purchase
		)
		SELECT count(*), -count(*), -count(*) FILTER (WHERE may_purchase), count(*) FROM gone`

	// A page lies within a few blocks of accounts. So Postgres visits the accounts of those blocks and no others, whatever it
	// expects of the table. $1 is how many accounts come before the page, $2 how many it has.
	selectPage = `
		WITH counted AS (
			SELECT block, live, sum(live) OVER (ORDER BY block) - live AS before FROM roster_blocks WHERE live > 0
		), span AS (
			SELECT 1000 * min(block) AS first, 1000 * max(block) + 999 AS last, min(before) AS before
			FROM counted WHERE before + live > $1::bigint AND before < $1::bigint + $2::bigint
		)
		SELECT ` + recordColumns + `, (SELECT live FROM roster)
		FROM users u
		WHERE u.archived_at IS NULL AND u.id BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
		ORDER BY u.id OFFSET $1::bigint - (SELECT before FROM span) LIMIT $2::bigint`

	selectChanges = `SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE (u.changed, u.id) > ($1, $2) ORDER BY u.changed, u.id LIMIT $3`
	selectLive = `SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.archived_at IS NULL AND u.id > $1 ORDER BY u.id LIMIT $2`
	// There are two halves, so that each uses one index whatever the planner expects of the table.
	selectNames = `
		SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.archived_at IS NULL AND u.username_key = ANY($1)
		UNION ALL
		SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.archived_at IS NULL AND u.email_key = ANY($2)`
	selectIDs = `SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.archived_at IS NULL AND u.id = ANY($1)`
	// The same with archived accounts, but without erased ones, whose names are nobody's.
	selectNamesEver = `
		SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.erased_at IS NULL AND u.username_key = ANY($1)
		UNION ALL
		SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.erased_at IS NULL AND u.email_key = ANY($2)`
	selectIDsEver = `SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.erased_at IS NULL AND u.id = ANY($1)`
	// The condition is that of the index users_barred, word by word, so that Postgres uses it.
	selectBarred = `SELECT id, archived_at IS NOT NULL FROM users WHERE (archived_at IS NOT NULL OR NOT may_purchase) AND id > $1 ORDER BY id LIMIT $2`
)

// replan keeps Postgres from caching a generic plan: one made while the table was empty stays slow for long.
const replan = pgx.QueryExecModeCacheDescribe

// Roster is the one row that every change of accounts takes first.
type Roster struct {
	Version int64 // counts changes
	Live    int64 // accounts not archived
	Able    int64 // of those, who may purchase
	// Series is how many of the first accounts of the series are known to be as EnsureSeries makes them. There may be more.
	Series int64
}

// Roster is the roster as it is now.
func (s *Store) Roster(ctx context.Context) (Roster, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return readRoster(s.pool.QueryRow(ctx, selectRoster))
}

func readRoster(row pgx.Row) (Roster, error) {
	var r Roster
	if err := row.Scan(&r.Version, &r.Live, &r.Able, &r.Series); err != nil {
		return Roster{}, fmt.Errorf("read roster: %w", err)
	}
	return r, nil
}

// records runs one of the statements that end in the roster's version, and returns that too. Without any record the
// version is zero.
func (s *Store) records(ctx context.Context, query string, args ...any) ([]Record, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, query, append([]any{replan}, args...)...)
	if err != nil {
		return nil, 0, fmt.Errorf("read accounts: %w", err)
	}
	defer rows.Close()
	var list []Record
	var r Record
	var version int64
	into := append(r.fields(), &version)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, 0, fmt.Errorf("read accounts: %w", err)
		}
		r.tidy()
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("read accounts: %w", err)
	}
	return list, version, nil
}

// fields are where recordColumns go.
func (r *Record) fields() []any {
	return []any{
		&r.ID, &r.Username, &r.UsernameKey, &r.Email, &r.EmailKey, &r.MayPurchase,
		&r.CreatedAt, &r.UpdatedAt, &r.Changed, &r.Archived, &r.EmailVerified,
	}
}

// Changes are the records that changed after a position, in the order of their changes, archived ones too.
func (s *Store) Changes(ctx context.Context, after Position, limit int) ([]Record, int64, error) {
	return s.records(ctx, selectChanges, after.Changed, after.ID, limit)
}

// LiveAfter are the live accounts above an id, oldest first.
func (s *Store) LiveAfter(ctx context.Context, afterID int64, limit int) ([]Record, int64, error) {
	return s.records(ctx, selectLive, afterID, limit)
}

// Named are the live accounts of these usernames and addresses, in normal form, in no order.
func (s *Store) Named(ctx context.Context, usernames, emails []string) ([]Record, int64, error) {
	return s.records(ctx, selectNames, usernames, onlyReachable(emails))
}

// NamedEver is Named for archived accounts too: a name is bound to its id for ever. Erased accounts have no name.
func (s *Store) NamedEver(ctx context.Context, usernames, emails []string) ([]Record, int64, error) {
	return s.records(ctx, selectNamesEver, usernames, onlyReachable(emails))
}

func onlyReachable(emails []string) []string {
	return slices.DeleteFunc(slices.Clone(emails), func(key string) bool { return !reachable(key) })
}

// WithID are the live accounts of these ids, in no order.
func (s *Store) WithID(ctx context.Context, ids []int64) ([]Record, int64, error) {
	return s.records(ctx, selectIDs, ids)
}

// WithIDEver is WithID for archived accounts too, but not for erased ones.
func (s *Store) WithIDEver(ctx context.Context, ids []int64) ([]Record, int64, error) {
	return s.records(ctx, selectIDsEver, ids)
}

// Barred is an account that may not purchase.
type Barred struct {
	ID int64
	// Archived is true when the account is not seen at all.
	Archived bool
}

// BarredAfter are the accounts above an id that may not purchase, archived ones too, in ascending order.
func (s *Store) BarredAfter(ctx context.Context, afterID int64, limit int) ([]Barred, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectBarred, replan, afterID, limit)
	var list []Barred
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Barred])
	}
	if err != nil {
		return nil, fmt.Errorf("read barred accounts: %w", err)
	}
	return list, nil
}
