package traces_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
	"flashsale/users"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const (
	purchaseSpan = "POST /api/flash-sale/purchase"
	clientSpan   = "b7ad6b7169203331"
)

// deployed is a deployment whose instances send traces.
type deployed struct {
	instancetest.Deployment
	t        *testing.T
	shoppers int
	names    []string // of shoppers, and ids of their orders
}

func deploy(t *testing.T, to config.Traces) *deployed {
	t.Helper()
	d := &deployed{Deployment: instancetest.New(t), t: t}
	d.Config.Traces, d.Config.DrainDelay = &to, 0
	return d
}

// start starts an instance. What it returns stops it.
func (d *deployed) start() (*instancetest.Client, func()) {
	d.t.Helper()
	a, err := instance.Start(d.t.Context(), d.Config, d.Log, instancetest.Writer{T: d.t}, instance.On(d.Servers))
	if err != nil {
		d.t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			d.t.Errorf("stop: %v", err)
		}
	})
	d.t.Cleanup(stop)
	return instancetest.NewClient(d.t, a.URL()), stop
}

// buy has a new shopper buy within a trace.
func (d *deployed) buy(at *instancetest.Client, traceparent string) {
	d.t.Helper()
	d.shoppers++
	name := users.AbleName(d.shoppers)
	fields := []string{"Idempotency-Key: key of " + name, "X-Request-Id: asked-by-" + name, "User-Agent: browser-of-" + name}
	if traceparent != "" {
		fields = append(fields, "Traceparent: "+traceparent)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r := at.Act(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name}, fields...)
		if id := r.Text("purchaseId"); id != "" {
			d.names = append(d.names, name, id, strings.ReplaceAll(id, "-", ""))
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%d %s", r.Status, r.Raw)
		}
	}
}

// One purchase is one trace, from the press on one instance over the verdict that another gave to the event that was published.
func TestAPurchaseIsOneTraceAcrossProcesses(t *testing.T) {
	t.Parallel()
	const secret = "planted-token-of-the-collector"
	c := newCollector(t)
	d := deploy(t, config.Traces{Endpoint: c.server.URL + "/v1/traces", Headers: map[string]string{"Api-Key": secret},
		Sampler: "parentbased_traceidratio", Service: "shop", Resource: map[string]string{"team": "drops"}})
	d.Config.DirectPath = false // else each decides what it was asked, because few press
	first, stopFirst := d.start()
	second, stopSecond := d.start()
	if r := first.Call(http.MethodPost, "/api/flash-sale/stock-preset/medium", nil); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	claims, published := "send "+d.Config.Namespace+".claims", "send "+d.Config.Namespace+".events"
	names := []string{purchaseSpan, "reserve place", "append claim", "await verdict", claims, "decide", published}
	var traces []string
	for i, at := range []*instancetest.Client{first, second, first, second} {
		traces = append(traces, fmt.Sprintf("%032x", 0xa0+i))
		d.buy(at, "00-"+traces[i]+"-"+clientSpan+"-01")
	}
	across := false
	for _, id := range traces {
		found := c.await(id, names...)
		d.isOneTrace(c, id, found, claims, published)
		across = across || found[purchaseSpan].instance != found["decide"].instance
	}
	if !across {
		t.Error("no press was decided by the other process")
	}
	unsampled := strings.Repeat("e", 32)
	d.buy(first, "00-"+unsampled+"-"+clientSpan+"-00")
	d.buy(second, "")
	d.published("00-"+unsampled+"-"+clientSpan+"-00", "00-"+traces[0]+"-")
	stopFirst()
	stopSecond()
	if found := c.of(unsampled); len(found) != 0 {
		t.Errorf("a trace that nobody wants has %d spans", len(found))
	}
	d.isSilent(c, secret, claims)
}

// While few press, the direct decision and the append are steps of the press beside each other, and the event follows the decision.
func TestAQuietPurchaseHasItsDecisionBesideItsAppend(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	d := deploy(t, config.Traces{Endpoint: c.server.URL + "/v1/traces", Sampler: "parentbased_traceidratio", Service: "shop"})
	at, stop := d.start()
	defer stop()
	id := fmt.Sprintf("%032x", 0xb0)
	d.buy(at, "00-"+id+"-"+clientSpan+"-01")
	published := "send " + d.Config.Namespace + ".events"
	found := c.await(id, purchaseSpan, "reserve place", "append claim", "decide directly", "await verdict", published)
	press, direct := found[purchaseSpan].GetSpanId(), found["decide directly"].GetSpanId()
	for name, parent := range map[string][]byte{"append claim": press, "decide directly": press, "await verdict": press, published: direct} {
		if !bytes.Equal(found[name].GetParentSpanId(), parent) {
			t.Errorf("the parent of %s is %x, want %x", name, found[name].GetParentSpanId(), parent)
		}
	}
	if wait := found["await verdict"]; wait.GetStartTimeUnixNano() < found["append claim"].GetEndTimeUnixNano() || wait.GetEndTimeUnixNano() < wait.GetStartTimeUnixNano() {
		t.Errorf("the wait begins before the append has ended, or ends before it begins: %v", wait)
	}
}

