package sale

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The ledger's plans are made once, perhaps over tables that are empty, and used for as long as nobody analyzes them.
// Whatever the planner believes when it makes them, each statement means the one index that leads to its rows alone.
func TestPlansThatAreMadeEarlyUseTheIndexOfAFullTable(t *testing.T) {
	t.Parallel()
	wants := []struct{ sql, table, index, conditions string }{
		{sqlLedgerSales, "sales", "sales_pkey", `\(id = ANY \(\$1\)\)`},
		{sqlOrdersByID, "orders", "orders_pkey", `\(id = ANY \(\$1\)\)`},
		{sqlDeclinesByID, "declines", "declines_pkey", `\(claim_id = ANY \(\$1\)\)`},
		{sqlLiveOrdersOf, "orders", "orders_one_per_shopper",
			`\(\(sale_id = \$1\) AND \(generation = \$2\) AND \(user_id >= asked\.shopper\) AND \(user_id <= asked\.shopper\)\)`},
	}
	d := openDesk(t, 1<<40)
	d.exec(t, `ALTER TABLE orders SET (autovacuum_enabled = off)`)
	d.exec(t, `ALTER TABLE declines SET (autovacuum_enabled = off)`)
	check := func(when string) {
		t.Helper()
		for _, w := range wants {
			plan := d.keptPlan(t, w.sql)
			wanted := regexp.MustCompile(w.index + `[\s\S]*Index Cond: ` + w.conditions)
			if !wanted.MatchString(plan) || strings.Count(plan, "Index Cond") != 1 ||
				strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Filter:") {
				t.Errorf("%s\n%s\n%s", when, w.sql, plan)
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

// keptPlan is the plan that a connection makes of a statement now, when the ledger has set the planner, and keeps.
func (d *desk) keptPlan(t *testing.T, sql string) (plan string) {
	t.Helper()
	highest := 0
	for _, found := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(sql, -1) {
		n, _ := strconv.Atoi(found[1])
		highest = max(highest, n)
	}
	d.do(t, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), sqlLedgerSales, []int64{d.Sale}); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `PREPARE kept AS `+sql); err != nil {
			return err
		}
		plan = planOf(t, tx, `EXPLAIN EXECUTE kept (`+strings.TrimSuffix(strings.Repeat("NULL, ", highest), ", ")+`)`)
		_, err := tx.Exec(t.Context(), `DEALLOCATE kept`)
		return err
	})
	return plan
}
