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

// longSale is the number of orders, and of declines, of a long sale: a million on a real server. Elsewhere it is less, and still
// enough for the planner to prefer a scan where it may.
func longSale() int64 {
	if os.Getenv("FLASHSALE_TEST_REAL") == "1" {
		return 1_000_000
	}
	return 100_000
}

// grow adds orders and declines of other shoppers, as a long sale does.
func (d *ledgerFixture) grow(rows int64) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Minute)
	defer cancel()
	for _, sql := range []string{
		`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
SELECT gen_random_uuid(), $1, $2, 1000000 + n, 'shopper ' || n, 1000000 + n, 1, 1, now() FROM generate_series(1, $3::bigint) n`,
		`INSERT INTO declines (claim_id, sale_id, generation, user_id, username, attempt, reason, decided_at)
SELECT gen_random_uuid(), $1, $2, 9000000 + n, 'shopper ' || n, 1, 'sold-out', now() FROM generate_series(1, $3::bigint) n`,
	} {
		_, err := d.Pool.Exec(ctx, sql, d.key.Sale, d.key.Generation, rows)
		d.Must(err)
	}
}

// connection runs transactions on one connection that only the caller uses.
func (d *ledgerFixture) connection() func(body func(tx pgx.Tx) error) {
	d.t.Helper()
	conn, err := d.Pool.Acquire(saletest.Context(d.t))
	d.Must(err)
	d.t.Cleanup(conn.Release)
	return func(body func(tx pgx.Tx) error) {
		d.t.Helper()
		d.Must(pgx.BeginFunc(saletest.Context(d.t), conn, body))
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

// planned is a ledger, and connections that keep their plans: each does only one kind of transaction.
type planned struct {
	*ledgerFixture
	deciding, declining, cancelling func(body func(tx pgx.Tx) error)
}

func (p *planned) decision(claims ...events.Claim) func(tx pgx.Tx) error {
	return func(tx pgx.Tx) error {
		_, err := p.DecideTx(p.t.Context(), tx, events.FromLog, claims)
		return err
	}
}

func (p *planned) undecidable(c events.Claim) func(tx pgx.Tx) error {
	return func(tx pgx.Tx) error {
		_, err := p.DeclineTx(p.t.Context(), tx, c, events.ReasonUndecidable)
		return err
	}
}

func (p *planned) cancellation(c events.Claim) func(tx pgx.Tx) error {
	return func(tx pgx.Tx) error {
		_, err := p.CancelTx(p.t.Context(), tx, c.ID)
		return err
	}
}

// plan makes the connections keep plans for small tables.
func (p *planned) plan() {
	p.t.Helper()
	p.deciding(p.decision(p.claims(1, 3)...))
	p.deciding(p.decision(p.claim(1, 2), p.claim(999, 1), p.claim(2999, 1)))
	p.deciding(p.decision(p.claims(700, 707)...))
	p.Exec(`VACUUM ANALYZE orders, declines`) // now a scan is the cheapest for the planner
	for user := range int64(10) {             // more often than the five times after which Postgres may keep a plan
		p.deciding(p.decision(p.claim(user, 1), p.claim(user, 2)))
		p.deciding(p.decision(p.claim(user, 1), p.claim(user, 2)))
		p.declining(p.undecidable(p.claim(user, 3)))
		p.declining(p.undecidable(p.claim(user, 1)))
		p.cancelling(p.cancellation(p.claim(user, 1)))
	}
}

// measure counts what transactions read. The shoppers from first on have no claims; the one before first has the order that is
// cancelled.
func (p *planned) measure(when string, first int64) {
	p.t.Helper()
	type part struct {
		on   func(body func(tx pgx.Tx) error)
		body func(tx pgx.Tx) error
		rows int64 // the most that it may read
	}
	for what, c := range map[string]part{
		"new claims":           {p.deciding, p.decision(p.claims(first, first+300)...), 0},
		"one claim":            {p.deciding, p.decision(p.claim(first+500, 1)), 0},
		"orders again":         {p.deciding, p.decision(p.claims(700, 707)...), 8 * 2},
		"cancelled ones again": {p.deciding, p.decision(p.claims(2, 9)...), 8 * 4},
		"declines again":       {p.deciding, p.decision(p.claim(2, 2), p.claim(3, 2)), 2 * 4},
		"an undecidable claim": {p.declining, p.undecidable(p.claim(first+600, 1)), 0},
		"one that was decided": {p.declining, p.undecidable(p.claim(2, 1)), 1},
		"a cancel":             {p.cancelling, p.cancellation(p.claim(first-1, 1)), 4},
	} {
		c.on(func(tx pgx.Tx) error {
			scansBefore, rowsBefore := reads(p.t, tx)
			if err := c.body(tx); err != nil {
				return err
			}
			scans, rows := reads(p.t, tx)
			if scans, rows = scans-scansBefore, rows-rowsBefore; scans > 0 || rows > c.rows {
				p.t.Errorf("%s, %s: %d sequential scans, %d rows read by an index, want %d at most", what, when, scans, rows, c.rows)
			}
			return nil
		})
	}
}

// The connections have made their plans over small tables. Then the tables grow, first without new statistics.
func TestDecisionsAndCancelsReadOnlyTheirRows(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5_000)
	small := d.secondSale(10)
	small.decide(small.claims(1, 20)...)
	p := &planned{d, d.connection(), d.connection(), d.connection()}
	p.plan()
	d.grow(longSale())
	p.measure("nothing analyzed since", 1000)
	explainProbes(t, d, "nothing analyzed since")
	d.Exec(`ANALYZE orders, declines`)
	p.measure("analyzed", 3000)
	explainProbes(t, d, "analyzed")
	explainOthers(t, d, small)
	// The counting works: a statement without an index is counted.
	p.deciding(func(tx pgx.Tx) error {
		before, _ := reads(t, tx)
		if _, err := tx.Exec(t.Context(), `SELECT count(*) FROM orders WHERE username = 'nobody'`); err != nil {
			return err
		}
		if after, _ := reads(t, tx); after == before {
			t.Error("sequential scans are not counted: this test shows nothing")
		}
		return nil
	})
}

// In the first minute of a sale the tables grow and have no statistics.
func TestABatchReadsTheSameFewRowsWhileTheTablesGrow(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1<<40)
	d.Exec(`ALTER TABLE orders SET (autovacuum_enabled = off)`)
	d.Exec(`ALTER TABLE declines SET (autovacuum_enabled = off)`)
	deciding := d.connection()
	const batch = 100
	for i := range int64(30) {
		deciding(func(tx pgx.Tx) error {
			claims := d.claims(i*batch+1, (i+1)*batch)
			claims = append(claims, claims[0], d.claim(max(1, i*batch), 1), d.claim(max(1, i*batch), 2))
			_, before := reads(t, tx)
			_, err := d.DecideTx(t.Context(), tx, events.FromLog, claims)
			_, after := reads(t, tx)
			// One order existed before the batch. It is read by its id and by its owner, twice.
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

// explainProbes checks the plans of the statements that look up orders by key.
func explainProbes(t *testing.T, d *ledgerFixture, analyzed string) {
	t.Helper()
	ids, users := [][16]byte{d.claim(1, 1).ID, d.claim(15, 1).ID, uuid.New()}, []int64{1, 2, 15}
	explain(t, d, analyzed, sqlProbes, map[string]statement{
		"orders by id":         {sqlOrdersByID, []any{ids}},
		"declines by id":       {sqlDeclinesByID, []any{ids}},
		"live orders":          {sqlLiveOrdersOf, []any{d.key.Sale, d.key.Generation, users}},
		"attempts":             {sqlAttempts, []any{d.key.Sale, d.key.Generation, users}},
		"the sale of an order": {sqlOrderSale, []any{ids[0]}},
		"a cancellation":       {sqlCancel, []any{ids[0], int64(7)}},
	})
}

// explainOthers checks the plans of the statements for the catalog, the receipt loader, the reconciler and the digests. For a small
// sale they must not read the large sale in the same tables.
func explainOthers(t *testing.T, d, small *ledgerFixture) {
	t.Helper()
	explain(t, d, "analyzed", `SELECT`, map[string]statement{
		"versions of sales":       {sqlVersions, nil},
		"sales for the catalog":   {sqlSales, []any{[]int64{d.key.Sale}}},
		"sales for the ledger":    {sqlLedgerSales, []any{[]int64{d.key.Sale}}},
		"a sale by its name":      {sqlSaleBySlug, []any{firstSlug}},
		"the gate":                {sqlGate, []any{firstSlug}},
		"owners of a small sale":  {sqlOwners, []any{small.key.Sale, small.key.Generation}},
		"changes of a small sale": {sqlOrdersSince, []any{small.key.Sale, small.key.Generation, int64(0)}},
		"digest of a small sale":  {sqlDigest, []any{small.key.Sale, small.key.Generation}},
		"what lacks a digest":     {sqlUndigested, nil},
		"digests":                 {sqlDigests, nil},
	})
}

func explain(t *testing.T, d *ledgerFixture, analyzed, settings string, statements map[string]statement) {
	t.Helper()
	for name, s := range statements {
		d.Do(func(tx pgx.Tx) error {
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

// The first statement of a look-up's batch sets the planner. The settings are for the other statements of the batch, and for
// nothing that the connection does later.
func TestThePlannerSettingsAreValidForTheirBatchOnly(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	conn, err := d.Pool.Acquire(saletest.Context(t))
	d.Must(err)
	defer conn.Release()
	const settings = `SELECT current_setting('enable_seqscan') || ', ' || current_setting('plan_cache_mode')`
	var within, afterwards string
	b := &pgx.Batch{}
	b.Queue(sqlProbes)
	b.Queue(settings).QueryRow(func(row pgx.Row) error { return row.Scan(&within) })
	d.Must(conn.SendBatch(saletest.Context(t), b).Close())
	d.Must(conn.QueryRow(saletest.Context(t), settings).Scan(&afterwards))
	if within != "off, force_custom_plan" || afterwards != "on, auto" {
		t.Errorf("the planner is set to %s within the batch and to %s after it", within, afterwards)
	}
}

// The tables have grown and were never analyzed, so the planner has no statistics of them.
func TestLookUpsSearchOneIndexByTheWholeKey(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.Exec(`ALTER TABLE orders SET (autovacuum_enabled = false)`)
	d.Exec(`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
		SELECT gen_random_uuid(), $1, 1, n, 'shopper', n, 1, n, now() FROM generate_series(1, 5000) n`, d.key.Sale)
	users := make([]int64, 500)
	for i := range users {
		users[i] = int64(i * 20)
	}
	d.Do(func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), sqlProbes); err != nil {
			return err
		}
		for _, q := range []struct {
			sql, index string
			args       []any
		}{
			{sqlOrdersByID, "orders_pkey", []any{[][16]byte{uuid.New()}}},
			{sqlDeclinesByID, "declines_pkey", []any{[][16]byte{uuid.New()}}},
			{sqlLiveOrdersOf, "orders_one_per_shopper", []any{d.key.Sale, int64(1), users}},
			{sqlAttempts, "orders_one_per_shopper", []any{d.key.Sale, int64(1), users}},
			{sqlAttempts, "orders_released", []any{d.key.Sale, int64(1), users}},
			{sqlAttempts, "declines_of_shopper", []any{d.key.Sale, int64(1), users}},
		} {
			plan := embeddedtest.Plan(t, tx, "EXPLAIN "+q.sql, q.args...)
			if !strings.Contains(plan, q.index) || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Filter:") {
				t.Errorf("%s\n%s", q.sql, plan)
			}
		}
		return nil
	})
}
