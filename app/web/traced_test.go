package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"flashsale/sale"
)

// fakeTraces notes the spans that ended.
type fakeTraces struct {
	mu    sync.Mutex
	ended []string
}

type tracedKey struct{}

func (f *fakeTraces) Begin(r *http.Request, route string, at time.Time) (*http.Request, func(int)) {
	if r.Header.Get("Traceparent") == "" {
		return r, nil
	}
	return r.WithContext(context.WithValue(r.Context(), tracedKey{}, "press")), func(status int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended = append(f.ended, fmt.Sprint(route, " ", status, " ", time.Since(at) < time.Hour))
	}
}

// tracedCheckout panics unless the press is within its span.
type tracedCheckout struct{ *fakeCheckout }

func (c tracedCheckout) Buy(ctx context.Context, p sale.PurchaseRequest) sale.Answer {
	if ctx.Value(tracedKey{}) == nil {
		panic("no span")
	}
	return c.fakeCheckout.Buy(ctx, p)
}

// A press has one span, from its beginning to its status, whatever the answer is and whoever asks; a press that is not traced has
// none, and nor has any other route.
func TestOnlyPressesHaveSpans(t *testing.T) {
	t.Parallel()
	spans := &fakeTraces{}
	w := newWorld(t, func(c *Config) {
		c.Traces, c.Checkout = spans, tracedCheckout{c.Checkout.(*fakeCheckout)}
	})
	const parent = "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	w.send(t, "POST", buy, `{"username":"alice"}`, parent)
	w.send(t, "POST", "/api/sales/first/purchase", `{"username":"alice"}`, parent, "Accept: text/html")
	w.send(t, "POST", buy, `{"username":`, parent)
	w.send(t, "GET", "/api/flash-sale/status", "", parent)
	if res := w.send(t, "POST", buy, `{"username":"alice"}`); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("a press without a span: %d %s", res.StatusCode, res.raw)
	}
	want := []string{"/api/flash-sale/purchase 201 true", "/api/sales/:slug/purchase 303 true", "/api/flash-sale/purchase 422 true"}
	if !slices.Equal(spans.ended, want) {
		t.Errorf("%q, want %q", spans.ended, want)
	}
}
