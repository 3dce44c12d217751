package traces

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/checkout"
)

// instant answers at once.
type instant struct{}

func (instant) Reserve(context.Context, sale.Key, int64) (checkout.Place, error) {
	return checkout.Reserved, nil
}

func (instant) Append(context.Context, int, events.Claim) (events.Position, error) {
	return events.Position{}, nil
}

// BenchmarkSpans is what traces add to a press that buys: one that nobody samples, and one that is sampled with its five spans.
func BenchmarkSpans(b *testing.B) {
	for name, ratio := range map[string]float64{"sampled=false": 0, "sampled=true": 1} {
		b.Run(name, func(b *testing.B) {
			t := newTracer(b, "parentbased_traceidratio", ratio)
			places, log := t.Places(instant{}), t.Log(instant{})
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", nil)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				t.presses.used.Store(0)
				if len(t.queue.spans) > queueRoom-8 {
					waiting(t)
				}
				traced, end := t.Begin(r, "/api/flash-sale/purchase", time.Now())
				ctx := traced.Context()
				_, _ = places.Reserve(ctx, sale.Key{}, 1)
				_, _ = log.Append(ctx, 1, events.Claim{})
				t.Waited(ctx, "decided")
				if end != nil {
					end(http.StatusCreated)
				}
			}
		})
	}
}

// BenchmarkGather is what a batch of a thousand claims costs that carry the context of their clients, none of them sampled.
func BenchmarkGather(b *testing.B) {
	t := newTracer(b, "parentbased_traceidratio", 0.01)
	claims := make([]events.Claim, 1000)
	for i := range claims {
		claims[i].Traceparent = unwanted
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if t.Deciding(events.FromLog, claims) != nil {
			b.Fatal("it is traced")
		}
	}
}
