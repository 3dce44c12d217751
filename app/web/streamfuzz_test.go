package web

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"flashsale/app/live"
)

// parseEvents reads a stream by the rules of the HTML standard, for what the product sends of it.
func parseEvents(t *testing.T, stream string) []event {
	t.Helper()
	var all []event
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		var e event
		var data []string
		for line := range strings.FieldsFuncSeq(block, func(r rune) bool { return r == '\n' || r == '\r' }) {
			field, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimPrefix(value, " "); field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				data = append(data, value)
			case "retry", "":
			default:
				t.Fatalf("a line that is no field: %q", line)
			}
		}
		if e.data = strings.Join(data, "\n"); e.data != "" {
			all = append(all, e)
		}
	}
	return all
}

// FuzzLastEventID: whatever a returning client says it has seen, it gets the whole snapshot first, and the same one.
func FuzzLastEventID(f *testing.F) {
	for _, seed := range []string{"", "57", "58", "-1", "9223372036854775808", "1.57", "\x00", "57\n\nevent: status\ndata: {}", "é", strings.Repeat("9", 5000)} {
		f.Add(seed, false)
	}
	f.Add("57", true)
	server := httptest.NewServer(quietWorld(f, func(c *Config) { c.Hub = live.New(50_000) }).Handler())
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, id string, page bool) {
		if !httpguts.ValidHeaderFieldValue(id) || len(id) > 100_000 {
			return // net/http refuses it before anything of ours sees it
		}
		url := server.URL + "/api/flash-sale/stream"
		if page {
			url = server.URL + "/live"
		}
		with, without := firstEvent(t, url, http.Header{"Last-Event-Id": {id}}), firstEvent(t, url, nil)
		if with != without || with.id != "57" {
			t.Fatalf("%q gets %+v, a new client %+v", id, with, without)
		}
	})
}

// firstEvent is what a stream begins with. Its connection is reset afterwards, so that thousands of them leave no ports behind.
func firstEvent(t *testing.T, url string, h http.Header) event {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetLinger(0)
		}
		return c, err
	}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h != nil {
		r.Header = h
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", url, res.StatusCode)
	}
	var stream strings.Builder
	for lines := bufio.NewReader(res.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v after %q", url, err, stream.String())
		}
		stream.WriteString(line)
		if line != "\n" {
			continue
		}
		if events := parseEvents(t, stream.String()); len(events) > 0 {
			return events[0]
		}
	}
}
