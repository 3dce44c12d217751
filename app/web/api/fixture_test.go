package api

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/app/live"
	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/views/text"
)

const at12 = "2026-01-01T12:00:00.000Z"

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func activeSale() sale.Snapshot {
	return sale.Snapshot{
		ID: 1, Slug: "first", Generation: 3, State: sale.Open, StartsAt: noon.Add(-2 * time.Hour), EndsAt: noon.Add(time.Hour),
		Total: 5, Taken: 2, Version: 57, Revision: 9, Now: noon,
	}
}

// oneSale is a catalog with one sale.
type oneSale struct {
	mu   sync.Mutex
	snap sale.Snapshot
}

func (b *oneSale) Snapshot(string) (sale.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snap, nil
}

// later moves the ledger's clock.
func (b *oneSale) later(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.snap.Now = b.snap.Now.Add(d)
}

func (b *oneSale) All() []sale.Snapshot {
	s, _ := b.Snapshot("")
	return []sale.Snapshot{s}
}

func (b *oneSale) Changed() (<-chan struct{}, func()) { return nil, func() {} }

// oneShopper is a checkout that sells to everybody, and remembers what the shopper of a receipt owns.
type oneShopper struct {
	requests int
	owns     *sale.Receipt
}

func (c *oneShopper) Buy(_ context.Context, p sale.PurchaseRequest) sale.Answer {
	c.requests++
	return sale.Answer{Kind: sale.Bought, Receipt: sale.Receipt{Username: p.Name}, Username: p.Name, Sale: activeSale()}
}

func (c *oneShopper) Receipt(context.Context, string, string) (sale.Receipt, bool, error) {
	if c.owns == nil {
		return sale.Receipt{}, false, nil
	}
	return *c.owns, true, nil
}

func (c *oneShopper) Claim(context.Context, uuid.UUID, *events.Position) (sale.ClaimState, error) {
	return sale.ClaimState{}, nil
}

// newHandlers are handlers of one active sale, with plain pages.
func newHandlers(t testing.TB) (*Handlers, *oneSale) {
	t.Helper()
	b := &oneSale{snap: activeSale()}
	return New(Config{
		Catalog: b, Hub: live.New(3), Principals: request.Principals{Demo: true}, Limits: request.NewLimits(nil, false, nil), Drain: &request.Drain{}, Heartbeat: time.Millisecond,
		Pages: Pages{Frame: func(sale.Snapshot, text.Language) []byte { return []byte("<p>first</p>\n<p>2</p>") }},
	}), b
}
