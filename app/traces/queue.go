package traces

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// queueRoom is how many spans may wait for the collector, batchMost how many go in one request.
	queueRoom = 4096
	batchMost = 512
	// sendEvery is how long a span waits for others.
	sendEvery = time.Second
	// sendTime bounds a request to the collector, flushTime all that is sent while the process stops.
	sendTime  = 5 * time.Second
	flushTime = time.Second
	// tellEvery is how often it is said that the collector is away.
	tellEvery = 10 * time.Minute
)

// queue has the spans that have ended until Run sends them. What does not fit, and what the collector does not take at the
// first try, is lost and counted: a span is worth less than the wait for it.
type queue struct {
	spans    chan sdktrace.ReadOnlySpan
	exporter sdktrace.SpanExporter
	client   *http.Client
	secrets  []string // never in a line of the log
	logger   *slog.Logger
	results  *prometheus.CounterVec
	// away belongs to Run: since when the collector fails, when that was said last, and how many spans were lost since.
	away, told time.Time
	lost       int
}

func newQueue(cfg Config) (*queue, error) {
	q := &queue{spans: make(chan sdktrace.ReadOnlySpan, queueRoom), logger: cfg.Logger, results: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_trace_spans_total",
		Help: "Spans of traces: sent, lost because the collector did not take them or the queue was full, and purchases that were not traced because of too many in one second.",
	}, []string{"result"})}
	if q.logger == nil {
		q.logger = slog.Default()
	}
	for _, result := range []string{resultSent, resultFailed, resultFull, resultPaced} {
		q.results.WithLabelValues(result)
	}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(q.results); err != nil {
			return nil, fmt.Errorf("the metrics of traces: %w", err)
		}
	}
	for _, v := range cfg.To.Headers {
		// Without the scheme too, as Bearer.
		q.secrets = append(append(q.secrets, v), strings.Fields(v)...)
	}
	// Every option is given, because the library would read those that are not from the environment, where a .env file and the
	// files of secrets are not, and which nobody has checked.
	q.client = httpClient()
	client := otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(cfg.To.Endpoint), otlptracehttp.WithHeaders(cfg.To.Headers),
		otlptracehttp.WithTimeout(sendTime), otlptracehttp.WithCompression(otlptracehttp.GzipCompression), otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}), otlptracehttp.WithHTTPClient(q.client))
	exporter, err := otlptrace.New(context.Background(), client)
	if err != nil {
		return nil, fmt.Errorf("the sender of traces: %w", err)
	}
	q.exporter = exporter
	return q, nil
}

// What becomes of a span.
const (
	resultSent   = "sent"
	resultFailed = "failed"
	resultFull   = "full"
	resultPaced  = "paced"
)

// httpClient talks to the collector over at most two connections. It follows no redirect, which would take the headers with
// it.
func httpClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxConnsPerHost: 2, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: sendTime, ResponseHeaderTimeout: sendTime}
	return &http.Client{Transport: transport, Timeout: sendTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// OnStart does nothing.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd takes a span that has ended. It never waits.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	select {
	case q.spans <- s:
	default:
		q.results.WithLabelValues(resultFull).Inc()
	}
}

// Shutdown and ForceFlush do nothing: Run sends what is left when it ends.
func (q *queue) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (q *queue) ForceFlush(context.Context) error { return nil }

// run sends the spans until ctx ends, and then what is left of them, for flushTime at most.
func (q *queue) run(ctx context.Context) error {
	defer q.client.CloseIdleConnections()
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		late := time.AfterFunc(flushTime, cancel)
		context.AfterFunc(sending, func() { late.Stop() })
	})()
	ticks := time.NewTicker(sendEvery)
	defer ticks.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, batchMost)
	for {
		var due bool
		select {
		case s := <-q.spans:
			batch = append(batch, s)
			due = len(batch) == batchMost
		case <-ticks.C:
			due = true
		case <-ctx.Done():
			q.flush(sending, batch)
			return nil
		}
		if due {
			batch = q.send(sending, batch)
		}
	}
}

// flush sends what waits.
func (q *queue) flush(ctx context.Context, batch []sdktrace.ReadOnlySpan) {
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) == batchMost {
				batch = q.send(ctx, batch)
			}
		default:
			q.send(ctx, batch)
			return
		}
	}
}

// send sends one batch and returns its memory, empty.
func (q *queue) send(ctx context.Context, batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	n := len(batch)
	if n == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := q.exporter.ExportSpans(ctx, batch)
	clear(batch)
	if err != nil {
		q.results.WithLabelValues(resultFailed).Add(float64(n))
		q.failed(err, n)
		return batch[:0]
	}
	q.results.WithLabelValues(resultSent).Add(float64(n))
	if !q.away.IsZero() {
		q.logger.Info("the collector of OTEL_EXPORTER_OTLP_ENDPOINT takes traces again", "after", time.Since(q.away).Round(time.Millisecond))
		q.away, q.told, q.lost = time.Time{}, time.Time{}, 0
	}
	return batch[:0]
}

// failed says that the collector does not take spans: at once, and then once in tellEvery.
func (q *queue) failed(err error, n int) {
	now := time.Now()
	if q.lost += n; q.away.IsZero() {
		q.away = now
	}
	if now.Sub(q.told) < tellEvery {
		return
	}
	q.told = now
	q.logger.Warn("the collector of OTEL_EXPORTER_OTLP_ENDPOINT does not take traces; they are lost and counted, and nothing waits for them",
		"lost", q.lost, "error", q.hide(err))
	q.lost = 0
}

// hide is an error without the secrets of the headers, which a collector may repeat in its answer.
func (q *queue) hide(err error) error {
	text := err.Error()
	for _, s := range q.secrets {
		if len(s) > 3 {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	const longest = 300
	return errors.New(strings.ToValidUTF8(text[:min(len(text), longest)], ""))
}
