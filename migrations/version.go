package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

var (
	// ErrOutdated is the error of a start on a schema that a newer program has changed so that this one cannot work with it.
	ErrOutdated = errors.New("this program is too old for the schema")
	// ErrNoSchema is returned by whatever only looks, when no migration has ever been applied to a schema of that name.
	ErrNoSchema = errors.New("there is no such schema")
	// ErrAhead is returned by NotAhead for a schema to which a newer program has applied migrations.
	ErrAhead = errors.New("the schema is of a newer version of this program")
	// ErrBehind is returned by Current for a schema that lacks migrations.
	ErrBehind = errors.New("the schema is of an older version of this program")
)

const (
	// sqlOldestProgram reads the newest migration that a program must know.
	sqlOldestProgram = `SELECT knows FROM oldest_program`
	// sqlApplied reads what goose has written last about each migration. Its own functions make the table.
	sqlApplied = `SELECT version_id FROM (SELECT DISTINCT ON (version_id) version_id, is_applied FROM %s.goose_db_version
		ORDER BY version_id, id DESC) latest WHERE is_applied AND version_id > 0`
)

// State is one migration that this program knows.
type State struct {
	Version int64
	File    string
	Applied bool
}

// Status lists every migration that this program knows with its state. It changes nothing, and returns ErrNoSchema when
// there is nothing to look at.
func Status(ctx context.Context, pool *pgxpool.Pool, schema string) ([]State, error) {
	done, err := applied(ctx, pool, schema)
	if err != nil {
		return nil, err
	}
	all, err := known()
	for i := range all {
		all[i].Applied = slices.Contains(done, all[i].Version)
	}
	return all, err
}

// Versions returns the number of the newest migration that was applied, and of the newest that this program knows. The
// first is greater while a newer version is rolled out or taken back: it has expanded the schema, which does no harm.
func Versions(ctx context.Context, pool *pgxpool.Pool, schema string) (newest, knows int64, err error) {
	done, err := applied(ctx, pool, schema)
	if err != nil {
		return 0, 0, err
	}
	all, err := known()
	if err != nil {
		return 0, 0, err
	}
	if len(done) > 0 {
		newest = slices.Max(done)
	}
	return newest, all[len(all)-1].Version, nil
}

// NotAhead returns ErrAhead for a schema that is newer than this program. Whoever brings a schema up to date has taken the wrong program
// then. A process works on such a schema as long as Up lets it: two versions run beside each other while one is rolled out.
func NotAhead(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	newest, knows, err := Versions(ctx, pool, schema)
	if errors.Is(err, ErrNoSchema) {
		return nil
	}
	if err == nil && newest > knows {
		err = fmt.Errorf("%w: migration %d is applied to %s and this one knows them up to %d; use that version", ErrAhead, newest, schema, knows)
	}
	return err
}

// Newest is the number of the newest migration that this program knows.
func Newest() (int64, error) {
	all, err := known()
	if err != nil {
		return 0, err
	}
	return all[len(all)-1].Version, nil
}

// Current returns nil when this program can work with the schema as it is, and else ErrNoSchema, ErrBehind or ErrOutdated.
// It changes nothing.
func Current(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	all, err := Status(ctx, pool, schema)
	if err != nil {
		return err
	}
	pending := 0
	for _, one := range all {
		if !one.Applied {
			pending++
		}
	}
	if pending > 0 {
		return fmt.Errorf("%w: %d of its %d migrations are to be applied to %s", ErrBehind, pending, len(all), schema)
	}
	return fits(ctx, pool, all[len(all)-1].Version)
}

// applied are the numbers of the migrations that were applied.
func applied(ctx context.Context, pool *pgxpool.Pool, schema string) ([]int64, error) {
	rows, err := pool.Query(ctx, fmt.Sprintf(sqlApplied, pgx.Identifier{schema}.Sanitize()))
	var done []int64
	if err == nil {
		done, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "42P01" || refused.Code == "3F000") {
		return nil, fmt.Errorf("%w: %s", ErrNoSchema, schema)
	}
	if err != nil {
		return nil, fmt.Errorf("read the version of schema %s: %w", schema, err)
	}
	return done, nil
}

// known are the migrations of this program in their order.
func known() ([]State, error) {
	names, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	var all []State
	for _, name := range names {
		version, err := goose.NumericComponent(name.Name())
		if err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		all = append(all, State{Version: version, File: name.Name()})
	}
	return all, nil
}

// fits returns ErrOutdated when the schema needs a newer program than one that knows the migrations up to that number. They
// are all applied.
func fits(ctx context.Context, pool *pgxpool.Pool, knows int64) error {
	var needed int64
	if err := pool.QueryRow(ctx, sqlOldestProgram).Scan(&needed); err != nil {
		return fmt.Errorf("read which programs the schema takes: %w", err)
	}
	if needed > knows {
		return fmt.Errorf("%w: it takes programs that know migration %d, and this one knows them up to %d; start a newer version",
			ErrOutdated, needed, knows)
	}
	return nil
}