// isOneTrace checks parents, links, kinds and attributes.
func (d *deployed) isOneTrace(c *collector, id string, found map[string]span, claims, published string) {
	d.t.Helper()
	press, appended, decided := found[purchaseSpan], found["append claim"], found["decide"]
	for name, parent := range map[string][]byte{
		purchaseSpan: mustHex(clientSpan), "reserve place": press.GetSpanId(), "append claim": press.GetSpanId(), "await verdict": press.GetSpanId(),
		claims: appended.GetSpanId(), "decide": appended.GetSpanId(), published: appended.GetSpanId(),
	} {
		if !bytes.Equal(found[name].GetParentSpanId(), parent) {
			d.t.Errorf("the parent of %s is %x, want %x", name, found[name].GetParentSpanId(), parent)
		}
	}
	for name, want := range map[string]map[string]string{
		purchaseSpan: {"http.request.method": "POST", "http.route": "/api/flash-sale/purchase", "http.response.status_code": "int_value:201",
			"flashsale.answer": "bought", "url.scheme": "http", "network.protocol.version": "1.1"},
		"reserve place": {"db.system.name": "redis", "flashsale.place": "reserved"},
		claims:          {"messaging.system": "kafka", "messaging.operation.type": "send", "messaging.batch.message_count": "int_value:1"},
		"decide":        {"flashsale.outcome": "ordered", "flashsale.path": "log", "messaging.operation.type": "process"},
		published:       {"cloudevents.event_type": "order.confirmed", "messaging.destination.name": d.Config.Namespace + ".events"},
		"await verdict": {"flashsale.wait": "decided"},
	} {
		got := attributes(found[name].GetAttributes())
		for key, value := range want {
			if got[key] != value {
				d.t.Errorf("%s: %s is %q, want %q", name, key, got[key], value)
			}
		}
	}
	if press.GetKind() != tracepb.Span_SPAN_KIND_SERVER || decided.GetKind() != tracepb.Span_SPAN_KIND_CONSUMER || found[claims].GetKind() != tracepb.Span_SPAN_KIND_PRODUCER {
		d.t.Errorf("kinds %v %v %v", press.GetKind(), decided.GetKind(), found[claims].GetKind())
	}
	// The transaction has a trace of its own. It and the claim know each other by links.
	if len(decided.GetLinks()) != 1 {
		d.t.Fatalf("the decision has %d links", len(decided.GetLinks()))
	}
	transaction := c.await(hex.EncodeToString(decided.GetLinks()[0].GetTraceId()), "decide transaction")["decide transaction"]
	if !bytes.Equal(transaction.GetSpanId(), decided.GetLinks()[0].GetSpanId()) || attributes(transaction.GetAttributes())["db.system.name"] != "postgresql" ||
		!slices.ContainsFunc(transaction.GetLinks(), func(l *tracepb.Span_Link) bool {
			return hex.EncodeToString(l.GetTraceId()) == id && bytes.Equal(l.GetSpanId(), appended.GetSpanId())
		}) || transaction.instance != decided.instance {
		d.t.Errorf("the transaction is %v", transaction)
	}
}

func mustHex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

// isSilent checks that nothing that came to the collector says who bought, or has a secret.
func (d *deployed) isSilent(c *collector, secret, claims string) {
	d.t.Helper()
	spans, raw, paths := c.everything()
	for _, name := range append(d.names, secret, "key of", "asked-by", "browser-of") {
		if bytes.Contains(raw, []byte(name)) || bytes.Contains(raw, mustHexOr(name)) {
			d.t.Errorf("the spans have %q", name)
		}
	}
	if !bytes.Contains(raw, []byte(claims)) {
		d.t.Errorf("there is nothing in %d bytes", len(raw))
	}
	for _, p := range paths {
		if p != "POST /v1/traces "+secret {
			d.t.Errorf("asked %q", p)
		}
	}
	for _, s := range spans {
		if s.service != "shop" || s.instance == "" {
			d.t.Errorf("%s is of %q %q", s.GetName(), s.service, s.instance)
		}
	}
}

// mustHexOr is the bytes of an id, or of the text.
func mustHexOr(text string) []byte {
	if b, err := hex.DecodeString(text); err == nil {
		return b
	}
	return []byte(text)
}

// published waits until the events topic has an event whose traceparent begins with each of these.
func (d *deployed) published(beginnings ...string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	found := make(chan string)
	for p := range 8 {
		go func() {
			reader := kafka.NewReader(kafka.ReaderConfig{Brokers: d.Servers.KafkaBrokers, Topic: d.Config.Namespace + ".events", Partition: p, MaxWait: 50 * time.Millisecond, MinBytes: 1, MaxBytes: 1 << 20})
			defer func() { _ = reader.Close() }()
			for {
				m, err := reader.FetchMessage(ctx)
				if err != nil {
					return
				}
				for _, h := range m.Headers {
					if h.Key == "traceparent" {
						select {
						case found <- string(h.Value):
						case <-ctx.Done():
							return
						}
					}
				}
			}
		}()
	}
	for len(beginnings) > 0 {
		select {
		case v := <-found:
			beginnings = slices.DeleteFunc(beginnings, func(b string) bool { return strings.HasPrefix(v, b) })
		case <-ctx.Done():
			d.t.Fatalf("no event of %q", beginnings)
		}
	}
}

// A collector that is away costs a sale nothing: whoever presses buys, and it is told once.
func TestACollectorThatIsAwaySlowsNothing(t *testing.T) {
	t.Parallel()
	gone := newCollector(t)
	gone.server.Close()
	d := deploy(t, config.Traces{Endpoint: gone.server.URL + "/v1/traces", Sampler: "always_on", Service: "shop"})
	said := &lines{}
	d.Log = slog.New(slog.NewTextHandler(said, nil))
	at, stop := d.start()
	if r := at.Call(http.MethodPost, "/api/flash-sale/stock-preset/medium", nil); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	for deadline := time.Now().Add(time.Minute); said.count("does not take traces") == 0; {
		d.buy(at, "")
		if d.shoppers > 50 {
			time.Sleep(10 * time.Millisecond)
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody says that the collector is away")
		}
	}
	for range 5 {
		d.buy(at, "")
	}
	stop()
	if n := said.count("does not take traces"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

// lines keeps a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}
