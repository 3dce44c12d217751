package orderlist

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/ledger"
	"flashsale/sale/saletest"
)

// fixture is a ledger with a sale of many units, and the lists over it.
type fixture struct {
	*Store
	*saletest.Database
	t      testing.TB
	ledger *ledger.Store
	key    sale.Key
	secret []byte
	next   int64 // the last shopper who has claimed
}

func open(t testing.TB) *fixture {
	t.Helper()
	d := saletest.Open(t)
	f := &fixture{Store: New(d.Pool), Database: d, t: t, ledger: ledger.New(d.Pool, d.Stock, d.Outbox)}
	if _, err := f.ledger.EnsureSale(saletest.Context(t), ledger.Defaults{Stock: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	f.key, f.secret = d.Sale(saletest.Slug)
	return f
}

// buy lets so many new shoppers buy in one decision, and returns the ids of their orders.
func (f *fixture) buy(n int) []uuid.UUID {
	f.t.Helper()
	var claims []events.Claim
	var ids []uuid.UUID
	for range n {
		f.next++
		c := saletest.Claim(f.key, f.next, 1)
		c.ID, c.Partition, c.PressedAt = sale.ClaimID(f.secret, f.key.Generation, f.next, 1), f.Partition(saletest.Slug), time.Now()
		claims, ids = append(claims, c), append(ids, c.ID)
	}
	f.Do(func(tx pgx.Tx) error {
		_, err := saletest.Decide(saletest.Context(f.t), tx, f.ledger.Prepare, events.FromLog, claims)
		return err
	})
	return ids
}

func (f *fixture) cancel(id uuid.UUID) {
	f.t.Helper()
	f.Do(func(tx pgx.Tx) error {
		_, err := f.ledger.CancelTx(saletest.Context(f.t), tx, id)
		return err
	})
}

// all are the orders of the generation that the filter means, the newest first, read without the package's statements.
func (f *fixture) all(filter sale.OrderFilter) []sale.ListedOrder {
	f.t.Helper()
	rows, err := f.Pool.Query(saletest.Context(f.t), `SELECT `+orderColumns+` FROM orders WHERE sale_id = $1 AND generation = $2 ORDER BY unit DESC, id DESC`,
		f.key.Sale, f.key.Generation)
	f.Must(err)
	found, err := pgx.CollectRows(rows, scanOrder())
	f.Must(err)
	var meant []sale.ListedOrder
	for _, o := range found {
		if Matches(filter, o) {
			meant = append(meant, o)
		}
	}
	return meant
}

// walk reads a list page by page in one direction, and calls between after each. It returns the orders as the list has them.
func (f *fixture) walk(filter sale.OrderFilter, back bool, limit int, between func()) []sale.ListedOrder {
	f.t.Helper()
	return f.walkOf(func(ctx context.Context, at sale.OrderPageRequest) (sale.OrderPage, error) {
		return f.Page(ctx, f.Level(f.key), filter, at)
	}, back, limit, between)
}

func (f *fixture) walkOf(read func(context.Context, sale.OrderPageRequest) (sale.OrderPage, error), back bool, limit int, between func()) (all []sale.ListedOrder) {
	f.t.Helper()
	at := sale.OrderPageRequest{Back: back, Limit: limit}
	for {
		p, err := read(saletest.Context(f.t), at)
		f.Must(err)
		if len(p.Orders) > limit {
			f.t.Fatalf("%d orders on a page of %d", len(p.Orders), limit)
		}
		more, edge := p.Later, len(p.Orders)-1
		if back {
			more, edge = p.Earlier, 0
			all = append(append([]sale.ListedOrder{}, p.Orders...), all...)
		} else {
			all = append(all, p.Orders...)
		}
		if !more {
			return all
		}
		at.Beside = p.Orders[edge].Place()
		if between != nil {
			between()
		}
	}
}

// seed adds orders as a long sale does: a hundred in each decision; each fiftieth was cancelled, and each hundredth unit is sold again,
// at the end. It is for a sale without orders.
func (f *fixture) seed(n int64) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Minute)
	defer cancel()
	const insert = `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at, state, released_at) `
	_, err := f.Pool.Exec(ctx, insert+`SELECT gen_random_uuid(), $1, $2, 10000000 + n, 'shopper_' || n, n, 1, 1, `+seededAt+`,
	CASE WHEN n % 50 = 0 THEN 'cancelled' ELSE 'confirmed' END, CASE WHEN n % 50 = 0 THEN now() END
FROM generate_series(1, $3::bigint) n`, f.key.Sale, f.key.Generation, n)
	f.Must(err)
	_, err = f.Pool.Exec(ctx, insert+`SELECT gen_random_uuid(), $1, $2, 50000000 + n, 'shopper_' || n, n, 1, 1, timestamptz '2026-01-02', 'confirmed', NULL
FROM generate_series(100, $3::bigint, 100) n`, f.key.Sale, f.key.Generation, n)
	f.Must(err)
}

// seededAt is when the unit n was sold for the first time.
const seededAt = `timestamptz '2026-01-01' + n / 100 * interval '5 ms'`

func (f *fixture) level(n int64) sale.Level {
	return sale.Level{Sale: f.key.Sale, Generation: f.key.Generation, NextUnit: n + 1}
}
