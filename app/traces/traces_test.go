package traces

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go/protocol"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"flashsale/app/config"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/sale"
	"flashsale/sale/checkout"
)

const (
	wanted   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unwanted = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// newTracer is a Tracer whose spans stay in its queue.
func newTracer(t testing.TB, sampler string, ratio float64) *Tracer {
	t.Helper()
	tracer, err := New(Config{To: &config.Traces{Endpoint: "http://127.0.0.1:1/v1/traces", Sampler: sampler, Ratio: ratio, Service: "shop"}, Version: "v1", Process: "p",
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// waiting are the spans in the queue.
func waiting(t *Tracer) (all []sdktrace.ReadOnlySpan) {
	for {
		select {
		case s := <-t.queue.spans:
			all = append(all, s)
		default:
			return all
		}
	}
}

// The samplers of the specification: what is done with a press without a parent, with one that is sampled and with one that is
// not.
func TestSamplers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                    string
		ratio                   float64
		alone, wanted, unwanted bool
	}{
		{"always_on", 0, true, true, true},
		{"always_off", 1, false, false, false},
		{"traceidratio", 1, true, true, true},
		{"traceidratio", 0, false, false, false},
		{"parentbased_always_on", 0, true, true, false},
		{"parentbased_always_off", 1, false, true, false},
		{"parentbased_traceidratio", 1, true, true, false},
		{"parentbased_traceidratio", 0, false, true, false},
	} {
		tracer := newTracer(t, c.name, c.ratio)
		for parent, want := range map[string]bool{"": c.alone, wanted: c.wanted, unwanted: c.unwanted} {
			if _, got := tracer.sampled(t.Context(), parent); got != want {
				t.Errorf("%s %v: a press of %q is sampled: %v", c.name, c.ratio, parent, got)
			}
		}
		if _, got := tracer.follow(unwanted); got {
			t.Errorf("%s: a claim that nobody sampled is followed", c.name)
		}
		if _, got := tracer.follow(wanted); got != c.wanted {
			t.Errorf("%s: a claim that is sampled is followed: %v", c.name, got)
		}
	}
}

// About one press of a hundred is sampled, and its span has the id by which that was decided, so that other processes decide alike.
func TestARatioIsKept(t *testing.T) {
	t.Parallel()
	tracer, n := newTracer(t, "parentbased_traceidratio", 0.01), 0
	for range 100_000 {
		ctx, ok := tracer.sampled(t.Context(), "")
		if !ok {
			continue
		}
		n++
		_, span := tracer.spans.Start(ctx, "press")
		if id := span.SpanContext().TraceID(); id != ctx.Value(newTrace{}) || !span.IsRecording() {
			t.Fatalf("the trace of %v is %s", ctx, id)
		}
	}
	if n < 800 || n > 1200 {
		t.Errorf("%d of 100,000 are sampled", n)
	}
}

func TestTraceparents(t *testing.T) {
	t.Parallel()
	for v, ok := range map[string]bool{
		wanted: true, unwanted: true, "": false, wanted[:54]: false, wanted + "0": false, "01" + wanted[2:]: false, strings.Replace(wanted, "-", "_", 2): false,
		"00-" + strings.Repeat("0", 32) + wanted[35:]: false, wanted[:36] + strings.Repeat("0", 16) + "-01": false, wanted[:3] + "zz" + wanted[5:]: false,
	} {
		c := parse(v)
		if c.IsValid() != ok || ok && (format(c) != v || !c.IsRemote() || c.IsSampled() != marked(v)) {
			t.Errorf("%q: %v %s", v, c.IsValid(), format(c))
		}
	}
}

// A thousand claims that all want a trace make a bounded number of spans, and so do claims that come for longer.
func TestALargeBatchMakesFewSpans(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, "parentbased_traceidratio", 0.01)
	claims, d := make([]events.Claim, 1000), events.Decision{Verdicts: make([]events.Verdict, 1000)}
	for i := range claims {
		id := uuid.New()
		claims[i] = events.Claim{ID: id, Username: "anna", Traceparent: fmt.Sprintf("00-%032x-b7ad6b7169203331-01", i+1)}
		d.Verdicts[i] = events.Verdict{ClaimID: id, Outcome: events.Ordered}
	}
	tracer.Deciding(events.FromLog, claims)(d, nil)
	spans := waiting(tracer)
	if len(spans) != 1+membersMost || len(spans[0].Links()) != membersMost {
		t.Errorf("%d spans, %d links", len(spans), len(spans[0].Links()))
	}
	for i, s := range spans[1:] {
		if s.Parent().TraceID().String() != fmt.Sprintf("%032x", i+1) || s.Links()[0].SpanContext.SpanID() != spans[0].SpanContext().SpanID() {
			t.Fatalf("the span of claim %d: %v", i, s)
		}
	}
	for range 20 {
		if done := tracer.Deciding(events.FromLog, claims); done != nil {
			done(d, nil)
		}
	}
	if n := len(waiting(tracer)); n > 2*(othersASecond+20) {
		t.Errorf("20 batches make %d spans", n)
	}
	if n := testutil.ToFloat64(tracer.results.WithLabelValues(resultPaced)); n < 1000-membersMost {
		t.Errorf("%v are counted as left out", n)
	}
}

// Claims and records that are not sampled cost nothing that stays.
func TestABatchWithoutTracesMakesNone(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, "parentbased_traceidratio", 1)
	claims := []events.Claim{{}, {Traceparent: unwanted}, {Traceparent: "nonsense-01"}}
	records := []claimlog.Message{{}, {Headers: []protocol.Header{{Key: "ce_traceparent", Value: []byte(wanted)}, {Key: claimlog.TraceHeader, Value: []byte(unwanted)}}}}
	if tracer.Deciding(events.Direct, claims) != nil || tracer.Sending("t", 1, records) != nil || len(waiting(tracer)) != 0 {
		t.Error("there are spans")
	}
}

