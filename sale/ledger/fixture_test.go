package ledger

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// ledgerFixture is a ledger in a schema of its own, with the first sale in it, and its present generation.
type ledgerFixture struct {
	*Store
	sale.Key
	pool   *pgxpool.Pool
	secret []byte
}

// openLedger makes a ledger whose sale is open and has so many units.
func openLedger(t testing.TB, total int64) *ledgerFixture {
	t.Helper()
	pool, _ := embeddedtest.Postgres(t)
	d := &ledgerFixture{Store: New(pool, saletest.NewStock(pool), saletest.OpenOutbox(t, pool)), pool: pool}
	if created, err := d.EnsureSale(saletest.Context(t), Defaults{Stock: total}); err != nil || !created {
		t.Fatalf("EnsureSale: %v, %v", created, err)
	}
	d.read(t)
	return d
}

func (d *ledgerFixture) read(t testing.TB) {
	t.Helper()
	err := d.pool.QueryRow(t.Context(), `SELECT id, generation, secret FROM sales WHERE slug = $1`, firstSlug).
		Scan(&d.Sale, &d.Generation, &d.secret)
	if err != nil {
		t.Fatal(err)
	}
}

// exec changes the tables behind the ledger's back.
func (d *ledgerFixture) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := d.pool.Exec(saletest.Context(t), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// number reads one number.
func (d *ledgerFixture) number(t testing.TB, sql string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := d.pool.QueryRow(saletest.Context(t), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (d *ledgerFixture) state(t testing.TB) sale.State {
	t.Helper()
	var s sale.State
	if err := d.pool.QueryRow(saletest.Context(t), `SELECT state FROM sales WHERE id = $1`, d.Sale).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// secondSale puts another open sale beside the first.
func (d *ledgerFixture) secondSale(t testing.TB, total int64) *ledgerFixture {
	t.Helper()
	other := *d
	d.exec(t, `INSERT INTO sales (slug, state, starts_at, ends_at, partition, secret)
SELECT 'other', 'open', starts_at, ends_at, 3, sha256(secret) FROM sales WHERE id = $1`, d.Sale)
	err := d.pool.QueryRow(saletest.Context(t), `SELECT id, generation, secret FROM sales WHERE slug = 'other'`).
		Scan(&other.Sale, &other.Generation, &other.secret)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(t, `INSERT INTO products SELECT $1, name, description, details, specification, important_info, images,
price_minor, discount_minor, currency_code, currency_symbol FROM products WHERE sale_id = $2`, other.Sale, d.Sale)
	d.exec(t, sqlInsertGeneration, other.Sale, other.Generation, total)
	d.do(t, func(tx pgx.Tx) error {
		_, err := d.stock.BeginTx(t.Context(), tx, other.Key, total, 1)
		return err
	})
	return &other
}

// claim is that of a shopper in the present generation.
func (d *ledgerFixture) claim(user int64, attempt int) events.Claim {
	c := saletest.Claim(d.Key, user, attempt)
	c.ID = sale.ClaimID(d.secret, d.Generation, user, attempt)
	return c
}

// claims are the first attempts of the shoppers from..to.
func (d *ledgerFixture) claims(from, to int64) []events.Claim {
	claims := make([]events.Claim, 0, to-from+1)
	for u := from; u <= to; u++ {
		claims = append(claims, d.claim(u, 1))
	}
	return claims
}

// try runs body in a transaction and commits it if there was no error.
func (d *ledgerFixture) try(t testing.TB, body func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(saletest.Context(t), d.pool, body)
}

func (d *ledgerFixture) do(t testing.TB, body func(tx pgx.Tx) error) {
	t.Helper()
	if err := d.try(t, body); err != nil {
		t.Fatal(err)
	}
}

// decide commits a decision on the claims.
func (d *ledgerFixture) decide(t testing.TB, claims ...events.Claim) events.Decision {
	t.Helper()
	return d.decideFrom(t, events.FromLog, claims...)
}

func (d *ledgerFixture) decideFrom(t testing.TB, src events.Source, claims ...events.Claim) (made events.Decision) {
	t.Helper()
	d.do(t, func(tx pgx.Tx) (err error) {
		made, err = d.DecideTx(t.Context(), tx, src, claims)
		return err
	})
	return made
}

// one is the verdict on one claim.
func (d *ledgerFixture) one(t testing.TB, c events.Claim) events.Verdict {
	t.Helper()
	return d.decide(t, c).Verdicts[0]
}

func (d *ledgerFixture) cancel(t testing.TB, v events.Verdict) {
	t.Helper()
	d.do(t, func(tx pgx.Tx) error {
		_, err := d.CancelTx(t.Context(), tx, v.ClaimID)
		return err
	})
}

// begin begins another generation, to which the fixture moves.
func (d *ledgerFixture) begin(t testing.TB, total int64) sale.Level {
	t.Helper()
	var level sale.Level
	d.do(t, func(tx pgx.Tx) (err error) {
		level, err = d.BeginGenerationTx(t.Context(), tx, firstSlug, total)
		return err
	})
	d.read(t)
	return level
}

func (d *ledgerFixture) level(t testing.TB) sale.Level {
	t.Helper()
	levels, err := d.stock.Levels(saletest.Context(t), []sale.Key{d.Key})
	if err != nil || len(levels) != 1 {
		t.Fatalf("levels %v, %v", levels, err)
	}
	return levels[0]
}

// posted is a message to the outbox.
type posted struct {
	Type, Subject, Traceparent string
	Sale                       int64
	Data                       map[string]any
}

// posted lists what was told to the outbox after that many messages.
func (d *ledgerFixture) posted(t testing.TB, after int64) []posted {
	t.Helper()
	rows, err := d.pool.Query(saletest.Context(t), `SELECT type, subject, traceparent, sale_id, data::text FROM copies ORDER BY id OFFSET $1`, after)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p posted, err error) {
		var data string
		if err = row.Scan(&p.Type, &p.Subject, &p.Traceparent, &p.Sale, &data); err != nil {
			return p, err
		}
		return p, json.Unmarshal([]byte(data), &p.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (d *ledgerFixture) outboxRows(t testing.TB) int64 {
	t.Helper()
	return d.number(t, `SELECT count(*) FROM copies`)
}

// audit checks I1 and I2 over all generations.
func (d *ledgerFixture) audit(t testing.TB) {
	t.Helper()
	counts, err := d.Counts(saletest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	levels, err := d.stock.Levels(saletest.Context(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	byKey := make(map[sale.Key]Count)
	for _, c := range counts {
		byKey[c.Key] = c
	}
	for _, l := range levels {
		c := byKey[l.Key()]
		if c.Live != l.Taken || c.Shoppers != c.Live || c.Units != c.Live || l.Taken > l.Total || c.MaxUnit >= l.NextUnit {
			t.Fatalf("stock %+v, orders %+v", l, c)
		}
	}
}

// DecideTx is a whole decision within a transaction of the test's own.
func (s *Store) DecideTx(ctx context.Context, tx pgx.Tx, src events.Source, claims []events.Claim) (events.Decision, error) {
	return saletest.Decide(ctx, tx, s.Prepare, src, claims)
}
