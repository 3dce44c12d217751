package migrations_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/migrations"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// A program of the version before is started on a schema that a newer one has expanded: while that is rolled out, or after
// it was taken back.
func TestAProgramWorksOnASchemaThatANewerOneHasExpanded(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	applied, known, err := migrations.Versions(t.Context(), pool, schema)
	if err != nil || applied != known {
		t.Fatalf("applied up to %d, known up to %d (%v)", applied, known, err)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, known+1); err != nil {
		t.Fatal(err)
	}
	if done, err := migrations.Up(t.Context(), pool, schema); err != nil || len(done) != 0 {
		t.Errorf("%d migrations were applied (%v)", len(done), err)
	}
	if ahead, same, err := migrations.Versions(t.Context(), pool, schema); err != nil || ahead != known+1 || same != known {
		t.Errorf("applied up to %d, known up to %d (%v)", ahead, same, err)
	}
}

// When a newer program has removed something, this one cannot run: the start is refused with a sentence that says what
// to do.
func TestAProgramThatIsTooOldForTheSchemaIsRefused(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	_, known, err := migrations.Versions(t.Context(), pool, schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []int64{known, known + 1} {
		if _, err := pool.Exec(t.Context(), `UPDATE oldest_program SET knows = $1`, needed); err != nil {
			t.Fatal(err)
		}
		_, err := migrations.Up(t.Context(), pool, schema)
		if errors.Is(err, migrations.ErrOutdated) != (needed > known) {
			t.Errorf("it knows migration %d, the schema needs %d: %v", known, needed, err)
		}
		if needed > known && !strings.Contains(err.Error(), "start a newer version") {
			t.Errorf("the error does not say what to do: %q", err)
		}
	}
}

func TestNobodyChangesTheSchemaWhileATransactionHasItsLock(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	if _, err := migrations.Down(t.Context(), pool, schema); err != nil {
		t.Fatal(err)
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if err := migrations.LockTx(t.Context(), tx, schema); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := migrations.Up(short, pool, schema); err == nil || short.Err() == nil {
		t.Errorf("the schema is brought up to date beside the lock: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done, err := migrations.Up(t.Context(), pool, schema); err != nil || len(done) != 1 {
		t.Errorf("after the lock %d migrations were applied (%v)", len(done), err)
	}
}
