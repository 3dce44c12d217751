package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

// ErrOutdated is the error of a start on a schema that a newer program has changed so that this one cannot work with it.
var ErrOutdated = errors.New("this program is too old for the schema")

// sqlOldestProgram reads the newest migration that a program must know.
const sqlOldestProgram = `SELECT knows FROM oldest_program`

// Versions returns the number of the newest migration that was applied, and of the newest that this program knows. The
// first is greater while a newer version is rolled out or taken back: it has expanded the schema, which does no harm.
func Versions(ctx context.Context, pool *pgxpool.Pool, schema string) (applied, known int64, err error) {
	p, done, err := provider(ctx, pool, schema)
	if err != nil {
		return 0, 0, err
	}
	defer done()
	applied, known, err = p.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read the version of schema %s: %w", schema, err)
	}
	return applied, known, nil
}

// fits returns ErrOutdated when the schema needs a newer program than this one. All migrations that it knows are
// applied.
func fits(ctx context.Context, pool *pgxpool.Pool, p *goose.Provider) error {
	var needed int64
	if err := pool.QueryRow(ctx, sqlOldestProgram).Scan(&needed); err != nil {
		return fmt.Errorf("read which programs the schema takes: %w", err)
	}
	sources := p.ListSources()
	if known := sources[len(sources)-1].Version; needed > known {
		return fmt.Errorf("%w: it takes programs that know migration %d, and this one knows them up to %d; start a newer version",
			ErrOutdated, needed, known)
	}
	return nil
}
