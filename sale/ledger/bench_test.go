package ledger

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// What the pure core costs for a thousand claims, of which half get a unit.
func BenchmarkDecideAThousand(b *testing.B) {
	claims := make([]events.Claim, 1000)
	for i := range claims {
		claims[i] = saletest.Claim(saletest.Key(), int64(i), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		if made := standingWith(sale.Open, 500).Decide(claims); len(made.Ordered) != 500 {
			b.Fatal(len(made.Ordered))
		}
	}
	b.ReportMetric(float64(len(claims)*b.N)/b.Elapsed().Seconds(), "claims/s")
}

// One iteration is a whole transaction on Postgres with its messages in the outbox, without the log's cursor.
func BenchmarkLedger(b *testing.B) {
	for name, c := range map[string]struct {
		units  int64
		repeat bool
	}{"won": {1 << 40, false}, "lost": {0, false}, "repeated": {1 << 40, true}} {
		for _, size := range []int64{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/batch=%d", name, size), func(b *testing.B) {
				d := openLedger(b, c.units)
				next := int64(0)
				if c.repeat {
					d.decide(b, d.claims(1, size)...)
				}
				ctx := b.Context()
				for b.Loop() {
					claims := d.claims(next+1, next+size)
					if !c.repeat {
						next += size
					}
					err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
						_, err := d.DecideTx(ctx, tx, events.FromLog, claims)
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// The pure core, a batch of 500.
func BenchmarkDecide(b *testing.B) {
	claims := make([]events.Claim, 500)
	for i := range claims {
		claims[i] = saletest.Claim(saletest.Key(), int64(i), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		standingWith(sale.Open, 1000).Decide(claims)
	}
}

// A batch of 500 on Postgres, with everything but events' part of the transaction.
func BenchmarkDecideTx(b *testing.B) {
	s := newRealStock(b, 1_000_000_000)
	user := int64(0)
	claims := make([]events.Claim, 500)
	for b.Loop() {
		for i := range claims {
			user++
			claims[i] = saletest.Claim(sale.Key{Sale: s.id, Generation: 1}, user, 1)
			claims[i].ID = uuid.New()
		}
		s.must(pgx.BeginFunc(b.Context(), s.pool, func(tx pgx.Tx) error {
			_, err := s.DecideTx(b.Context(), tx, events.FromLog, claims)
			return err
		}))
	}
	b.ReportMetric(float64(len(claims)*b.N)/b.Elapsed().Seconds(), "claims/s")
}
