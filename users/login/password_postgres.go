package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	sqlPassword    = `SELECT hash FROM passwords WHERE account = $1`
	sqlSetPassword = `INSERT INTO passwords (account, hash) VALUES ($1, $2)
		ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, changed_at = now()`
	sqlReplacePassword = `UPDATE passwords SET hash = $3, changed_at = CASE WHEN $4 THEN changed_at ELSE now() END
		WHERE account = $1 AND hash = $2`
	sqlDeletePassword = `DELETE FROM passwords WHERE account = $1`
)

// passwordOf is the hash of an account's password; empty when it has none.
func (s *Store) passwordOf(ctx context.Context, account int64) (hash string, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	err = s.pool.QueryRow(ctx, sqlPassword, account).Scan(&hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("read a password's hash: %w", err)
	}
	return hash, nil
}

func setPasswordTx(ctx context.Context, tx pgx.Tx, account int64, hash string) error {
	if _, err := tx.Exec(ctx, sqlSetPassword, account, hash); err != nil {
		return fmt.Errorf("keep a password's hash: %w", err)
	}
	return nil
}

// renewPassword keeps another hash of the same password, unless it was changed meanwhile.
func (s *Store) renewPassword(ctx context.Context, account int64, old, next string) error {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	_, err := s.pool.Exec(ctx, sqlReplacePassword, account, old, next, true)
	return err
}

// replacePasswordTx is false when the hash is not the old one any more.
func replacePasswordTx(ctx context.Context, tx pgx.Tx, account int64, old, next string) (bool, error) {
	done, err := tx.Exec(ctx, sqlReplacePassword, account, old, next, false)
	if err != nil {
		return false, fmt.Errorf("keep a password's hash: %w", err)
	}
	return done.RowsAffected() == 1, nil
}

func deletePasswordTx(ctx context.Context, tx pgx.Tx, account int64) error {
	if _, err := tx.Exec(ctx, sqlDeletePassword, account); err != nil {
		return fmt.Errorf("forget a password: %w", err)
	}
	return nil
}
