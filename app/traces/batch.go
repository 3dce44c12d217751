package traces

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// batch is what is done for many purchases at once, of which some are traced. When it has ended it becomes one span with a trace
// of its own, linked to those that it was done for, and in the trace of each of these a span that is linked to it. A batch
// without one that is traced makes none.
type batch struct {
	t       *Tracer
	began   time.Time
	size    int
	members []member
}

type member struct {
	place  int // in the batch
	parent trace.SpanContext
}

// gather finds out which of a batch are traced; nil: none. traceparent is "" for those that surely are not.
func (t *Tracer) gather(p *pace, size int, traceparent func(place int) string) *batch {
	var members []member
	for i := range size {
		v := traceparent(i)
		if !marked(v) {
			continue
		}
		if len(members) == membersMost {
			t.results.WithLabelValues(resultPaced).Inc()
			continue
		}
		parent, ok := t.follow(v)
		switch {
		case !ok:
		case !p.allows(othersASecond):
			t.results.WithLabelValues(resultPaced).Inc()
		default:
			members = append(members, member{i, parent})
		}
	}
	if len(members) == 0 {
		return nil
	}
	return &batch{t: t, began: time.Now(), size: size, members: members}
}

// shape is what a span is called and what is said of it.
type shape struct {
	name  string
	kind  trace.SpanKind
	attrs []attribute.KeyValue
}

// end makes the spans. of says what is particular to one of the batch.
func (b *batch) end(whole, each shape, err error, of func(place int) []attribute.KeyValue) {
	ended := time.Now()
	links := make([]trace.Link, len(b.members))
	for i, m := range b.members {
		links[i].SpanContext = m.parent
	}
	count := semconv.MessagingBatchMessageCount(b.size)
	shared := b.span(context.Background(), whole, links, []attribute.KeyValue{count}, err, ended)
	for _, m := range b.members {
		parent := trace.ContextWithRemoteSpanContext(context.Background(), m.parent)
		b.span(parent, each, []trace.Link{{SpanContext: shared}}, append(of(m.place), count), err, ended)
	}
}

// span makes one span that is over.
func (b *batch) span(ctx context.Context, s shape, links []trace.Link, more []attribute.KeyValue, err error, ended time.Time) trace.SpanContext {
	_, span := b.t.spans.Start(ctx, s.name, trace.WithSpanKind(s.kind), trace.WithTimestamp(b.began), trace.WithLinks(links...), trace.WithAttributes(s.attrs...))
	span.SetAttributes(more...)
	if err != nil {
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(ended))
	return span.SpanContext()
}

// Sending is told of each batch of records that goes to the log: claims that are appended and events that are published. It
// returns what is to be called with the result, or nil.
func (t *Tracer) Sending(topic string, partition int, records []claimlog.Message) func(error) {
	b := t.gather(&t.sent, len(records), func(i int) string { return traceparentOf(&records[i]) })
	if b == nil {
		return nil
	}
	return func(err error) {
		s := shape{"send " + topic, trace.SpanKindProducer, []attribute.KeyValue{semconv.MessagingSystemKafka, semconv.MessagingOperationTypeSend,
			semconv.MessagingOperationName("send"), semconv.MessagingDestinationName(topic), semconv.MessagingDestinationPartitionID(strconv.Itoa(partition))}}
		whole := s
		whole.name = "send batch " + topic
		b.end(whole, s, err, func(i int) []attribute.KeyValue {
			if kind := header(&records[i], "ce_type"); kind != nil {
				return []attribute.KeyValue{semconv.CloudEventsEventType(string(kind))}
			}
			return nil
		})
	}
}

func traceparentOf(m *claimlog.Message) string {
	v := header(m, claimlog.TraceHeader)
	if !marked(v) {
		return ""
	}
	return string(v)
}

func header(m *claimlog.Message, key string) []byte {
	for i := range m.Headers {
		if m.Headers[i].Key == key {
			return m.Headers[i].Value
		}
	}
	return nil
}

// Deciding is told of each transaction that brings claims to their verdicts. It returns what is to be called with what was
// decided, or nil.
func (t *Tracer) Deciding(src events.Source, claims []events.Claim) func(events.Decision, error) {
	b := t.gather(&t.decided, len(claims), func(i int) string { return claims[i].Traceparent })
	if b == nil {
		return nil
	}
	return func(d events.Decision, err error) {
		path := attribute.String("flashsale.path", src.String())
		whole := shape{"decide transaction", trace.SpanKindClient, []attribute.KeyValue{semconv.DBSystemNamePostgreSQL, path}}
		each := shape{"decide", trace.SpanKindInternal, []attribute.KeyValue{path}}
		if src == events.FromLog {
			each.kind = trace.SpanKindConsumer
			each.attrs = append(each.attrs, semconv.MessagingSystemKafka, semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("decide"))
		}
		b.end(whole, each, err, func(i int) []attribute.KeyValue { return b.verdict(claims, d, i) })
	}
}

// verdict is what was decided about the claim at that place.
func (b *batch) verdict(claims []events.Claim, d events.Decision, place int) []attribute.KeyValue {
	c := &claims[place]
	for i := range d.Verdicts {
		// A verdict that was read again stands at another place.
		v := &d.Verdicts[(place+i)%len(d.Verdicts)]
		if v.ClaimID != c.ID {
			continue
		}
		attrs := []attribute.KeyValue{attribute.String("flashsale.outcome", string(v.Outcome)), attribute.Bool("flashsale.fresh", v.Fresh),
			attribute.Int64("flashsale.sale", c.SaleID), attribute.Int64("flashsale.generation", c.Generation)}
		if v.Outcome == events.Declined {
			attrs = append(attrs, attribute.String("flashsale.reason", string(v.Reason)))
		}
		return attrs
	}
	return nil
}
