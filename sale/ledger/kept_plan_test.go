package ledger

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/sale/saletest"
)

// Postgres makes the plans of decisions and look-ups once, perhaps while the tables are empty, and keeps them. So each plan has to
// use the one index that finds only the rows it needs, with any statistics.
func TestKeptPlansUseTheRightIndexWithAnyStatistics(t *testing.T) {
	t.Parallel()
	wants := []struct {
		sql, index, conditions string
		searches               int // how many indexes are searched
	}{
		{sqlLedgerSales, "sales_pkey", `\(id = ANY \(\$1\)\)`, 2}, // the second finds the ledger's identity
		{sqlOrdersByID, "orders_pkey", `\(id = ANY \(\$1\)\)`, 1},
		{sqlDeclinesByID, "declines_pkey", `\(claim_id = ANY \(\$1\)\)`, 1},
		{sqlLiveOrdersOf, "orders_one_per_shopper",
			`\(\(sale_id = \$1\) AND \(generation = \$2\) AND \(user_id >= asked\.shopper\) AND \(user_id <= asked\.shopper\)\)`, 1},
	}
	d := openLedger(t, 1<<40)
	d.Exec(`ALTER TABLE orders SET (autovacuum_enabled = off)`)
	d.Exec(`ALTER TABLE declines SET (autovacuum_enabled = off)`)
	settings := map[string]statement{
		"the ledger's transaction": {sqlLedgerSales, []any{[]int64{d.key.Sale}}},
		"a look-up":                {sqlProvenProbes, nil},
	}
	check := func(when string) {
		t.Helper()
		for _, w := range wants {
			wanted := regexp.MustCompile(w.index + `[\s\S]*Index Cond: ` + w.conditions)
			for within, first := range settings {
				plan := d.keptPlan(first, w.sql)
				if !wanted.MatchString(plan) || strings.Count(plan, "Index Cond") != w.searches ||
					strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Filter:") {
					t.Errorf("%s, within %s\n%s\n%s", when, within, w.sql, plan)
				}
			}
		}
	}
	check("never analyzed, empty")
	d.Exec(`VACUUM ANALYZE orders, declines, sales`)
	check("analyzed, empty")
	// Among indexes of the same cost the planner chooses by their age.
	d.Exec(`DROP INDEX orders_one_per_shopper`)
	d.Exec(`CREATE UNIQUE INDEX orders_one_per_shopper ON orders (sale_id, generation, user_id) WHERE released_at IS NULL`)
	check("analyzed, empty, the shoppers' index younger than that of the units")
	for i, rows := range []int64{1, 6, 60} {
		first := int64(i * 1000)
		d.decide(d.claims(first+1, first+rows)...)
		check(fmt.Sprintf("%d more rows, analyzed before", rows))
		d.Exec(`VACUUM ANALYZE orders, declines`)
		check(fmt.Sprintf("%d more rows, analyzed", rows))
	}
	d.grow(20_000)
	check("grown, analyzed before")
	d.Exec(`ANALYZE orders, declines`)
	check("grown, analyzed")
}

// keptPlan is the plan of a statement that a connection makes now and keeps, after a first statement that sets the planner.
func (d *ledgerFixture) keptPlan(first statement, sql string) (plan string) {
	d.t.Helper()
	d.Do(func(tx pgx.Tx) error {
		if _, err := tx.Exec(saletest.Context(d.t), first.sql, first.args...); err != nil {
			return err
		}
		plan = embeddedtest.KeptPlan(d.t, tx, sql)
		return nil
	})
	return plan
}
