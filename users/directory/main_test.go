package directory

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/users"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// newPool is a pool on a migrated schema of the test's own.
func newPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, _ := embeddedtest.Postgres(t)
	return pool
}

// everybody is all live accounts.
func everybody(t *testing.T, store *users.Store) []users.Account {
	t.Helper()
	const limit = 1000
	var list []users.Account
	for n := 1; ; n++ {
		page, err := store.List(t.Context(), n, limit)
		must(t, err)
		list = append(list, page.Accounts...)
		if len(page.Accounts) < limit {
			return list
		}
	}
}

func seed(t testing.TB, store *users.Store, n int) {
	t.Helper()
	_, err := store.EnsureSeries(context.Background(), n, nil)
	must(t, err)
}

// archive archives all accounts.
func archive(ctx context.Context, pool *pgxpool.Pool, store *users.Store) (hidden int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		hidden, err = store.ArchiveAllTx(ctx, tx)
		return err
	})
	return hidden, err
}

func exec(t testing.TB, pool *pgxpool.Pool, statements string, args ...any) {
	t.Helper()
	_, err := pool.Exec(context.Background(), statements, args...)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
