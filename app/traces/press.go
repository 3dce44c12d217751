package traces

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/checkout"
)

// press is a request that is traced. Two of its steps may be under way at once: a claim that is decided while the log takes it.
type press struct {
	span        trace.Span
	traceparent string
	// since is when the last step ended, in nanoseconds of Unix.
	since atomic.Int64
}

// pressKey is its key in the request's context.
type pressKey struct{}

func pressOf(ctx context.Context) *press {
	p, _ := ctx.Value(pressKey{}).(*press)
	return p
}

// Begin begins the span of a request. It returns the request with the span in its context, and what ends the span with the
// status of the answer; nil: the request is not traced. Of the request only the method and the version of the protocol are in
// the span.
func (t *Tracer) Begin(r *http.Request, route string, at time.Time) (traced *http.Request, end func(status int)) {
	traceparent := ""
	if v := r.Header["Traceparent"]; len(v) == 1 {
		traceparent = v[0]
	}
	ctx, ok := t.sampled(r.Context(), traceparent)
	if !ok {
		return r, nil
	}
	if !t.presses.allows(pressesASecond) {
		t.results.WithLabelValues(resultPaced).Inc()
		return r, nil
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	ctx, span := t.spans.Start(ctx, r.Method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(r.Method), semconv.HTTPRoute(route), semconv.URLScheme(scheme), semconv.NetworkProtocolVersion(version(r))))
	p := &press{span: span, traceparent: format(span.SpanContext())}
	p.since.Store(at.UnixNano())
	return r.WithContext(context.WithValue(ctx, pressKey{}, p)), func(status int) {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

func version(r *http.Request) string {
	if r.ProtoMajor >= 2 {
		return "2"
	}
	return "1.1"
}

// Checkout is a checkout whose claims carry the context of the span of their press.
type Checkout struct{ *checkout.Checkout }

// Buy is Checkout.Buy.
func (c Checkout) Buy(ctx context.Context, request sale.PurchaseRequest) sale.Answer {
	p := pressOf(ctx)
	if p == nil {
		return c.Checkout.Buy(ctx, request)
	}
	request.Traceparent = p.traceparent
	a := c.Checkout.Buy(ctx, request)
	p.span.SetAttributes(attribute.String("flashsale.answer", a.Kind.String()), attribute.Int64("flashsale.sale", a.Sale.ID),
		attribute.Int64("flashsale.generation", a.Sale.Generation))
	if a.Kind == sale.Refused {
		p.span.SetAttributes(attribute.String("flashsale.reason", string(a.Reason)))
	}
	return a
}

// stage is one step of a press.
func (t *Tracer) stage(ctx context.Context, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	return t.spans.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
}

// ended ends the span of a step. Of an error it has the kind alone, because its text may say whose it is.
func (p *press) ended(span trace.Span, err error) {
	now := time.Now()
	for was := p.since.Load(); was < now.UnixNano(); was = p.since.Load() {
		if p.since.CompareAndSwap(was, now.UnixNano()) {
			break
		}
	}
	if err != nil {
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(now))
}

// Placer gives places.
type Placer interface {
	Reserve(ctx context.Context, k sale.Key, user int64) (checkout.Place, error)
}

// Places is a Placer whose answers to traced presses are spans. The script call is shared by all that wait for it, so the span
// is as long as the press has waited.
func (t *Tracer) Places(p Placer) Placer { return tracedPlaces{p, t} }

type tracedPlaces struct {
	Placer
	t *Tracer
}

func (p tracedPlaces) Reserve(ctx context.Context, k sale.Key, user int64) (checkout.Place, error) {
	s := pressOf(ctx)
	if s == nil {
		return p.Placer.Reserve(ctx, k, user)
	}
	ctx, span := p.t.stage(ctx, "reserve place", trace.SpanKindClient, semconv.DBSystemNameRedis, semconv.DBOperationName("EVALSHA"))
	place, err := p.Placer.Reserve(ctx, k, user)
	if err == nil {
		span.SetAttributes(attribute.String("flashsale.place", placeName(place)))
	}
	s.ended(span, err)
	return place, err
}

func placeName(p checkout.Place) string {
	switch p {
	case checkout.Reserved:
		return "reserved"
	case checkout.AlreadyHolder:
		return "held"
	case checkout.Full:
		return "full"
	}
	return "unknown"
}

// Appender writes a claim to the log.
type Appender interface {
	Append(ctx context.Context, partition int, c events.Claim) (events.Position, error)
}

// Log is an Appender whose claims carry the context of the span that wrote them. What decides them, in any process, follows it.
func (t *Tracer) Log(a Appender) Appender { return tracedLog{a, t} }

type tracedLog struct {
	Appender
	t *Tracer
}

func (l tracedLog) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	s := pressOf(ctx)
	if s == nil {
		return l.Appender.Append(ctx, partition, c)
	}
	ctx, span := l.t.stage(ctx, "append claim", trace.SpanKindInternal, attribute.Int("flashsale.attempt", c.Attempt))
	c.Traceparent = format(span.SpanContext())
	at, err := l.Appender.Append(ctx, partition, c)
	s.ended(span, err)
	return at, err
}

// Decider has a claim decided without the log.
type Decider interface {
	Decide(ctx context.Context, c events.Claim) (events.Verdict, error)
}

// Direct is a Decider whose claims carry the context of the span that asked for their verdict.
func (t *Tracer) Direct(d Decider) Decider { return tracedDirect{d, t} }

type tracedDirect struct {
	Decider
	t *Tracer
}

func (d tracedDirect) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	s := pressOf(ctx)
	if s == nil {
		return d.Decider.Decide(ctx, c)
	}
	ctx, span := d.t.stage(ctx, "decide directly", trace.SpanKindInternal, attribute.Int("flashsale.attempt", c.Attempt))
	c.Traceparent = format(span.SpanContext())
	v, err := d.Decider.Decide(ctx, c)
	s.ended(span, err)
	return v, err
}

// Waited makes the span of a press's wait for its verdict, from the end of what it did before.
func (t *Tracer) Waited(ctx context.Context, result string) {
	s := pressOf(ctx)
	if s == nil {
		return
	}
	_, span := t.spans.Start(ctx, "await verdict", trace.WithTimestamp(time.Unix(0, s.since.Load())), trace.WithAttributes(attribute.String("flashsale.wait", result)))
	s.ended(span, nil)
}
