package orderlist

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"flashsale/sale"
)

// BenchmarkPages measures the pages of the list in a sale of FLASHSALE_BENCH_ORDERS orders, without the variable 100,000. One command
// seeds a million and measures, in about half a minute:
//
//	FLASHSALE_BENCH_ORDERS=1000000 go test -run '^$' -bench Pages -benchtime 300x ./sale/orderlist
//
// p95-ms is the figure that counts: no page and no filter may take more than 50.
func BenchmarkPages(b *testing.B) {
	orders := int64(100_000)
	if asked := os.Getenv("FLASHSALE_BENCH_ORDERS"); asked != "" {
		n, err := strconv.ParseInt(asked, 10, 64)
		if err != nil || n < 1000 {
			b.Fatalf("FLASHSALE_BENCH_ORDERS must be a number from 1000, not %q", asked)
		}
		orders = n
	}
	f := open(b)
	f.seed(orders)
	f.Exec(`ANALYZE orders`)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(part float64) time.Time {
		return begin.Add(time.Duration(part*float64(orders)/100) * 5 * time.Millisecond)
	}
	shoppers := make([]int64, 100)
	for i := range shoppers {
		shoppers[i] = 10_000_000 + int64(i+1)*orders/101
	}
	for _, c := range []struct {
		name   string
		filter sale.OrderFilter
	}{
		{"all", sale.OrderFilter{}}, {"confirmed", sale.OrderFilter{State: sale.OrderConfirmed}}, {"cancelled", sale.OrderFilter{State: sale.OrderCancelled}},
		{"time", sale.OrderFilter{From: at(.3), Until: at(.8)}}, {"unit", sale.OrderFilter{Unit: orders/2 + 1}}, {"shoppers", sale.OrderFilter{}},
	} {
		for page, request := range map[string]sale.OrderPageRequest{
			"first": {}, "middle": {Beside: sale.OrderPlace{Unit: orders / 2}}, "last": {Back: true},
		} {
			request.Limit = pageLimit
			b.Run(c.name+"/"+page, func(b *testing.B) {
				took := make([]time.Duration, 0, b.N)
				for b.Loop() {
					var err error
					start := time.Now()
					if c.name == "shoppers" {
						_, err = f.PageOf(b.Context(), f.key, shoppers, c.filter, request)
					} else {
						_, err = f.Page(b.Context(), f.level(orders), c.filter, request)
					}
					if err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			})
		}
	}
}
