package inventory

import (
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

// The ledger keeps the plans it makes, and may have made them for an empty table. They must find the one row by its key
// in any case.
func TestPlansForAnEmptyTableUseTheKey(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	check := func(when string) {
		t.Helper()
		for _, sql := range []string{lockSQL, takeLockedSQL} {
			var plan string
			err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				// As the ledger's pool has it.
				if _, err := tx.Exec(t.Context(), `SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off`); err != nil {
					return err
				}
				plan = embeddedtest.KeptPlan(t, tx, sql)
				return nil
			})
			wanted := regexp.MustCompile(`Index Scan using stock_pkey on stock .*\n *Index Cond: \(\(sale_id = \$1\) AND \(generation = \$2\)\)`)
			if err != nil || !wanted.MatchString(plan) {
				t.Errorf("%s: %v\n%s\n%s", when, err, sql, plan)
			}
		}
	}
	check("never analyzed, empty")
	for _, step := range []string{
		`VACUUM ANALYZE stock`,
		`INSERT INTO stock (sale_id, generation, total, version) VALUES (1, 1, 1, 1)`,
		`VACUUM ANALYZE stock`,
		`INSERT INTO stock (sale_id, generation, total, version) SELECT 1, n, 1, 1 FROM generate_series(2, 5000) n`,
		`VACUUM ANALYZE stock`,
	} {
		if _, err := pool.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		check(step)
	}
}
