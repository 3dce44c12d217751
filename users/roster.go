package users

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// LockTx keeps every account as it is until the caller's READ COMMITTED transaction ends: it locks the roster, which each change of
// accounts takes first. So must whoever changes something that depends on accounts.
func (s *Store) LockTx(ctx context.Context, tx pgx.Tx) error {
	_, err := readRoster(tx.QueryRow(ctx, lockRoster))
	return err
}
