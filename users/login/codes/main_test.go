package codes

import (
	"context"
	"testing"
	"time"

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

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// seeded is the first accounts of the series.
func seeded(t testing.TB, pool *pgxpool.Pool) []users.Account {
	t.Helper()
	store := users.NewStore(pool)
	if _, err := store.EnsureSeries(testContext(t), users.FirstShoppers, nil); err != nil {
		t.Fatal(err)
	}
	page, err := store.List(testContext(t), 1, 20)
	if err != nil {
		t.Fatal(err)
	}
	return page.Accounts
}
