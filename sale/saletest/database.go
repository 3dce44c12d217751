package saletest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/sale"
)

// Slug is the slug of the sale that a ledger creates when it has none.
const Slug = "flash-sale"

// Database is a schema of the test's own on a real server, with the stock and the outbox that a ledger needs. Its methods end
// the test when a statement fails, except where they return an error.
type Database struct {
	Pool   *pgxpool.Pool
	Schema string
	Stock  Stock
	Outbox Outbox
	t      testing.TB
}

// Open makes the schema with all tables and no sale.
func Open(t testing.TB) *Database {
	t.Helper()
	pool, schema := embeddedtest.Postgres(t)
	return OpenOn(t, pool, schema)
}

// OpenOn is the database on a pool whose schema has all tables.
func OpenOn(t testing.TB, pool *pgxpool.Pool, schema string) *Database {
	t.Helper()
	return &Database{Pool: pool, Schema: schema, Stock: NewStock(pool), Outbox: OpenOutbox(t, pool), t: t}
}

// Must ends the test when there is an error.
func (d *Database) Must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// Exec changes the tables without the ledger.
func (d *Database) Exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.Pool.Exec(Context(d.t), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// Scan reads the one row that the statement finds.
func (d *Database) Scan(into []any, sql string, args ...any) {
	d.t.Helper()
	if err := d.Pool.QueryRow(Context(d.t), sql, args...).Scan(into...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// Number reads one number.
func (d *Database) Number(sql string, args ...any) (n int64) {
	d.t.Helper()
	d.Scan([]any{&n}, sql, args...)
	return n
}

// Try runs do in a transaction and commits it if there is no error.
func (d *Database) Try(do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(Context(d.t), d.Pool, do)
}

// Do is Try, and ends the test when there is an error.
func (d *Database) Do(do func(tx pgx.Tx) error) {
	d.t.Helper()
	d.Must(d.Try(do))
}

// State reads the state of a sale.
func (d *Database) State(slug string) (s sale.State) {
	d.t.Helper()
	d.Scan([]any{&s}, `SELECT state FROM sales WHERE slug = $1`, slug)
	return s
}

// Sale reads the key and the secret of a sale.
func (d *Database) Sale(slug string) (k sale.Key, secret []byte) {
	d.t.Helper()
	d.Scan([]any{&k.Sale, &k.Generation, &secret}, `SELECT id, generation, secret FROM sales WHERE slug = $1`, slug)
	return k, secret
}

// Partition is the partition of the claims log that has the sale's claims.
func (d *Database) Partition(slug string) int {
	d.t.Helper()
	return int(d.Number(`SELECT partition FROM sales WHERE slug = $1`, slug))
}

// CopySale adds a sale that is a copy of another one under another slug, with nothing sold.
func (d *Database) CopySale(slug, of string) {
	d.t.Helper()
	d.Exec(`INSERT INTO sales (slug, state, starts_at, ends_at, partition, secret)
SELECT $1, state, starts_at, ends_at, partition, sha256(secret) FROM sales WHERE slug = $2`, slug, of)
	const copied, original = `(SELECT id FROM sales WHERE slug = $1)`, `(SELECT id FROM sales WHERE slug = $2)`
	d.Exec(`INSERT INTO products (sale_id, name, description, details, specification, important_info, images, price_minor, discount_minor,
currency_code, currency_symbol) SELECT `+copied+`, name, description, details, specification, important_info, images, price_minor, discount_minor,
currency_code, currency_symbol FROM products WHERE sale_id = `+original, slug, of)
	d.Exec(`INSERT INTO generations (sale_id, generation, total) SELECT `+copied+`, 1, total FROM generations
WHERE generation = 1 AND sale_id = `+original, slug, of)
	d.Exec(`INSERT INTO stock (sale_id, generation, total, taken, next_unit, version) SELECT `+copied+`, 1, total, 0, 1, 1 FROM stock
WHERE generation = 1 AND sale_id = `+original, slug, of)
}

// CloseRecord is the record that closes a closing sale.
func (d *Database) CloseRecord(slug string) events.Claim {
	d.t.Helper()
	k, secret := d.Sale(slug)
	version := d.Number(`SELECT closing_version FROM sales WHERE slug = $1`, slug)
	return events.Claim{Kind: events.KindClose, ID: sale.CloseID(secret, k.Generation, version), SaleID: k.Sale, Generation: k.Generation,
		Closing: version, Partition: d.Partition(slug)}
}

// Level reads the stock of a generation.
func (d *Database) Level(k sale.Key) sale.Level {
	d.t.Helper()
	levels, err := d.Stock.Levels(Context(d.t), []sale.Key{k})
	if err != nil || len(levels) != 1 {
		d.t.Fatalf("levels of %v: %v, %v", k, levels, err)
	}
	return levels[0]
}

// Posted is a message that the outbox was given.
type Posted struct {
	Type, Subject, Traceparent string
	Sale                       int64
	Data                       map[string]any
}

// PostedCount is how many messages the outbox was given in transactions that committed.
func (d *Database) PostedCount() int64 {
	d.t.Helper()
	return d.Number(`SELECT count(*) FROM copies`)
}

// PostedTypes counts the types of the messages that Posted lists.
func (d *Database) PostedTypes(after int64) map[string]int {
	d.t.Helper()
	types := make(map[string]int)
	for _, p := range d.Posted(after) {
		types[p.Type]++
	}
	return types
}

// Posted lists the messages that the outbox was given in transactions that committed, without the first so many.
func (d *Database) Posted(after int64) []Posted {
	d.t.Helper()
	rows, err := d.Pool.Query(Context(d.t), `SELECT type, subject, traceparent, sale_id, data::text FROM copies ORDER BY id OFFSET $1`, after)
	d.Must(err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Posted, err error) {
		var data string
		if err = row.Scan(&p.Type, &p.Subject, &p.Traceparent, &p.Sale, &data); err != nil {
			return p, err
		}
		return p, json.Unmarshal([]byte(data), &p.Data)
	})
	d.Must(err)
	return all
}

// Verify checks the invariants of the stock and the orders: in each generation the number of units taken is that of the live
// orders, of their shoppers and of their units, and it is not more than the total.
func (d *Database) Verify() {
	d.t.Helper()
	var wrong string
	d.Scan([]any{&wrong}, `SELECT coalesce(string_agg(format('generation %s of sale %s: %s of %s taken, next unit %s; %s live orders, %s shoppers, %s units up to %s',
	generation, sale_id, taken, total, next_unit, coalesce(live, 0), coalesce(shoppers, 0), coalesce(units, 0), coalesce(highest, 0)), E'\n'), '')
FROM stock s LEFT JOIN (
	SELECT sale_id, generation, count(*) AS live, count(DISTINCT user_id) AS shoppers, count(DISTINCT unit) AS units, max(unit) AS highest
	FROM orders WHERE released_at IS NULL GROUP BY sale_id, generation) o USING (sale_id, generation)
WHERE coalesce(live, 0) <> taken OR coalesce(shoppers, 0) <> taken OR coalesce(units, 0) <> taken OR taken > total
	OR coalesce(highest, 0) >= next_unit`)
	if wrong != "" {
		d.t.Errorf("the stock and the orders do not agree:\n%s", wrong)
	}
}

// Claim is the claim of a shopper who presses now, in the present generation of a sale.
func (d *Database) Claim(slug string, user int64, attempt int) events.Claim {
	d.t.Helper()
	k, secret := d.Sale(slug)
	c := Claim(k, user, attempt)
	c.ID, c.Partition, c.PressedAt = sale.ClaimID(secret, k.Generation, user, attempt), d.Partition(slug), time.Now()
	return c
}
