package login

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// statementTime bounds every read and every transaction of this package. A caller's own, shorter deadline wins.
const statementTime = 5 * time.Second

// Store is what Postgres keeps about sign-ins. It is safe for concurrent use, by several processes too.
type Store struct{ pool *pgxpool.Pool }

// NewStore uses a pool whose search_path is the schema of the migrations.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

func (s *Store) transact(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	return Transact(ctx, s.pool, do)
}

// Transact is a transaction of at most five seconds, read committed whatever the server's default: a statement after a lock must
// see what was committed before the lock.
func Transact(ctx context.Context, pool *pgxpool.Pool, do func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error { return do(ctx, tx) })
}
