package users

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// newPool is a pool on a migrated schema of the test's own.
func newPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, _ := embeddedtest.Postgres(t)
	return pool
}
