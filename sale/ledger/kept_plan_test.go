package ledger

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

// The plans of the ledger, and of look-ups, are made once, perhaps over tables that are empty, and used for as long as nobody analyzes them.
// Whatever the planner believes when it makes them, each statement means the one index that leads to its rows alone.
func TestPlansThatAreMadeEarlyUseTheIndexOfAFullTable(t *testing.T) {
	t.Parallel()
	wants := []struct{ sql, index, conditions string }{
		{sqlLedgerSales, "sales_pkey", `\(id = ANY \(\$1\)\)`},
		{sqlOrdersByID, "orders_pkey", `\(id = ANY \(\$1\)\)`},
		{sqlDeclinesByID, "declines_pkey", `\(claim_id = ANY \(\$1\)\)`},
		{sqlLiveOrdersOf, "orders_one_per_shopper",
			`\(\(sale_id = \$1\) AND \(generation = \$2\) AND \(user_id >= asked\.shopper\) AND \(user_id <= asked\.shopper\)\)`},
	}
	d := openLedger(t, 1<<40)
	d.exec(t, `ALTER TABLE orders SET (autovacuum_enabled = off)`)
	d.exec(t, `ALTER TABLE declines SET (autovacuum_enabled = off)`)
	settings := map[string]statement{
		"the ledger's transaction": {sqlLedgerSales, []any{[]int64{d.Sale}}},
		"a look-up":                {sqlProvenProbes, nil},
	}
	check := func(when string) {
		t.Helper()
		for _, w := range wants {
			wanted := regexp.MustCompile(w.index + `[\s\S]*Index Cond: ` + w.conditions)
			for within, first := range settings {
				plan := d.keptPlan(t, first, w.sql)
				if !wanted.MatchString(plan) || strings.Count(plan, "Index Cond") != 1 ||
					strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Filter:") {
					t.Errorf("%s, within %s\n%s\n%s", when, within, w.sql, plan)
				}
			}
		}
	}
	check("never analyzed, empty")
	d.exec(t, `VACUUM ANALYZE orders, declines, sales`)
	check("analyzed, empty")
	// Among indexes that cost the same their age decides.
	d.exec(t, `DROP INDEX orders_one_per_shopper`)
	d.exec(t, `CREATE UNIQUE INDEX orders_one_per_shopper ON orders (sale_id, generation, user_id) WHERE released_at IS NULL`)
	check("analyzed, empty, the shoppers' index younger than that of the units")
	for i, rows := range []int64{1, 6, 60} {
		first := int64(i * 1000)
		d.decide(t, d.claims(first+1, first+rows)...)
		check(fmt.Sprintf("%d more rows, analyzed before", rows))
		d.exec(t, `VACUUM ANALYZE orders, declines`)
		check(fmt.Sprintf("%d more rows, analyzed", rows))
	}
	d.grow(t, 20_000)
	check("grown, analyzed before")
	d.exec(t, `ANALYZE orders, declines`)
	check("grown, analyzed")
}

// keptPlan is the plan that a connection makes of a statement now, and keeps, behind a first one that sets the planner.
func (d *ledgerFixture) keptPlan(t *testing.T, first statement, sql string) (plan string) {
	t.Helper()
	d.do(t, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), first.sql, first.args...); err != nil {
			return err
		}
		plan = embeddedtest.KeptPlan(t, tx, sql)
		return nil
	})
	return plan
}