// failing refuses everything, in words that nobody else may read.
type failing struct{}

func (failing) Reserve(context.Context, sale.Key, int64) (checkout.Place, error) { return 0, errAway }

func (failing) Decide(_ context.Context, c events.Claim) (events.Verdict, error) {
	return events.Verdict{Username: c.Traceparent}, errAway
}

// A stage that fails is told by the kind of its error. A claim that is decided without the log carries the span that asked.
func TestAStageThatFails(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, "always_on", 0)
	r, end := tracer.Begin(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), "/purchase", time.Now())
	_, err := tracer.Places(failing{}).Reserve(r.Context(), sale.Key{}, 7)
	v, directErr := tracer.Direct(failing{}).Decide(r.Context(), events.Claim{Username: "anna", Traceparent: unwanted})
	end(http.StatusServiceUnavailable)
	spans := waiting(tracer)
	if err == nil || directErr == nil || len(spans) != 3 || v.Username != format(spans[1].SpanContext()) {
		t.Fatalf("%v %v: %d spans, the claim carries %q", err, directErr, len(spans), v.Username)
	}
	for i, name := range []string{"reserve place", "decide directly", "POST /purchase"} {
		s := spans[i]
		said := fmt.Sprint(s.Attributes(), s.Events(), s.Status())
		if s.Name() != name || s.Status().Code != codes.Error || strings.Contains(said, "hunter2") || strings.Contains(said, "anna") {
			t.Errorf("%s: %s", s.Name(), said)
		}
		if s.SpanContext().TraceID() != spans[2].SpanContext().TraceID() || i < 2 && s.Parent().SpanID() != spans[2].SpanContext().SpanID() {
			t.Errorf("%s is elsewhere", s.Name())
		}
	}
	// Who is not traced goes through untouched.
	if v, _ := tracer.Direct(failing{}).Decide(t.Context(), events.Claim{Traceparent: unwanted}); v.Username != unwanted || len(waiting(tracer)) != 0 {
		t.Errorf("a claim that is not traced carries %q", v.Username)
	}
}

// However often presses that want a trace come, only so many have one.
func TestPressesAreBounded(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, "parentbased_always_on", 0)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/sales/secret-sale/purchase?name=anna", nil)
	r.Header.Set("Traceparent", wanted)
	for range 2000 {
		if _, end := tracer.Begin(r, "/api/sales/:slug/purchase", time.Now()); end != nil {
			end(http.StatusInternalServerError)
		}
	}
	spans := waiting(tracer)
	if len(spans) < pressesASecond || len(spans) > 10*pressesASecond {
		t.Errorf("%d spans", len(spans))
	}
	s := spans[0]
	if s.Name() != "POST /api/sales/:slug/purchase" || s.Status().Code.String() != "Error" || s.SpanKind() != trace.SpanKindServer || strings.Contains(fmt.Sprint(s.Attributes()), "secret") {
		t.Errorf("%s %v %v", s.Name(), s.Status(), s.Attributes())
	}
}

var errAway = fmt.Errorf("401 token=hunter2secret %s", strings.Repeat("x", 1000))

// takes is a collector that does what it is told.
type takes struct {
	sdktrace.SpanExporter
	answer func(context.Context, int) error
}

func (c takes) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return c.answer(ctx, len(spans))
}
