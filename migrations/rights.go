package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DeniedError means that the user lacks a right. Its text says which one, and what to do, for a sentence that begins with "this user".
type DeniedError struct {
	text  string
	cause error
}

func (e *DeniedError) Error() string { return e.text }
func (e *DeniedError) Unwrap() error { return e.cause }

const (
	// sqlSchemaRights asks whether the schema exists, and whether the user may use it and make tables in it.
	sqlSchemaRights = `SELECT count(*) > 0, coalesce(bool_and(has_schema_privilege(oid, 'USAGE')), false),
		coalesce(bool_and(has_schema_privilege(oid, 'CREATE')), false) FROM pg_namespace WHERE nspname = $1`
	// sqlMissingRight finds a right on the database, or on a table, that the user lacks. What goose notes is only read, and some
	// tables only grow.
	sqlMissingRight = `SELECT 'TEMPORARY', 'the database' WHERE NOT has_database_privilege(current_database(), 'TEMPORARY') UNION ALL
		(SELECT r, nspname || '.' || relname FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace,
		unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS rights(r, n)
		WHERE nspname = $1 AND relkind IN ('r', 'p') AND NOT has_table_privilege(c.oid, r)
		AND NOT (relname = 'goose_db_version' AND r <> 'SELECT')
		AND NOT (relname IN ('audit_log', 'product_revisions') AND r IN ('UPDATE', 'DELETE')) ORDER BY relname, n) LIMIT 1`
)

// Denied explains an error in which PostgreSQL says that the user may not do that. Any other error it returns as it is.
func Denied(ctx context.Context, pool *pgxpool.Pool, schema string, err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "42501" {
		return err
	}
	has, asked := schemaRights(ctx, pool, schema)
	switch {
	case asked != nil:
		return errors.Join(err, asked)
	case !has.exists:
		return &DeniedError{fmt.Sprintf("may not make the schema %s: make it for this user, or run `flashsale migrate` as one who may", schema), err}
	case !has.usage:
		return noUsage(schema)
	}
	return notOwner(schema, err)
}

// mayApply returns a *DeniedError when it is known before the attempt that the user may not apply what is missing.
func mayApply(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	has, err := schemaRights(ctx, pool, schema)
	if err != nil || !has.exists || has.usage && has.create {
		return err
	}
	if !has.usage {
		return noUsage(schema)
	}
	if err := Current(ctx, pool, schema); errors.Is(err, ErrNoSchema) || errors.Is(err, ErrBehind) {
		return notOwner(schema, err)
	}
	return nil
}

type rights struct{ exists, usage, create bool }

func schemaRights(ctx context.Context, pool *pgxpool.Pool, schema string) (has rights, err error) {
	if err := pool.QueryRow(ctx, sqlSchemaRights, schema).Scan(&has.exists, &has.usage, &has.create); err != nil {
		return has, fmt.Errorf("ask for the rights in the schema %s: %w", schema, err)
	}
	return has, nil
}

func noUsage(schema string) error {
	return &DeniedError{text: fmt.Sprintf("may not use the schema %s: grant it USAGE", schema)}
}

func notOwner(schema string, cause error) error {
	return &DeniedError{fmt.Sprintf("may not change the schema %s, which is not up to date: run `flashsale migrate` as the one who owns it", schema), cause}
}

// Rights returns a *DeniedError when the user lacks a right on the database or on one of the tables.
func Rights(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	rows, err := pool.Query(ctx, sqlMissingRight, schema)
	if err != nil {
		return fmt.Errorf("ask for the rights in the schema %s: %w", schema, err)
	}
	defer rows.Close()
	if rows.Next() {
		var right, on string
		if err := rows.Scan(&right, &on); err != nil {
			return fmt.Errorf("ask for the rights in the schema %s: %w", schema, err)
		}
		return &DeniedError{text: fmt.Sprintf("lacks the right %s on %s: grant what README.md of app/secured lists", right, on)}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("ask for the rights in the schema %s: %w", schema, err)
	}
	return nil
}
