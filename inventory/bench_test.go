package inventory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/inventory"
)

// One iteration is one call for a batch of shoppers; the figure to look at is the time per shopper.
func BenchmarkReserve(b *testing.B) {
	servers := map[string]func(b *testing.B) placesFixture{
		"miniredis": func(b *testing.B) placesFixture {
			return openPlaces(b, miniClient(b, miniredis.RunT(b).Addr()), "bench")
		},
	}
	if embeddedtest.RealRedis() {
		servers["redis"] = func(b *testing.B) placesFixture {
			return openPlaces(b, embeddedtest.Redis(b), embeddedtest.Namespace(b))
		}
	}
	for server, open := range servers {
		for _, size := range []int64{1, 64, 256} {
			for _, full := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/batch=%d/full=%v", server, size, full), func(b *testing.B) {
					h := open(b)
					limit := int64(1 << 40)
					if full {
						limit = 0
					}
					h.load(b, limit, 1)
					b.ReportAllocs()
					next := int64(1)
					for b.Loop() {
						if _, err := h.Reserve(context.Background(), key, series(next, size)); err != nil {
							b.Fatal(err)
						}
						next += size
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(next), "ns/shopper")
				})
			}
		}
	}
}

// The cost of a place must not grow with the number of holders, on the embedded server either.
func BenchmarkReserveAmongMany(b *testing.B) {
	for _, holders := range []int64{0, 10_000, 200_000} {
		b.Run(fmt.Sprintf("holders=%d", holders), func(b *testing.B) {
			h := openPlaces(b, miniClient(b, miniredis.RunT(b).Addr()), "bench")
			h.load(b, 1<<40, 1, series(1, holders)...)
			next := holders + 1
			for b.Loop() {
				if _, err := h.Reserve(context.Background(), key, series(next, 64)); err != nil {
					b.Fatal(err)
				}
				next += 64
			}
		})
	}
}

// Loading a set is the cost of an empty Redis.
func BenchmarkLoad(b *testing.B) {
	for _, owners := range []int64{1_000, 100_000} {
		b.Run(fmt.Sprintf("owners=%d", owners), func(b *testing.B) {
			client := miniClient(b, miniredis.RunT(b).Addr())
			if embeddedtest.RealRedis() {
				client = embeddedtest.Redis(b)
			}
			h := openPlaces(b, client, embeddedtest.Namespace(b))
			users := series(1, owners)
			for b.Loop() {
				h.do(b, "DEL", h.name("holders"), h.name("limit"))
				h.load(b, owners, 1, users...)
			}
		})
	}
}

// Taking units costs the same however many there are.
func BenchmarkTake(b *testing.B) {
	pool, _ := embeddedtest.Postgres(b)
	store := inventory.NewStore(pool)
	ctx := context.Background()
	begin := func(key inventory.Key, total int64) {
		if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := store.BeginTx(ctx, tx, key, total, 1)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	for i, n := range []int64{1, 100, 1000} {
		key := inventory.Key{Sale: int64(i + 1), Generation: 1}
		begin(key, 1<<40)
		b.Run(fmt.Sprintf("units=%d", n), func(b *testing.B) {
			for b.Loop() {
				if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
					_, _, err := store.TakeTx(ctx, tx, key, n)
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
