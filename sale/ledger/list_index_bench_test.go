package ledger

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// BenchmarkListIndex measures what the index of cancelled orders costs purchases: the same decisions are made in two ledgers, one of
// which lacks it, and each decision in one is followed by one in the other, so that both meet the same noise. cost-% is by how much the
// median with the index is higher.
//
//	FLASHSALE_BENCH_ORDERS=300000 go test -run '^$' -bench ListIndex -benchtime 2000x ./sale/ledger
func BenchmarkListIndex(b *testing.B) {
	sizes := grownOrders(b)
	orders := sizes[len(sizes)-1]
	with, without := openLedger(b, 1<<40), openLedger(b, 1<<40)
	for _, d := range []*ledgerFixture{with, without} {
		d.growAll(b, orders)
	}
	without.Exec(`DROP INDEX orders_cancelled`)
	next := int64(10_000_000)
	for _, size := range []int64{500, 20} {
		b.Run("batch="+map[int64]string{500: "500", 20: "20"}[size], func(b *testing.B) {
			took := map[*ledgerFixture][]time.Duration{}
			for b.Loop() {
				pair := []*ledgerFixture{with, without}
				if len(took[with])%2 == 1 {
					slices.Reverse(pair)
				}
				for _, d := range pair {
					claims := d.claims(next+1, next+size)
					start := time.Now()
					if err := pgx.BeginFunc(b.Context(), d.Pool, func(tx pgx.Tx) error {
						_, err := d.DecideTx(b.Context(), tx, events.FromLog, claims)
						return err
					}); err != nil {
						b.Fatal(err)
					}
					took[d] = append(took[d], time.Since(start))
				}
				next += size
			}
			slices.Sort(took[with])
			slices.Sort(took[without])
			for name, part := range map[string]int{"p25": 4, "p50": 2} {
				at := len(took[with]) / part
				has, lacks := float64(took[with][at].Microseconds()), float64(took[without][at].Microseconds())
				b.ReportMetric(has, name+"-us")
				b.ReportMetric(100*(has/lacks-1), name+"-cost-%")
			}
		})
	}
}
