// Package traces makes the OpenTelemetry spans of purchases and sends them to a collector.
//
// A purchase is one trace, from the press to the published event, whichever processes it goes through. The trace context is
// carried as it always was: by the claim's record, the outbox and the event. Who samples a press writes its own context there;
// whoever has the claim or the event later sees by it whether to make spans. Everything else goes on as without traces.
//
// This is the only package that knows OpenTelemetry. The others have small hooks or interfaces, which the wiring sets when there
// is a Tracer and leaves alone when there is none: then nothing is done and nothing allocated.
//
// README.md lists the spans and their attributes. No name of a shopper, no receipt and no secret is in any of them.
package traces

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"flashsale/app/config"
)

// Config is what a Tracer needs. To is required.
type Config struct {
	To *config.Traces
	// Version and Process are those of the program and of this process, which every span shows.
	Version, Process string
	Logger           *slog.Logger
	// Registerer takes the metrics; nil: they are counted but not registered.
	Registerer prometheus.Registerer
}

// Tracer makes spans of the purchases that are sampled. It never waits for the collector. Its methods are safe for concurrent
// use.
type Tracer struct {
	spans   trace.Tracer
	sampler sdktrace.Sampler
	*queue
	// presses, decided and sent bound what is traced in a second, because a client may ask for it with every request.
	presses, decided, sent pace
}

// Run sends the spans until ctx ends, and what is left of them within a second.
func (t *Tracer) Run(ctx context.Context) error { return t.run(ctx) }

// A second's worth of spans is bounded, and so is that of one batch: however many ask for a trace, a sale goes on as fast.
const (
	pressesASecond = 200
	othersASecond  = 400
	membersMost    = 64
)

// New makes a Tracer. Run sends its spans.
func New(cfg Config) (*Tracer, error) {
	q, err := newQueue(cfg)
	if err != nil {
		return nil, err
	}
	who := []attribute.KeyValue{semconv.ServiceVersion(cfg.Version), semconv.ServiceInstanceID(cfg.Process)}
	for key, value := range cfg.To.Resource {
		who = append(who, attribute.String(key, value))
	}
	who = append(who, semconv.ServiceName(cfg.To.Service))
	// All limits are set: the library would read those that are not from the environment.
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(resource.NewSchemaless(who...)), sdktrace.WithSpanProcessor(q),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithIDGenerator(ids{}), sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: 256, AttributeValueDepthLimit: 2, AttributeCountLimit: 32, EventCountLimit: 16, LinkCountLimit: membersMost, AttributePerEventCountLimit: 8,
			AttributePerLinkCountLimit: 8,
		}))
	return &Tracer{spans: provider.Tracer("flashsale", trace.WithInstrumentationVersion(cfg.Version)), sampler: samplerOf(cfg.To), queue: q}, nil
}

// samplerOf is the sampler of the specification with that name.
func samplerOf(to *config.Traces) sdktrace.Sampler {
	switch to.Sampler {
	case "always_on":
		return sdktrace.AlwaysSample()
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(to.Ratio)
	case "parentbased_always_on":
		return sdktrace.ParentBased(sdktrace.AlwaysSample())
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample())
	}
	return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(to.Ratio))
}

// sampled decides on a press before anything is made for it: nearly all end here. The context that it returns has the parent,
// or the id of the new trace.
func (t *Tracer) sampled(ctx context.Context, traceparent string) (context.Context, bool) {
	ask := sdktrace.SamplingParameters{ParentContext: context.Background(), Kind: trace.SpanKindServer}
	parent := parse(traceparent)
	if parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
		ask.ParentContext, ask.TraceID = ctx, parent.TraceID()
	} else {
		ask.TraceID = newTraceID()
	}
	if t.sampler.ShouldSample(ask).Decision != sdktrace.RecordAndSample {
		return ctx, false
	}
	if !parent.IsValid() {
		ctx = context.WithValue(ctx, newTrace{}, ask.TraceID)
	}
	return ctx, true
}

// follow is the span that a traceparent names, when the spans that follow it are to be made too.
func (t *Tracer) follow(traceparent string) (parent trace.SpanContext, ok bool) {
	if !marked(traceparent) {
		return parent, false
	}
	if parent = parse(traceparent); !parent.IsValid() {
		return parent, false
	}
	ask := sdktrace.SamplingParameters{ParentContext: trace.ContextWithRemoteSpanContext(context.Background(), parent), TraceID: parent.TraceID()}
	return parent, t.sampler.ShouldSample(ask).Decision == sdktrace.RecordAndSample
}

const traceparentLength = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// marked is true for a traceparent whose flag says that its trace is sampled. It is asked about every claim of every batch.
func marked[T string | []byte](v T) bool {
	if len(v) != traceparentLength {
		return false
	}
	switch v[traceparentLength-1] {
	case '1', '3', '5', '7', '9', 'b', 'd', 'f':
		return true
	}
	return false
}

// parse reads a W3C traceparent of version 00. What is none gives an invalid context.
func parse(v string) trace.SpanContext {
	var c trace.SpanContextConfig
	var flags [1]byte
	if len(v) != traceparentLength || v[:3] != "00-" || v[35] != '-' || v[52] != '-' ||
		!read(c.TraceID[:], v[3:35]) || !read(c.SpanID[:], v[36:52]) || !read(flags[:], v[53:]) {
		return trace.SpanContext{}
	}
	c.TraceFlags, c.Remote = trace.TraceFlags(flags[0]), true
	return trace.NewSpanContext(c)
}

func read(into []byte, text string) bool {
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}

// format is the traceparent of a span.
func format(c trace.SpanContext) string {
	traceID, spanID := c.TraceID(), c.SpanID()
	b := make([]byte, 0, traceparentLength)
	b = append(hex.AppendEncode(append(b, "00-"...), traceID[:]), '-')
	b = append(hex.AppendEncode(b, spanID[:]), '-')
	return string(hex.AppendEncode(b, []byte{byte(c.TraceFlags())}))
}

// ids makes random ids. A press was given the id of its trace when it was sampled.
type ids struct{}

// newTrace is the key of that id in a context.
type newTrace struct{}

// NewIDs is called for spans without a parent.
func (i ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, given := ctx.Value(newTrace{}).(trace.TraceID)
	if !given {
		id = newTraceID()
	}
	return id, i.NewSpanID(ctx, id)
}

// NewSpanID is called for all others.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

func newTraceID() (id trace.TraceID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id
}

// pace lets so many through in a second. Two seconds may meet within one call of several, so it is no exact bound.
type pace struct{ second, used atomic.Int64 }

func (p *pace) allows(most int64) bool {
	now := time.Now().Unix()
	if then := p.second.Load(); then != now && p.second.CompareAndSwap(then, now) {
		p.used.Store(0)
	}
	return p.used.Add(1) <= most
}
