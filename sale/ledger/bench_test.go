package ledger

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// The pure function, for a batch of 1000 of which half get a unit.
func BenchmarkDecideAThousand(b *testing.B) {
	claims := make([]events.Claim, 1000)
	for i := range claims {
		claims[i] = saletest.Claim(saletest.Key(), int64(i), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		if made := stateWith(sale.Open, 500).Decide(claims); len(made.Ordered) != 500 {
			b.Fatal(len(made.Ordered))
		}
	}
	b.ReportMetric(float64(len(claims)*b.N)/b.Elapsed().Seconds(), "claims/s")
}

// A transaction on Postgres with its messages in the outbox, without the log's cursor.
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
					d.decide(d.claims(1, size)...)
				}
				ctx := b.Context()
				for b.Loop() {
					claims := d.claims(next+1, next+size)
					if !c.repeat {
						next += size
					}
					err := pgx.BeginFunc(ctx, d.Pool, func(tx pgx.Tx) error {
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

// The pure function, for a batch of 500.
func BenchmarkDecide(b *testing.B) {
	claims := make([]events.Claim, 500)
	for i := range claims {
		claims[i] = saletest.Claim(saletest.Key(), int64(i), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		stateWith(sale.Open, 1000).Decide(claims)
	}
}

// noOutbox stores no message, so that the ledger is measured alone.
type noOutbox struct{}

func (noOutbox) AppendTx(context.Context, pgx.Tx, []events.Message) error { return nil }
func (noOutbox) Queue(*pgx.Batch, []events.Message) error                 { return nil }

// A transaction on Postgres for a batch of 500, without what package events adds to it.
func BenchmarkDecideTx(b *testing.B) {
	d := openLedger(b, 1_000_000_000)
	d.outbox = noOutbox{}
	user := int64(0)
	claims := make([]events.Claim, 500)
	for b.Loop() {
		for i := range claims {
			user++
			claims[i] = d.claim(user, 1)
		}
		d.Must(pgx.BeginFunc(b.Context(), d.Pool, func(tx pgx.Tx) error {
			_, err := d.DecideTx(b.Context(), tx, events.FromLog, claims)
			return err
		}))
	}
	b.ReportMetric(float64(len(claims)*b.N)/b.Elapsed().Seconds(), "claims/s")
}
