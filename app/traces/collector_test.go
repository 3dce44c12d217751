package traces_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes spans as a collector of OTLP over HTTP does.
type collector struct {
	t      *testing.T
	server *httptest.Server

	mu    sync.Mutex
	spans []span
	raw   bytes.Buffer // all that came, unpacked, with the fields of the requests
	paths []string
}

// span is a span with who has sent it.
type span struct {
	*tracepb.Span
	instance, service string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{t: t}
	c.server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.server.Close)
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			c.t.Error(err)
			return
		}
		body = unpacked
	}
	raw, err := io.ReadAll(body)
	var sent collectortrace.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &sent)
	}
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("%q: %v", r.Header, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
	c.paths = append(c.paths, r.Method+" "+r.URL.Path+" "+r.Header.Get("Api-Key"))
	for _, of := range sent.GetResourceSpans() {
		who := attributes(of.GetResource().GetAttributes())
		for _, in := range of.GetScopeSpans() {
			for _, s := range in.GetSpans() {
				c.spans = append(c.spans, span{s, who["service.instance.id"], who["service.name"]})
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// attributes are those that are texts, numbers and truths, as texts.
func attributes(all []*commonpb.KeyValue) map[string]string {
	as := make(map[string]string, len(all))
	for _, a := range all {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			as[a.GetKey()] = v.StringValue
		default:
			as[a.GetKey()] = a.GetValue().String()
		}
	}
	return as
}

// of are the spans of a trace.
func (c *collector) of(traceID string) (found []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == traceID {
			found = append(found, s)
		}
	}
	return found
}

// everything is all that came.
func (c *collector) everything() ([]span, []byte, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans), bytes.Clone(c.raw.Bytes()), slices.Clone(c.paths)
}

// await waits until the trace has one span of each of the names, and returns them.
func (c *collector) await(traceID string, names ...string) map[string]span {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		found := make(map[string]span)
		for _, s := range c.of(traceID) {
			found[s.GetName()] = s
		}
		missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { _, ok := found[n]; return ok })
		if len(missing) == 0 {
			return found
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("trace %s has no %q; it has %d spans: %v", traceID, missing, len(found), found)
		}
	}
}
