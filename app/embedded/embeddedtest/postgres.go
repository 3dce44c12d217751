package embeddedtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded"
	"flashsale/migrations"
)

const (
	// poolSize is large enough for tests that race, and small enough for many tests on one server.
	poolSize = 12
	patience = time.Minute
)

// DatabaseURL is the Postgres server's address, for tests that connect by themselves.
func DatabaseURL(t testing.TB) string {
	t.Helper()
	if url := servers.postgres.real(); url != "" {
		return url
	}
	return servers.postgres.settings(t).DatabaseURL
}

// Postgres makes a schema of the test's own, in the state in which all migrations leave it, and returns a pool whose
// search_path it is. Both go at the end of the test. The schema's name serves as a namespace too, and what the test left
// under it in Redis and Kafka goes as well.
func Postgres(t testing.TB) (*pgxpool.Pool, string) {
	t.Helper()
	pool, schema := EmptyPostgres(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := migrations.Fresh(ctx, pool, schema); err != nil {
		t.Fatal(err)
	}
	return pool, schema
}

// EmptyPostgres is Postgres without the schema, for tests that make it as the product does.
func EmptyPostgres(t testing.TB) (*pgxpool.Pool, string) {
	t.Helper()
	schema := Namespace(t)
	url := DatabaseURL(t)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("DATABASE_URL: %v", err)
	}
	config.MaxConns = poolSize
	config.ConnConfig.RuntimeParams["search_path"] = schema
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		t.Fatalf("connect to Postgres: %v", err)
	}
	t.Cleanup(func() {
		closePool(t, pool)
		drop(t, url, schema)
	})
	return pool, schema
}

// closePool fails a test that keeps a connection, instead of waiting for it for ever.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Errorf("a connection of the test's pool was not given back (%d in use)", pool.Stat().AcquiredConns())
	}
}

// drop removes the schema, over a connection of its own.
func drop(t testing.TB, url, schema string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Errorf("connect to drop schema %s: %v", schema, err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "SET client_min_messages = warning"); err != nil {
		t.Errorf("drop schema %s: %v", schema, err)
	}
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
		t.Errorf("drop schema %s: %v", schema, err)
	}
}

// OwnDatabaseURL names a server of the test's own, for those that change its settings. It takes seconds to start.
func OwnDatabaseURL(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	stack, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), Postgres: true})
	if err != nil {
		t.Fatalf("start a Postgres of the test's own: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		if err := stack.Close(ctx); err != nil {
			t.Errorf("stop the test's own Postgres: %v", err)
		}
	})
	return stack.Settings().DatabaseURL
}
