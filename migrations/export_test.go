package migrations

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// UpTo makes a schema of an older version.
func UpTo(ctx context.Context, pool *pgxpool.Pool, schema string, version int64) error {
	p, done, err := provider(ctx, pool, schema)
	if err != nil {
		return err
	}
	defer done()
	_, err = p.UpTo(ctx, version)
	return err
}
