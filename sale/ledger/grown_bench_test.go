package ledger

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// BenchmarkGrownLedger measures a decision's transaction, with its messages in the outbox, in an empty sale and in a grown one.
// FLASHSALE_BENCH_ORDERS is the number of orders and of declines in the grown sale, and of events that its outbox has published;
// half of the events are still there, half are deleted. Without the variable only the empty sale is measured, because the other
// takes a minute. Compare interleaved:
//
//	for i in 1 2 3 4 5; do FLASHSALE_BENCH_ORDERS=1000000 go test -run '^$' -bench GrownLedger ./sale/ledger; done | tee grown.txt
//	benchstat -col /orders grown.txt
func BenchmarkGrownLedger(b *testing.B) {
	for _, orders := range grownOrders(b) {
		b.Run(fmt.Sprintf("orders=%d", orders), func(b *testing.B) {
			d := openLedger(b, 1<<40)
			d.growAll(b, orders)
			next := int64(10_000_000)
			for _, size := range []int64{1, 500} {
				b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						b.StopTimer()
						claims := d.claims(next+1, next+size)
						b.StartTimer()
						next += size
						err := pgx.BeginFunc(b.Context(), d.Pool, func(tx pgx.Tx) error {
							_, err := d.DecideTx(b.Context(), tx, events.FromLog, claims)
							return err
						})
						if err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "claims/s")
				})
			}
		})
	}
}

func grownOrders(b *testing.B) []int64 {
	b.Helper()
	asked := os.Getenv("FLASHSALE_BENCH_ORDERS")
	if asked == "" {
		return []int64{0}
	}
	n, err := strconv.ParseInt(asked, 10, 64)
	if err != nil || n < 1 {
		b.Fatalf("FLASHSALE_BENCH_ORDERS must be a positive number, not %q", asked)
	}
	return []int64{0, n}
}

// growAll fills all tables as a long sale does, and waits until Postgres has written them.
func (d *ledgerFixture) growAll(b *testing.B, orders int64) {
	b.Helper()
	if orders == 0 {
		return
	}
	d.grow(orders)
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	for _, sql := range []string{
		`UPDATE stock SET taken = taken + 1000000 + ORDERS, next_unit = next_unit + 1000000 + ORDERS, version = version + 1`,
		`INSERT INTO outbox (sale_id, bundle) SELECT sale_id, decode(repeat('ab', 300), 'hex') FROM stock, generate_series(1, ORDERS)`,
		`UPDATE outbox SET published_at = clock_timestamp()`,
		`UPDATE outbox_relay SET position = (SELECT max(id) FROM outbox)`,
		`DELETE FROM outbox WHERE id <= ORDERS / 2`,
		`ANALYZE orders, declines, outbox`,
		`CHECKPOINT`,
	} {
		if _, err := d.Pool.Exec(ctx, strings.ReplaceAll(sql, "ORDERS", strconv.FormatInt(orders, 10))); err != nil {
			b.Fatalf("%s: %v", sql, err)
		}
	}
}
