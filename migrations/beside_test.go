package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/migrations"
)

const (
	// oldVersion is the schema from which the upgrade begins: orders have no time of their press yet, and fewer indexes.
	oldVersion = 12
	// longestLock is how long a purchase may wait for a migration.
	longestLock = 100 * time.Millisecond
)

// orders are as many as MIGRATION_ORDERS says:
//
//	MIGRATION_ORDERS=10000000 go test ./migrations -run TestPurchasesGoOn -v -timeout 60m
func orders(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MIGRATION_ORDERS")
	if text == "" {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// purchases writes orders until its context ends, one after the other, and remembers the slowest.
type purchases struct {
	mu      sync.Mutex
	n       int
	slowest time.Duration
	at      time.Time
	err     error
}

func (p *purchases) run(ctx context.Context, pool *pgxpool.Pool, schema string, generation int) {
	for user := 1; ctx.Err() == nil; user++ {
		began := time.Now()
		_, err := pool.Exec(context.WithoutCancel(ctx), tag(schema)+`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
			VALUES (gen_random_uuid(), 1, $1, $2, 'john_doe', $2, 1, 1, clock_timestamp())`, generation, user)
		took := time.Since(began)
		p.mu.Lock()
		p.n++
		if took > p.slowest {
			p.slowest, p.at = took, began
		}
		if err != nil {
			p.err = err
		}
		p.mu.Unlock()
		time.Sleep(2 * time.Millisecond)
	}
}

// tag begins the statements of the purchases of one schema: tests share the server.
func tag(schema string) string { return "/* a purchase in " + schema + " */ " }

// measured runs do beside purchases, and returns them.
func measured(t *testing.T, pool *pgxpool.Pool, schema string, generation int, do func()) *purchases {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	p := &purchases{}
	running.Go(func() { p.run(ctx, pool, schema, generation) })
	do()
	cancel()
	running.Wait()
	if p.err != nil {
		t.Errorf("a purchase failed: %v", p.err)
	}
	return p
}

// blocked watches for how long at a stretch somebody waits for a lock that a migration has or wants. The server says who blocks whom,
// so that a slow disk or a busy machine does not count.
func blocked(ctx context.Context, pool *pgxpool.Pool, schema string) (longest time.Duration, err error) {
	var since time.Time
	for ctx.Err() == nil {
		var waits bool
		err = pool.QueryRow(context.WithoutCancel(ctx), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE starts_with(query, $1) AND cardinality(pg_blocking_pids(pid)) > 0)`, tag(schema)).Scan(&waits)
		if err != nil {
			return longest, err
		}
		switch now := time.Now(); {
		case !waits:
			since = time.Time{}
		case since.IsZero():
			since = now
		default:
			longest = max(longest, now.Sub(since))
		}
		time.Sleep(time.Millisecond)
	}
	return longest, nil
}

// From an old schema with many orders to the newest one: no purchase beside it waits for a lock longer than a tenth of a second.
func TestPurchasesGoOnWhileALargeTableIsMigrated(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.EmptyPostgres(t)
	if err := migrations.UpTo(t.Context(), pool, schema, oldVersion); err != nil {
		t.Fatal(err)
	}
	n, began := orders(t), time.Now()
	const part = 500_000
	for from := 1; from <= n; from += part {
		_, err := pool.Exec(t.Context(), `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at, state, released_at)
			SELECT gen_random_uuid(), 1, 1, g, 'shopper_' || g, g, 1, g, now(), CASE WHEN g % 100 = 0 THEN 'cancelled' ELSE 'confirmed' END,
			CASE WHEN g % 100 = 0 THEN now() END FROM generate_series($1::bigint, $2::bigint) g`, from, min(n, from+part-1))
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d orders made in %s", n, time.Since(began).Round(time.Second))
	without := measured(t, pool, schema, 2, func() { time.Sleep(2 * time.Second) })

	watching, end := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	var longest time.Duration
	var watchErr error
	watch.Go(func() { longest, watchErr = blocked(watching, pool, schema) })
	began = time.Now()
	with := measured(t, pool, schema, 3, func() {
		done, err := migrations.Up(t.Context(), pool, schema)
		if err != nil || len(done) < 15 {
			t.Errorf("%d migrations were applied (%v)", len(done), err)
		}
	})
	took := time.Since(began)
	end()
	watch.Wait()
	if watchErr != nil {
		t.Fatal(watchErr)
	}
	said := fmt.Sprintf("%d orders, migrated in %s beside %d purchases: the longest wait for a lock %s, the slowest purchase %s, without a migration %s",
		n, took.Round(time.Millisecond), with.n, longest.Round(time.Millisecond), with.slowest.Round(time.Millisecond), without.slowest.Round(time.Millisecond))
	t.Log(said)
	if longest > longestLock+without.slowest {
		t.Errorf("too long: %s", said)
	}
	var valid bool
	if err := pool.QueryRow(t.Context(), `SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_cancelled'::regclass`).Scan(&valid); err != nil || !valid {
		t.Errorf("the index is valid: %v (%v)", valid, err)
	}
}

// A transaction that keeps orders for long makes a migration wait, and nobody else: purchases pass while it tries again.
func TestAMigrationThatWaitsForALockLetsPurchasesPass(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.EmptyPostgres(t)
	if err := migrations.UpTo(t.Context(), pool, schema, oldVersion); err != nil {
		t.Fatal(err)
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `SELECT count(*) FROM orders`); err != nil { // a report that takes long
		t.Fatal(err)
	}
	up := make(chan error, 1)
	go func() {
		_, err := migrations.Up(context.WithoutCancel(t.Context()), pool, schema)
		up <- err
	}()
	with := measured(t, pool, schema, 1, func() { time.Sleep(1500 * time.Millisecond) })
	select {
	case err := <-up:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	if with.n < 20 || with.slowest > time.Second {
		t.Errorf("%d purchases, the slowest took %s", with.n, with.slowest)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-up; err != nil {
		t.Errorf("after the report: %v", err)
	}
	if current := migrations.Current(t.Context(), pool, schema); current != nil {
		t.Error(current)
	}
}

// migrate is refused on a schema that a newer program has made.
func TestASchemaThatIsAheadIsNotBroughtUpToDate(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	if err := migrations.NotAhead(t.Context(), pool, schema); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
		t.Fatal(err)
	}
	if err := migrations.NotAhead(t.Context(), pool, schema); !errors.Is(err, migrations.ErrAhead) {
		t.Errorf("%v", err)
	}
}
