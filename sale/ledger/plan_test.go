package ledger

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/sale/saletest"
)

// longSale is how many orders, and as many declines, a long sale leaves: a million where real servers are. Elsewhere
// fewer, which is enough for the planner to prefer a scan if it may.
func longSale() int64 {
	if os.Getenv("FLASHSALE_TEST_REAL") == "1" {
		return 1_000_000
	}
	return 100_000
}

// grow puts many orders and declines of other shoppers into the ledger's tables, as a long sale would.
func (d *ledgerFixture) grow(t testing.TB, rows int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, sql := range []string{
		`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
SELECT gen_random_uuid(), $1, $2, 1000000 + n, 'shopper ' || n, 1000000 + n, 1, 1, now() FROM generate_series(1, $3::bigint) n`,
		`INSERT INTO declines (claim_id, sale_id, generation, user_id, username, attempt, reason, decided_at)
SELECT gen_random_uuid(), $1, $2, 9000000 + n, 'shopper ' || n, 1, 'sold-out', now() FROM generate_series(1, $3::bigint) n`,
	} {
		if _, err := d.pool.Exec(ctx, sql, d.Sale, d.Generation, rows); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// connection runs transactions on one connection that nobody else uses.
func (d *ledgerFixture) connection(t *testing.T) func(body func(tx pgx.Tx) error) {
	t.Helper()
	conn, err := d.pool.Acquire(saletest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Release)
	return func(body func(tx pgx.Tx) error) {
		t.Helper()
		if err := pgx.BeginFunc(saletest.Context(t), conn, body); err != nil {
			t.Fatal(err)
		}
	}
}

// reads is what this transaction read of the ledger's large tables: sequential scans, and rows fetched by an index.
func reads(t *testing.T, tx pgx.Tx) (scans, rows int64) {
	t.Helper()
	err := tx.QueryRow(t.Context(), `SELECT coalesce(sum(seq_scan), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
FROM pg_stat_xact_user_tables WHERE schemaname = current_schema() AND relname IN ('orders', 'declines')`).Scan(&scans, &rows)
	if err != nil {
		t.Fatal(err)
	}
	return scans, rows
}

// Connections that have decided over empty tables, and cached their plans there, meet large ones that nobody has
// analyzed yet. What they really do is counted.
func TestADecisionReadsOnlyTheRowsItNeeds(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5_000)
	small := d.secondSale(t, 10)
	small.decide(t, small.claims(1, 20)...)
	decide := func(claims ...events.Claim) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			_, err := d.DecideTx(t.Context(), tx, events.FromLog, claims)
			return err
		}
	}
	decline := func(c events.Claim) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			_, err := d.DeclineTx(t.Context(), tx, c, events.ReasonUndecidable)
			return err
		}
	}
	cancel := func(c events.Claim) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			_, err := d.CancelTx(t.Context(), tx, c.ID)
			return err
		}
	}
	// Connections that do different things have plans of their own.
	deciding, declining, cancelling := d.connection(t), d.connection(t), d.connection(t)
	deciding(decide(d.claims(1, 3)...))
	deciding(decide(d.claim(1, 2), d.claim(999, 1), d.claim(2999, 1)))
	deciding(decide(d.claims(700, 707)...))
	d.exec(t, `VACUUM ANALYZE orders, declines`) // now the planner knows that a scan is the cheapest
	for user := range int64(10) {                // more often than it takes Postgres to keep a plan
		deciding(decide(d.claim(user, 1), d.claim(user, 2)))
		deciding(decide(d.claim(user, 1), d.claim(user, 2)))
		declining(decline(d.claim(user, 3)))
		declining(decline(d.claim(user, 1)))
		cancelling(cancel(d.claim(user, 1)))
	}
	d.grow(t, longSale())
	type part struct {
		on   func(body func(tx pgx.Tx) error)
		body func(tx pgx.Tx) error
		rows int64 // that it may read at most
	}
	measure := func(when string, first int64) {
		t.Helper()
		for what, p := range map[string]part{
			"new claims":           {deciding, decide(d.claims(first, first+300)...), 0},
			"one claim":            {deciding, decide(d.claim(first+500, 1)), 0},
			"orders again":         {deciding, decide(d.claims(700, 707)...), 8 * 2},
			"cancelled ones again": {deciding, decide(d.claims(2, 9)...), 8 * 4},
			"declines again":       {deciding, decide(d.claim(2, 2), d.claim(3, 2)), 2 * 4},
			"an undecidable claim": {declining, decline(d.claim(first+600, 1)), 0},
			"one that was decided": {declining, decline(d.claim(2, 1)), 1},
			"a cancellation":       {cancelling, cancel(d.claim(first-1, 1)), 4},
		} {
			p.on(func(tx pgx.Tx) error {
				scansBefore, rowsBefore := reads(t, tx)
				if err := p.body(tx); err != nil {
					return err
				}
				scans, rows := reads(t, tx)
				if scans, rows = scans-scansBefore, rows-rowsBefore; scans > 0 || rows > p.rows {
					t.Errorf("%s, %s: %d sequential scans, %d rows read by an index, want %d at most", what, when, scans, rows, p.rows)
				}
				return nil
			})
		}
	}
	measure("nothing analyzed since", 1000)
	explainProbes(t, d, "nothing analyzed since")
	d.exec(t, `ANALYZE orders, declines`)
	measure("analyzed", 3000)
	explainProbes(t, d, "analyzed")
	explainOthers(t, d, small)
	// The count counts: a statement that has no index shows up in it.
	deciding(func(tx pgx.Tx) error {
		before, _ := reads(t, tx)
		if _, err := tx.Exec(t.Context(), `SELECT count(*) FROM orders WHERE username = 'nobody'`); err != nil {
			return err
		}
		if after, _ := reads(t, tx); after == before {
			t.Error("sequential scans are not counted: the test shows nothing")
		}
		return nil
	})
}

