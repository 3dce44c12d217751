package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	selectMay = `SELECT u.may_purchase FROM users u WHERE u.id = $1 AND u.erased_at IS NULL`
	// Archived accounts do not count among those who may purchase.
	updateMay = `WITH now AS (UPDATE users SET may_purchase = $3, updated_at = now(), changed = $1 WHERE id = $2 RETURNING archived_at IS NULL AS live)
		SELECT count(*), 0, count(*) FILTER (WHERE live) * CASE WHEN $3 THEN 1 ELSE -1 END, count(*) FROM now`
)

// SetMayPurchaseTx says whether an account may purchase, in the caller's READ COMMITTED transaction, and whether it might before. It
// keeps the roster locked until that ends; every process knows within a second of the commit. Orders stay as they are. ErrNoAccount:
// there is none, or it was erased.
func (s *Store) SetMayPurchaseTx(ctx context.Context, tx pgx.Tx, id int64, may bool) (before bool, err error) {
	if err := s.LockTx(ctx, tx); err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, selectMay, replan, id).Scan(&before)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrNoAccount
	}
	if err != nil {
		return false, fmt.Errorf("read account: %w", err)
	}
	if before == may {
		return before, nil
	}
	return before, s.one(ctx, tx, updateMay, id, may)
}
