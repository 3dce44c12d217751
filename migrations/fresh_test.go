package migrations_test

import (
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/migrations"
)

// sqlShape is all that migrations make in a schema, line by line, without the schema's name.
const sqlShape = `
WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = $1), shape (line) AS (
	SELECT format('column %s.%s %s %s %s %s', table_name, column_name, ordinal_position, data_type, is_nullable, column_default)
		FROM information_schema.columns WHERE table_schema = $1
	UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = $1
	UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = (TABLE here)
	UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = (TABLE here)
	UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = (TABLE here))
	UNION ALL SELECT format('relation %s %s %s', relkind, relname, reloptions) FROM pg_class WHERE relnamespace = (TABLE here)
	UNION ALL SELECT format('%s rows in %s', (xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I.%I', $1::text, table_name), true, false, '')))[1], table_name)
		FROM information_schema.tables WHERE table_schema = $1
	UNION ALL SELECT format('version %s %s %s', id, version_id, is_applied) FROM goose_db_version
	UNION ALL SELECT format('oldest program %s', knows) FROM oldest_program)
SELECT array_agg(replace(line, $1, 'SCHEMA') ORDER BY replace(line, $1, 'SCHEMA')) FROM shape`

// Tests work on schemas that Fresh has made, the product on those of Up.
func TestAFreshSchemaIsTheOneThatUpMakes(t *testing.T) {
	t.Parallel()
	fresh, name := embeddedtest.Postgres(t)
	if done, err := migrations.Up(t.Context(), fresh, name); err != nil || len(done) != 0 {
		t.Fatalf("%d migrations were missing (%v)", len(done), err)
	}
	up, schema := embeddedtest.EmptyPostgres(t)
	if done, err := migrations.Up(t.Context(), up, schema); err != nil || len(done) < 20 {
		t.Fatalf("%d migrations were applied (%v)", len(done), err)
	}
	var got, want []string
	if err := fresh.QueryRow(t.Context(), sqlShape, name).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if err := up.QueryRow(t.Context(), sqlShape, schema).Scan(&want); err != nil {
		t.Fatal(err)
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("line %d differs: Fresh made\n%s\nUp made\n%s", i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
		}
	}
}
