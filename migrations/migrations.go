// Package migrations holds the schema, one owning domain per file, and applies it.
//
// All tables live in the schema named by the NAMESPACE, so that several deployments (or tests) share one database and
// do not see each other's rows. Migrations only add at first, and remove a release later: two versions of the program
// run side by side during a rolling restart, and the older one may be started again on the schema of the newer one.
// `.ci/run versions` does that. A migration that removes something writes into oldest_program which programs still
// work.
//
// A migration runs beside purchases, on tables of any size. It locks them for a moment only: a column is added without a value that has
// to be computed, a constraint as NOT VALID and validated by itself, and an index of a table that may be large gets the form in beside.go
// in which it is built while the table is written to. TestPurchasesGoOnWhileALargeTableIsMigrated measures it.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// Up creates the schema if there is none and applies what is missing. Several processes may call it at once: a Postgres
// advisory lock lets one work while the others wait, and when it ends between two migrations, the next process applies
// the rest. It runs beside purchases: it takes no lock that others wait for longer than a moment (beside.go). What a newer program has
// applied stays; ErrOutdated means that this program cannot work on it. The pool's search_path must be schema. A *DeniedError says
// which right the user lacks.
func Up(ctx context.Context, pool *pgxpool.Pool, schema string) ([]*goose.MigrationResult, error) {
	if err := mayApply(ctx, pool, schema); err != nil {
		return nil, err
	}
	applied, err := up(ctx, pool, schema)
	return applied, Denied(ctx, pool, schema, err)
}

func up(ctx context.Context, pool *pgxpool.Pool, schema string) ([]*goose.MigrationResult, error) {
	p, done, err := provider(ctx, pool, schema)
	if err != nil {
		return nil, err
	}
	defer done()
	var applied []*goose.MigrationResult
	for tries := 1; ; tries++ {
		// gofail: var migrationDue struct{}
		one, err := p.UpByOne(ctx)
		if lockTaken(err) && tries < lockTries {
			if err := pause(ctx); err != nil {
				return applied, err
			}
			continue
		}
		if errors.Is(err, goose.ErrNoNextVersion) {
			sources := p.ListSources()
			return applied, fits(ctx, pool, sources[len(sources)-1].Version)
		}
		if err != nil {
			return applied, longLocked(err)
		}
		tries = 0
		// gofail: var migrationApplied struct{}
		applied = append(applied, one)
	}
}

func provider(ctx context.Context, pool *pgxpool.Pool, schema string) (*goose.Provider, func(), error) {
	if err := createSchema(ctx, pool, schema); err != nil {
		return nil, nil, err
	}
	// One lock a schema (the default is one a database), asked for every second instead of every five.
	locker, err := lock.NewPostgresSessionLocker(
		lock.WithLockID(lockID(schema)),
		lock.WithLockTimeout(1, 300),
		lock.WithUnlockTimeout(1, 10),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("migration lock: %w", err)
	}
	from, err := filesFor(ctx, pool)
	if err != nil {
		return nil, nil, err
	}
	db := openBeside(pool)
	p, err := goose.NewProvider(goose.DialectPostgres, db, from, goose.WithSessionLocker(locker))
	if err != nil {
		_ = db.Close()
		return nil, nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, func() { _ = db.Close() }, nil
}

// createSchema tolerates the race in which two processes create the same schema: Postgres answers the
// second one with a unique violation even under IF NOT EXISTS. A schema that exists is not asked for: the statement would need the
// right to make schemas all the same.
func createSchema(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	var exists bool
	if err := pool.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", pgx.Identifier{schema}.Sanitize()).Scan(&exists); err != nil {
		return fmt.Errorf("look for the schema %s: %w", schema, err)
	}
	if exists {
		return nil
	}
	q := "CREATE SCHEMA IF NOT EXISTS " + pgx.Identifier{schema}.Sanitize()
	var err error
	for range 3 {
		if _, err = pool.Exec(ctx, q); err == nil {
			return nil
		}
	}
	return fmt.Errorf("create schema %s: %w", schema, err)
}

// LockTx waits for the lock that Up and Down take, and keeps it until the transaction ends: nobody changes the schema meanwhile.
func LockTx(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockID(schema)); err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	return nil
}

func lockID(schema string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("flashsale migrations " + schema))
	return int64(h.Sum64() >> 1)
}
