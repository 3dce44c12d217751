package users

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// These tests are about work, not about time: how many rows Postgres visits for a call of the store.

const (
	many = 30_000
	// few is a small part of many, and more than two blocks of accounts.
	few = 3_000
)

func TestAPageVisitsFewRowsWhileAccountsAreAdded(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	n := many
	seed(t, store, n)
	meter := newWorkMeter(t, store.pool)
	for _, known := range []struct{ statistics, make string }{
		{"no statistics", `SELECT`},
		{"statistics", `ANALYZE users`},
		{"statistics of an empty table", `UPDATE pg_class SET reltuples = 0, relpages = 0 WHERE oid = 'users'::regclass`},
	} {
		exec(t, store.pool, known.make)
		for _, page := range []int{1, 2, 12, 50, many / 40, many / 20, 1_000_000_000} {
			n++
			seed(t, store, n)
			live, err := store.Live(ctx)
			must(t, err)
			rows := meter.rows(func(s *Store) {
				got, err := s.List(ctx, page, 20)
				must(t, err)
				if got.Total != live || len(got.Accounts) != 20 && page <= many/20 {
					t.Errorf("page %d has %d accounts of %d", page, len(got.Accounts), got.Total)
				}
			})
			if rows > few {
				t.Errorf("with %s, page %d of 20 visits %d rows of %d", known.statistics, page, rows, live)
			}
		}
	}
}

func TestAddingOneAccountVisitsFewRows(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, many)
	meter := newWorkMeter(t, store.pool)
	for _, n := range []int{many + 1, many + 2, 10, many + 2} {
		if rows := meter.rows(func(s *Store) {
			_, err := s.EnsureSeries(ctx, n, nil)
			must(t, err)
		}); rows > few {
			t.Errorf("a series of %d, of which all but one exist, visits %d rows", n, rows)
		}
	}
	all, err := store.Live(ctx)
	must(t, err)
	if rows := meter.rows(func(s *Store) {
		_, err := archive(ctx, s)
		must(t, err)
	}); rows < int(all) {
		t.Errorf("archiving %d accounts visits %d rows, so the meter proves nothing", all, rows)
	}
}

// workMeter counts the rows that calls of a store visit in the tables and indexes of its schema.
type workMeter struct {
	t     *testing.T
	store *Store
}

// newWorkMeter uses one connection, because Postgres reports the counts of a connection only when it is asked there.
func newWorkMeter(t *testing.T, pool *pgxpool.Pool) *workMeter {
	t.Helper()
	config := pool.Config()
	config.MaxConns = 1
	one, err := pgxpool.NewWithConfig(context.Background(), config)
	must(t, err)
	t.Cleanup(one.Close)
	return &workMeter{t, NewStore(one)}
}

func (m *workMeter) rows(do func(*Store)) int {
	m.t.Helper()
	before := m.read()
	do(m.store)
	return m.read() - before
}

func (m *workMeter) read() (rows int) {
	m.t.Helper()
	exec(m.t, m.store.pool, `SELECT pg_stat_force_next_flush()`)
	must(m.t, m.store.pool.QueryRow(m.t.Context(), `SELECT
		(SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE schemaname = current_schema())
		+ (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = current_schema())`).Scan(&rows))
	return rows
}
