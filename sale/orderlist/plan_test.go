package orderlist

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/sale"
)

// longSale is the number of orders of a long sale: a million on a real server. Elsewhere it is less, and still enough for the planner
// to prefer a scan where it may.
func longSale() int64 {
	if os.Getenv("FLASHSALE_TEST_REAL") == "1" {
		return 1_000_000
	}
	return 60_000
}

// asked is a statement of a list with the arguments of a page somewhere in it.
type asked struct {
	sql  string
	args []any
	// rows is the most that it may read of the tables by an index.
	rows int64
}

const pageLimit = 50

// statements are all kinds of pages, at the beginning, in the middle and at the end of the list.
func (f *fixture) statements(n int64) map[string]asked {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(part float64) time.Time { return begin.Add(time.Duration(part*float64(n)/100) * 5 * time.Millisecond) }
	every := sale.OrderStates()
	list := func(sql string, states []sale.OrderState, from, until, beside time.Time) asked {
		id := uuid.Max
		if sql == sqlNewer {
			id = uuid.Nil
		}
		// Of each state one page, and the orders of one more decision.
		return asked{sql, []any{f.key.Sale, f.key.Generation, states, from, until, beside, id, pageLimit + 1}, int64(len(states)) * (pageLimit + 1 + 2*100)}
	}
	cancelled, confirmed := []sale.OrderState{sale.OrderCancelled}, []sale.OrderState{sale.OrderConfirmed}
	shoppers := make([]int64, 100)
	for i := range shoppers {
		shoppers[i] = 10_000_000 + int64(i+1)*50
	}
	return map[string]asked{
		"first page":               list(sqlOlder, every, farPast, farFuture, farFuture),
		"middle page":              list(sqlOlder, every, farPast, farFuture, at(.5)),
		"middle page, backwards":   list(sqlNewer, every, farPast, farFuture, at(.5)),
		"last page":                list(sqlNewer, every, farPast, farFuture, farPast),
		"cancelled, first page":    list(sqlOlder, cancelled, farPast, farFuture, farFuture),
		"cancelled, middle page":   list(sqlOlder, cancelled, farPast, farFuture, at(.5)),
		"cancelled, last page":     list(sqlNewer, cancelled, farPast, farFuture, farPast),
		"confirmed, last page":     list(sqlNewer, confirmed, farPast, farFuture, farPast),
		"of a time, first page":    list(sqlOlder, every, at(.3), at(.4), farFuture),
		"of a time, last page":     list(sqlNewer, every, at(.3), at(.4), farPast),
		"cancelled of a time":      list(sqlOlder, cancelled, at(.3), at(.9), at(.6)),
		"of a time without orders": list(sqlOlder, every, at(2), at(3), farFuture),
		"a number":                 {sqlOrdersNumbered, []any{uuid.Nil, uuid.UUID{0, 0, 1}, mostNumbered}, mostNumbered},
		"shoppers":                 {sqlOrdersOfShoppers, []any{f.key.Sale, f.key.Generation, shoppers, mostCancelled}, int64(len(shoppers))},
		"declines":                 {sqlDeclinesOfShopper, []any{f.key.Sale, f.key.Generation, int64(7), mostDeclines}, 1},
		"a unit":                   {sqlOrdersOfUnit, []any{f.key.Sale, f.key.Generation, int64(10_000_007), mostCancelled}, 1 + n/50},
	}
}

// A page reads its own rows and no others, wherever it is, with statistics of the table and without. It sorts what it has read, and
// nothing more.
func TestPagesReadOnlyTheirRows(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.Exec(`ALTER TABLE orders SET (autovacuum_enabled = off)`)
	f.seed(longSale())
	for _, analyzed := range []string{"never analyzed", "analyzed"} {
		if analyzed == "analyzed" {
			f.Exec(`VACUUM ANALYZE orders`)
		}
		for name, s := range f.statements(longSale()) {
			f.Do(func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), sqlListProbes); err != nil {
					return err
				}
				plan := embeddedtest.Plan(t, tx, "EXPLAIN "+s.sql, s.args...)
				scansBefore, before := reads(t, tx)
				if _, err := tx.Exec(t.Context(), s.sql, s.args...); err != nil {
					return err
				}
				scans, rows := reads(t, tx)
				if scans -= scansBefore; scans > 0 || rows-before > s.rows || strings.Contains(plan, "Seq Scan on orders") {
					t.Errorf("%s, %s: %d sequential scans, %d rows read, want %d at most\n%s", name, analyzed, scans, rows-before, s.rows, plan)
				}
				return nil
			})
		}
	}
}

// reads is what this transaction has read of orders and declines: sequential scans, and rows fetched by an index.
func reads(t testing.TB, tx pgx.Tx) (scans, rows int64) {
	t.Helper()
	err := tx.QueryRow(t.Context(), `SELECT coalesce(sum(seq_scan), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
FROM pg_stat_xact_user_tables WHERE schemaname = current_schema() AND relname IN ('orders', 'declines')`).Scan(&scans, &rows)
	if err != nil {
		t.Fatal(err)
	}
	return scans, rows
}
