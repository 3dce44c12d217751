package checkout

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// instantServers answer at once, from memory, to measure what a request costs in this package alone.
type instantServers struct {
	unavailable
	level  sale.Level
	answer func(events.Claim) events.Verdict
	c      *Checkout
	bought int64 // how many units
}

// Known makes each request that of another shopper, so nobody buys twice.
func (c *instantServers) Known(name string) (sale.Shopper, bool) {
	return sale.Shopper{ID: 1 + c.bought, Username: name, MayPurchase: true}, true
}

func (c *instantServers) ReadChanges(context.Context, map[int64]sale.Key, map[int64]int64) (sale.Changes, error) {
	now := time.Now()
	row := sale.Row{
		Key: c.level.Key(), Slug: saletest.Slug, State: sale.Open, StartsAt: now.Add(-time.Hour), EndsAt: now.Add(time.Hour),
		Secret: saletest.Secret(), Version: 1, Product: sale.Product{Name: "A thing"},
	}
	return sale.Changes{Rows: []sale.Row{row}, Levels: []sale.Level{c.level}, Now: now, Asked: now.Add(time.Hour), AnsweredAt: now.Add(time.Hour)}, nil
}

func (c *instantServers) Advance(context.Context, string) (bool, error) { return false, nil }
func (c *instantServers) DigestNext(context.Context) (bool, error)      { return true, nil }
func (c *instantServers) Reserve(context.Context, sale.Key, int64) (Place, error) {
	return Reserved, nil
}

func (c *instantServers) Append(_ context.Context, _ int, claim events.Claim) (events.Position, error) {
	v := c.answer(claim)
	c.c.pending.deliver(&v, nil)
	return events.Position{}, nil
}

func newInstantServers(b *testing.B, taken int64) *instantServers {
	b.Helper()
	c := &instantServers{level: sale.Level{Sale: 1, Generation: 1, Total: 1_000_000_000, Taken: taken, Version: 1}}
	catalog := NewCatalog(CatalogConfig{Store: c, Log: c, Logger: slog.New(slog.DiscardHandler)})
	c.c = New(Deps{Catalog: catalog, Places: c, Log: c, Shoppers: c, Live: func() int { return 1 }})
	if err := catalog.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	catalog.find("").receipts.addLoaded(nil, 1)
	return c
}

// The answer to nearly all requests: it must not allocate.
func BenchmarkSoldOut(b *testing.B) {
	c := newInstantServers(b, 1_000_000_000)
	request := sale.PurchaseRequest{Name: "z"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := c.c.Buy(b.Context(), request); a.Reason != sale.ReasonSoldOut {
				b.Fatalf("%s %s", a.Kind, a.Reason)
			}
		}
	})
}

// A purchase whose servers take no time.
func BenchmarkBuy(b *testing.B) {
	c := newInstantServers(b, 0)
	c.answer = func(claim events.Claim) events.Verdict {
		return events.Verdict{ClaimID: claim.ID, Outcome: events.Ordered, Unit: 1, At: time.Now(), Fresh: true}
	}
	request := sale.PurchaseRequest{Name: "z"}
	b.ReportAllocs()
	for b.Loop() {
		if a := c.c.Buy(b.Context(), request); a.Kind != sale.Bought {
			b.Fatalf("%s %s", a.Kind, a.Reason)
		}
		c.bought++
	}
}

// TestASoldOutAnswerAllocatesNothing checks the benchmark's figure.
func TestASoldOutAnswerAllocatesNothing(t *testing.T) {
	c := &instantServers{level: sale.Level{Sale: 1, Generation: 1, Total: 5, Taken: 5, Version: 1}}
	catalog := NewCatalog(CatalogConfig{Store: c, Log: c, Logger: slog.New(slog.DiscardHandler)})
	c.c = New(Deps{Catalog: catalog, Places: c, Log: c, Shoppers: c, Live: func() int { return 1 }})
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	catalog.find("").receipts.addLoaded(nil, 1)
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { c.c.Buy(ctx, sale.PurchaseRequest{Name: "z"}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