// The first minute of a sale: the tables grow from nothing, and there are no statistics of them at all. Each batch
// reads nothing but what is its own, however many orders there are.
func TestAYoungSaleIsNotReadAgainWithEveryBatch(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1<<40)
	d.exec(t, `ALTER TABLE orders SET (autovacuum_enabled = off)`)
	d.exec(t, `ALTER TABLE declines SET (autovacuum_enabled = off)`)
	deciding := d.connection(t)
	const batch = 100
	for i := range int64(30) {
		deciding(func(tx pgx.Tx) error {
			claims := d.claims(i*batch+1, (i+1)*batch)
			claims = append(claims, claims[0], d.claim(max(1, i*batch), 1), d.claim(max(1, i*batch), 2))
			_, before := reads(t, tx)
			_, err := d.DecideTx(t.Context(), tx, events.FromLog, claims)
			_, after := reads(t, tx)
			// The one order that was there before is met by its id and by its owner, twice.
			if rows := after - before; rows > 4 {
				t.Fatalf("batch %d read %d rows of the ledger", i, rows)
			}
			return err
		})
	}
}

type statement struct {
	sql  string
	args []any
}

// explainProbes looks at the plans of what asks for some orders by their keys.
func explainProbes(t *testing.T, d *ledgerFixture, analyzed string) {
	t.Helper()
	ids, users := [][16]byte{d.claim(1, 1).ID, d.claim(15, 1).ID, uuid.New()}, []int64{1, 2, 15}
	explain(t, d, analyzed, sqlProbes, map[string]statement{
		"orders by id":         {sqlOrdersByID, []any{ids}},
		"declines by id":       {sqlDeclinesByID, []any{ids}},
		"live orders":          {sqlLiveOrdersOf, []any{d.Sale, d.Generation, users}},
		"attempts":             {sqlAttempts, []any{d.Sale, d.Generation, users}},
		"the sale of an order": {sqlOrderSale, []any{ids[0]}},
		"a cancellation":       {sqlCancel, []any{ids[0], int64(7)}},
	})
}

// explainOthers looks at the plans of what the catalog, the receipt loader, the reconciler, and the digests ask. What they ask about
// a small sale must not read the large one beside it.
func explainOthers(t *testing.T, d, small *ledgerFixture) {
	t.Helper()
	explain(t, d, "analyzed", `SELECT`, map[string]statement{
		"versions of sales":       {sqlVersions, nil},
		"sales for the catalog":   {sqlSales, []any{[]int64{d.Sale}}},
		"sales for the ledger":    {sqlLedgerSales, []any{[]int64{d.Sale}}},
		"a sale by its name":      {sqlSaleBySlug, []any{firstSlug}},
		"the gate":                {sqlGate, []any{firstSlug}},
		"owners of a small sale":  {sqlOwners, []any{small.Sale, small.Generation}},
		"changes of a small sale": {sqlOrdersSince, []any{small.Sale, small.Generation, int64(0)}},
		"digest of a small sale":  {sqlDigest, []any{small.Sale, small.Generation}},
		"what lacks a digest":     {sqlUndigested, nil},
		"digests":                 {sqlDigests, nil},
	})
}

func explain(t *testing.T, d *ledgerFixture, analyzed, settings string, statements map[string]statement) {
	t.Helper()
	for name, s := range statements {
		d.do(t, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), settings); err != nil {
				return err
			}
			if plan := embeddedtest.Plan(t, tx, "EXPLAIN "+s.sql, s.args...); scansAll(plan) {
				t.Errorf("%s, %s:\n%s", name, analyzed, plan)
			}
			return nil
		})
	}
}

func scansAll(plan string) bool {
	return strings.Contains(plan, "Seq Scan on orders") || strings.Contains(plan, "Seq Scan on declines")
}

// Look-ups outside of transactions set the planner in the first statement of a batch. It must be valid for the others,
// and for nobody who has the connection afterwards.
func TestThePlannersSettingsHoldForTheirBatch(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	conn, err := d.pool.Acquire(saletest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	const settings = `SELECT current_setting('enable_seqscan') || ', ' || current_setting('plan_cache_mode')`
	var within, afterwards string
	b := &pgx.Batch{}
	b.Queue(sqlProbes)
	b.Queue(settings).QueryRow(func(row pgx.Row) error { return row.Scan(&within) })
	if err := conn.SendBatch(saletest.Context(t), b).Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(saletest.Context(t), settings).Scan(&afterwards); err != nil {
		t.Fatal(err)
	}
	if within != "off, force_custom_plan" || afterwards != "on, auto" {
		t.Errorf("the planner is set to %s within the batch and to %s after it", within, afterwards)
	}
}
