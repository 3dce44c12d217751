package outbox

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
)

// longHour is how many rows the outbox has in an hour of a long sale: a million where real servers are used. Elsewhere
// fewer, but enough that the planner prefers a scan if it may.
func longHour() int64 {
	if os.Getenv("FLASHSALE_TEST_REAL") == "1" {
		return 1_000_000
	}
	return 100_000
}

// singlePool has one connection and no settings of its own, and keeps its plans.
func (w *world) singlePool() *pgxpool.Pool {
	w.Helper()
	cfg := w.Pool.Config()
	cfg.MaxConns = 1
	for _, setting := range []string{"plan_cache_mode", "jit", "statement_timeout"} {
		delete(cfg.ConnConfig.RuntimeParams, setting)
	}
	pool, err := pgxpool.NewWithConfig(w.Context(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(pool.Close)
	return pool
}

// outboxReads is what was read of the outbox so far: sequential scans, and rows fetched by an index. The connection
// reports it at once.
func (w *world) outboxReads(pool *pgxpool.Pool) (scans, rows int64) {
	w.Helper()
	_, err := pool.Exec(w.Context(), `SELECT pg_stat_force_next_flush()`)
	if err == nil {
		err = pool.QueryRow(w.Context(), `SELECT seq_scan, coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND relname = 'outbox'`).Scan(&scans, &rows)
	}
	if err != nil {
		w.Fatal(err)
	}
	return scans, rows
}

// A relay has kept its plans since the outbox was nearly empty. Now all of a long sale was published within the hour,
// so nothing is old enough to be deleted. The test counts the rows that the relay reads then: a few that it publishes,
// and the first ones, to see how old they are.
func TestTheRelayReadsOnlyTheRowsItNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.singlePool()
	behind := w.singlePool()
	sql := func(statement string, args ...any) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if _, err := behind.Exec(ctx, statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	o := New(pool, w.log)
	r, err := o.takeRelay(t.Context())
	if err != nil || r == nil {
		t.Fatalf("no lease: %v", err)
	}
	parts := []struct {
		what string
		do   func() error
		rows int64 // that it may read at most
	}{
		{"publishing", func() error { r.sweeping = true; _, _, err := r.publishBatch(t.Context()); return err }, 100},
		{"measuring", func() error { _, _, err := o.waiting(t.Context()); return err }, 100},
		{"pruning", func() error { return r.prune(t.Context()) }, 2 * pruneBatch},
	}
	sql(`ALTER TABLE outbox SET (autovacuum_enabled = off)`)
	sql(`VACUUM ANALYZE outbox`) // now the planner knows that a scan is the cheapest
	for range 10 {               // more often than it takes Postgres to keep a plan
		w.send(o, events.Message{SaleID: 1, Type: "t", Subject: "s"})
		for _, p := range parts {
			if err := p.do(); err != nil {
				t.Fatal(err)
			}
		}
	}
	sql(`INSERT INTO outbox (sale_id, bundle, published_at) SELECT 1, '', clock_timestamp() FROM generate_series(1, $1::bigint)`, longHour())
	sql(`UPDATE outbox_relay SET position = (SELECT max(id) FROM outbox)`)
	if err := pool.QueryRow(t.Context(), `SELECT position FROM outbox_relay`).Scan(&r.position); err != nil {
		t.Fatal(err)
	}
	for _, analyzed := range []string{"nothing analyzed since", "analyzed"} {
		for _, p := range parts {
			w.send(o, events.Message{SaleID: 1, Type: "t", Subject: "s"})
			scansBefore, rowsBefore := w.outboxReads(pool)
			if err := p.do(); err != nil {
				t.Fatal(err)
			}
			scans, rows := w.outboxReads(pool)
			if scans, rows = scans-scansBefore, rows-rowsBefore; scans > 0 || rows > p.rows {
				t.Errorf("%s, %s: %d sequential scans, %d rows read by an index, want %d at most", p.what, analyzed, scans, rows, p.rows)
			}
		}
		sql(`ANALYZE outbox`)
	}
	// A sequential scan is counted; otherwise the test proves nothing.
	before, _ := w.outboxReads(pool)
	if _, err := pool.Exec(t.Context(), `SELECT count(*) FROM outbox WHERE published_at IS NULL`); err != nil {
		t.Fatal(err)
	}
	if after, _ := w.outboxReads(pool); after == before {
		t.Error("sequential scans are not counted: the test shows nothing")
	}
}
