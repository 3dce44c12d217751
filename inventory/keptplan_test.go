package inventory

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

// The ledger keeps the plans it makes, and may have made them over an empty table. They lead to the one row in any case.
func TestPlansThatAreMadeEarlyGoToTheOneRow(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	check := func(when string) {
		t.Helper()
		for sql, arguments := range map[string]string{lockSQL: `1, 1`, takeLockedSQL: `1, 1, 1, 1, 1, 1`} {
			var lines []string
			err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
				lines, err = keptPlan(t.Context(), tx, sql, arguments)
				return err
			})
			plan := strings.Join(lines, "\n")
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

// keptPlan is the plan that a connection would make of a statement now, and keep, with the settings of the ledger's pool.
func keptPlan(ctx context.Context, tx pgx.Tx, sql, arguments string) ([]string, error) {
	for _, step := range []string{
		`SET LOCAL plan_cache_mode = force_generic_plan`, `SET LOCAL enable_seqscan = off`, `PREPARE kept AS ` + sql,
	} {
		if _, err := tx.Exec(ctx, step); err != nil {
			return nil, err
		}
	}
	rows, err := tx.Query(ctx, `EXPLAIN EXECUTE kept (`+arguments+`)`)
	if err != nil {
		return nil, err
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `DEALLOCATE kept`)
	return plan, err
}
