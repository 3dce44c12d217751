package sale

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// counter is a set of servers that answer at once, from memory, to measure what a press costs in this package alone.
type counter struct {
	unavailable
	level  Level
	answer func(events.Claim) events.Verdict
	c      *Checkout
	buyers int64 // so many shoppers have bought
}

// Known has everybody be the next shopper: nobody buys twice.
func (c *counter) Known(name string) (Shopper, bool) {
	return Shopper{ID: 1 + c.buyers, Username: name, MayPurchase: true}, true
}

func (c *counter) readChanges(context.Context, map[int64]Key, map[int64]int64) (changes, error) {
	now := time.Now()
	row := saleRow{
		Key: c.level.key(), slug: firstSlug, state: Open, startsAt: now.Add(-time.Hour), endsAt: now.Add(time.Hour),
		secret: testSecret, version: 1, product: firstProduct(),
	}
	return changes{rows: []saleRow{row}, levels: []Level{c.level}, now: now, asked: now.Add(time.Hour), answeredAt: now.Add(time.Hour)}, nil
}

func (c *counter) advance(context.Context, string) (bool, error)      { return false, nil }
func (c *counter) digestNext(context.Context) (bool, error)           { return true, nil }
func (c *counter) Reserve(context.Context, Key, int64) (Place, error) { return Reserved, nil }

func (c *counter) Append(_ context.Context, _ int, claim events.Claim) (events.Position, error) {
	v := c.answer(claim)
	c.c.pending.deliver(&v)
	return events.Position{}, nil
}

func benchCounter(b *testing.B, taken int64) *counter {
	b.Helper()
	c := &counter{level: Level{Sale: 1, Generation: 1, Total: 1_000_000_000, Taken: taken, Version: 1}}
	catalog := newCatalog(c, nil, c, slog.New(slog.DiscardHandler))
	c.c = newCheckout(Deps{Catalog: catalog, Places: c, Log: c, Shoppers: c, Live: func() int { return 1 }}, nil)
	if err := catalog.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	catalog.find("").receipts.addLoaded(nil, 1)
	return c
}

// The answer to nearly everybody: it must not allocate.
func BenchmarkSoldOut(b *testing.B) {
	c := benchCounter(b, 1_000_000_000)
	press := Press{Name: "z"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := c.c.Buy(b.Context(), press); a.Reason != ReasonSoldOut {
				b.Fatalf("%s %s", a.Kind, a.Reason)
			}
		}
	})
}

// A purchase whose servers take no time.
func BenchmarkBuy(b *testing.B) {
	c := benchCounter(b, 0)
	c.answer = func(claim events.Claim) events.Verdict {
		return events.Verdict{ClaimID: claim.ID, Outcome: events.Ordered, Unit: 1, At: time.Now(), Fresh: true}
	}
	press := Press{Name: "z"}
	b.ReportAllocs()
	for b.Loop() {
		if a := c.c.Buy(b.Context(), press); a.Kind != Bought {
			b.Fatalf("%s %s", a.Kind, a.Reason)
		}
		c.buyers++
	}
}

// The pure core, a batch of 500.
func BenchmarkDecide(b *testing.B) {
	claims := make([]events.Claim, 500)
	for i := range claims {
		claims[i] = claimOf(testKey, int64(i), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		decide(standingWith(Open, 1000), claims)
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
			claims[i] = claimOf(Key{s.id, 1}, user, 1)
			claims[i].ID = uuid.New()
		}
		s.must(pgx.BeginFunc(b.Context(), s.pool, func(tx pgx.Tx) error {
			_, err := s.DecideTx(b.Context(), tx, events.FromLog, claims)
			return err
		}))
	}
	b.ReportMetric(float64(len(claims)*b.N)/b.Elapsed().Seconds(), "claims/s")
}

// TestASoldOutAnswerAllocatesNothing checks the benchmark's figure.
func TestASoldOutAnswerAllocatesNothing(t *testing.T) {
	c := &counter{level: Level{Sale: 1, Generation: 1, Total: 5, Taken: 5, Version: 1}}
	catalog := newCatalog(c, nil, c, slog.New(slog.DiscardHandler))
	c.c = newCheckout(Deps{Catalog: catalog, Places: c, Log: c, Shoppers: c, Live: func() int { return 1 }}, nil)
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	catalog.find("").receipts.addLoaded(nil, 1)
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { c.c.Buy(ctx, Press{Name: "z"}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
