package reminder

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// statementTime bounds every statement here. A caller's own, shorter deadline wins.
const statementTime = 5 * time.Second

// store is what Postgres keeps of reminders.
type store struct{ pool *pgxpool.Pool }

const (
	insertReminder = `
		INSERT INTO reminders (sale_id, user_id, language) VALUES ($1, $2, $3)
		ON CONFLICT (sale_id, user_id) DO UPDATE SET language = excluded.language, created_at = clock_timestamp(), sent_at = NULL, sent_for = NULL
		WHERE reminders.sent_for <> $4`
	deleteReminder = `DELETE FROM reminders WHERE sale_id = $1 AND user_id = $2 AND sent_at IS NULL`
	selectStates   = `SELECT user_id, sent_at IS NOT NULL FROM reminders WHERE sale_id = $1 AND user_id = ANY ($2) AND (sent_for IS NULL OR sent_for = $3)`
	// No more is counted than matters.
	countWaiting = `SELECT count(*) FROM (SELECT FROM reminders WHERE sale_id = $1 AND sent_at IS NULL LIMIT $2) waiting`
	// Those who asked first come first. Rows that another process has claimed at this moment are passed over.
	claimReminders = `
		UPDATE reminders r SET sent_at = clock_timestamp(), sent_for = $2
		FROM (
			SELECT user_id FROM reminders WHERE sale_id = $1 AND sent_at IS NULL AND $2 > clock_timestamp()
			ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED
		) due
		WHERE r.sale_id = $1 AND r.user_id = due.user_id
		RETURNING r.user_id, r.language`
	// Those whose shopper took them back meanwhile are not there any more.
	releaseReminders = `UPDATE reminders SET sent_at = NULL, sent_for = NULL WHERE sale_id = $1 AND user_id = ANY ($2) AND sent_for = $3`
	deletePast       = `
		DELETE FROM reminders WHERE (sale_id, user_id) IN (
			SELECT sale_id, user_id FROM reminders WHERE sale_id = ANY ($1) LIMIT $2 FOR UPDATE SKIP LOCKED
		)`
)

func (s store) exec(ctx context.Context, what, statement string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	done, err := s.pool.Exec(ctx, statement, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return done.RowsAffected(), nil
}

func (s store) add(ctx context.Context, sale int64, starts time.Time, account int64, language string) error {
	_, err := s.exec(ctx, "keep a reminder", insertReminder, sale, account, language, starts)
	return err
}

func (s store) remove(ctx context.Context, sale, account int64) error {
	_, err := s.exec(ctx, "take a reminder back", deleteReminder, sale, account)
	return err
}

// release makes claimed reminders wait again.
func (s store) release(ctx context.Context, of Start, accounts []int64) error {
	_, err := s.exec(ctx, "put reminders back", releaseReminders, of.Sale, accounts, of.At)
	return err
}

// deletePast deletes at most limit reminders of these sales, and returns how many.
func (s store) deletePast(ctx context.Context, sales []int64, limit int) (int64, error) {
	return s.exec(ctx, "delete old reminders", deletePast, sales, limit)
}

// states has those of the accounts that asked.
func (s store) states(ctx context.Context, of Start, accounts []int64) (map[int64]State, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectStates, of.Sale, accounts, of.At)
	if err != nil {
		return nil, fmt.Errorf("read reminders: %w", err)
	}
	type known struct {
		account int64
		sent    bool
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k known, err error) {
		err = row.Scan(&k.account, &k.sent)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("read reminders: %w", err)
	}
	found := map[int64]State{}
	for _, k := range all {
		if found[k.account] = Waiting; k.sent {
			found[k.account] = Sent
		}
	}
	return found, nil
}

// waiting is how many wait for the start of a sale, at most limit.
func (s store) waiting(ctx context.Context, sale int64, limit int) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	if err := s.pool.QueryRow(ctx, countWaiting, sale, limit).Scan(&n); err != nil {
		return 0, fmt.Errorf("count reminders: %w", err)
	}
	return n, nil
}

// claimed is a reminder that this process has marked as sent.
type claimed struct {
	account  int64
	language string
}

// claim marks at most limit reminders as sent for that start, unless it has passed.
func (s store) claim(ctx context.Context, of Start, limit int) ([]claimed, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, claimReminders, of.Sale, of.At, limit)
	if err != nil {
		return nil, fmt.Errorf("claim reminders: %w", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c claimed, err error) {
		err = row.Scan(&c.account, &c.language)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("claim reminders: %w", err)
	}
	return due, nil
}
