package migrations_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/migrations"
)

// Each step down says what it takes before it takes it. All of them are walked, down to an empty schema.
func TestEachStepDownSaysWhatItTakes(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	if _, err := pool.Exec(t.Context(), `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
		VALUES (gen_random_uuid(), 1, 1, 1, 'john_doe', 1, 1, 1, now())`); err != nil {
		t.Fatal(err)
	}
	lost := ""
	for {
		before := tables(t, schema)
		step, err := migrations.NextDown(t.Context(), pool, schema)
		if errors.Is(err, migrations.ErrNothingToTakeBack) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if file, err := migrations.Down(t.Context(), pool, schema); err != nil || file != step.File {
			t.Fatalf("%s: took back %q (%v)", step.File, file, err)
		}
		after, said := tables(t, schema), strings.Join(step.Effects, "; ")
		for _, table := range before {
			if !slices.Contains(after, table) && !strings.Contains(said, "drops the table "+table+" (") {
				t.Errorf("%s dropped %s and said %q", step.File, table, said)
			}
		}
		if step.Lost {
			lost += step.File
			if step.Orders != 1 || !strings.Contains(said, "drops the table orders (1 rows)") {
				t.Errorf("%s loses %d orders: %s", step.File, step.Orders, said)
			}
		}
		if len(step.Effects) == 0 {
			t.Errorf("%s says nothing", step.File)
		}
	}
	if lost != "00002_sale.sql" {
		t.Errorf("the orders were lost by %q", lost)
	}
	if left := tables(t, schema); !slices.Equal(left, []string{"goose_db_version"}) {
		t.Errorf("left are %v", left)
	}
}

func tables(t *testing.T, schema string) (names []string) {
	t.Helper()
	pool, _ := embeddedtest.EmptyPostgres(t)
	err := pool.QueryRow(t.Context(), `SELECT coalesce(array_agg(table_name::text), '{}') FROM information_schema.tables WHERE table_schema = $1`, schema).Scan(&names)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Looking at a schema that does not exist makes none.
func TestALookMakesNoSchema(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.EmptyPostgres(t)
	schema := embeddedtest.Namespace(t)
	_, status := migrations.Status(t.Context(), pool, schema)
	_, _, versions := migrations.Versions(t.Context(), pool, schema)
	_, down := migrations.Down(t.Context(), pool, schema)
	for what, err := range map[string]error{"status": status, "versions": versions, "down": down, "current": migrations.Current(t.Context(), pool, schema)} {
		if !errors.Is(err, migrations.ErrNoSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if left := tables(t, schema); len(left) > 0 {
		t.Errorf("it made %v", left)
	}
	var made int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, schema).Scan(&made); err != nil || made > 0 {
		t.Errorf("it made the schema (%v)", err)
	}
}
