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
	return 30_000
}

const pageLimit = 50

// pages are all kinds of pages, at the beginning, in the middle and at the end of the list, with how many rows each may read by an
// index beside those that it shows.
func pages(n int64) map[string]struct {
	filter sale.OrderFilter
	extra  int64
} {
	at := func(part float64) time.Time {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(part*float64(n)/100) * 5 * time.Millisecond)
	}
	// A time is found by halving: a step looks at four orders.
	const halving = 25 * 4
	return map[string]struct {
		filter sale.OrderFilter
		extra  int64
	}{
		"all": {}, "confirmed": {sale.OrderFilter{State: sale.OrderConfirmed}, 0}, "cancelled": {sale.OrderFilter{State: sale.OrderCancelled}, 0},
		"until": {sale.OrderFilter{Until: at(.7)}, halving},
		// Beside the page, the orders that were cancelled before the time, and those who bought their units again.
		"from":    {sale.OrderFilter{From: at(.3)}, halving + n/50*3},
		"between": {sale.OrderFilter{From: at(.3), Until: at(.7)}, 2*halving + n/50*3},
		"never":   {sale.OrderFilter{From: at(400 * 365), Until: at(500 * 365)}, 2*halving + n/50*3},
	}
}

// A page reads its own rows and few others, wherever it is, with statistics of the table and without.
func TestPagesReadOnlyTheirRows(t *testing.T) {
	t.Parallel()
	f := open(t)
	n := longSale()
	f.Exec(`ALTER TABLE orders SET (autovacuum_enabled = off)`)
	f.seed(n)
	shoppers := make([]int64, 100)
	for i := range shoppers {
		shoppers[i] = 10_000_000 + int64(i+1)*50
	}
	for _, analyzed := range []string{"never analyzed", "analyzed"} {
		if analyzed == "analyzed" {
			f.Exec(`VACUUM ANALYZE orders`)
		}
		for name, p := range pages(n) {
			for where, at := range map[string]sale.OrderPageRequest{
				"first": {}, "middle": {Beside: sale.OrderPlace{Unit: n / 2}}, "middle, back": {Beside: sale.OrderPlace{Unit: n / 2}, Back: true}, "last": {Back: true},
			} {
				at.Limit = pageLimit
				f.costs(name+", "+where+", "+analyzed, p.extra+3*(pageLimit+1), func(tx pgx.Tx) error {
					l, err := newList(t.Context(), tx, f.level(n), p.filter)
					if err != nil {
						return err
					}
					found, err := l.from(t.Context(), at, pageLimit+1, nil)
					if len(found) != pageLimit+1 && name == "all" {
						t.Errorf("%s, %s: %d orders", name, where, len(found))
					}
					return err
				})
			}
		}
		for name, s := range map[string]struct {
			sql  string
			args []any
			rows int64
		}{
			"a number": {sqlOrdersNumbered, []any{uuid.Nil, uuid.UUID{0, 0, 1}, mostNumbered}, mostNumbered},
			"shoppers": {sqlOrdersOfShoppers, []any{f.key.Sale, f.key.Generation, shoppers, mostCancelled}, int64(len(shoppers))},
			"declines": {sqlDeclinesOfShopper, []any{f.key.Sale, f.key.Generation, int64(7), mostDeclines}, 1},
			"a unit":   {sqlOrdersOfUnit, []any{f.key.Sale, f.key.Generation, int64(100), mostCancelled}, 2},
		} {
			f.costs(name+", "+analyzed, s.rows, func(tx pgx.Tx) error {
				_, err := read(t.Context(), tx, func(row pgx.CollectableRow) (struct{}, error) { return struct{}{}, nil }, s.sql, s.args...)
				return err
			})
		}
	}
}

// costs checks how many rows of the ledger something reads, and that it scans no table.
func (f *fixture) costs(what string, most int64, do func(tx pgx.Tx) error) {
	f.t.Helper()
	f.Do(func(tx pgx.Tx) error {
		scansBefore, before := reads(f.t, tx)
		if err := do(tx); err != nil {
			return err
		}
		scans, rows := reads(f.t, tx)
		if scans, rows = scans-scansBefore, rows-before; scans > 0 || rows > most {
			f.t.Errorf("%s: %d sequential scans, %d rows read, want %d at most", what, scans, rows, most)
		}
		return nil
	})
}

// No part of a list sorts or scans: each follows its index, and stops when it has enough.
func TestEachPartOfAListFollowsItsIndex(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.seed(2000)
	l := &list{of: f.key, since: farPast, until: farFuture, parts: []part{
		{sqlLiveOlder, sqlLiveNewer, 500, 2000}, {sqlResoldOlder, sqlResoldNewer, 1, 500}, {sqlCancelledOlder, sqlCancelledNewer, 1, 2000}}}
	for _, analyze := range []string{`SELECT`, `VACUUM ANALYZE orders`} {
		f.Exec(analyze)
		for _, back := range []bool{false, true} {
			sql, args := l.statement(back)
			args[4], args[5], args[6] = 1000, uuid.Max, pageLimit
			f.Do(func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), sqlListProbes); err != nil {
					return err
				}
				plan := embeddedtest.Plan(t, tx, "EXPLAIN "+sql, args...)
				if strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Bitmap") ||
					!strings.Contains(plan, "orders_one_per_unit") || !strings.Contains(plan, "orders_cancelled") {
					t.Errorf("%s, back %v:\n%s", analyze, back, plan)
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
