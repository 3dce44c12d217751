package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"

	"flashsale/app/live"
	"flashsale/sale"
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

// FuzzFrame: a snapshot is one event, whatever stands in it. A client reads what was put in, and nothing that was
// put in ends the event or begins another.
func FuzzFrame(f *testing.F) {
	f.Add("first", int64(57), int64(5), int64(2), int64(1_767_268_800_000), false, false)
	f.Add("a\n\nevent: status\ndata: {}", int64(-1), int64(0), int64(0), int64(0), true, true)
	f.Add("</script>\u2028\r\x00\xff", int64(1<<62), int64(1<<62), int64(-1), int64(-1), true, false)
	w := quietWorld(f)
	f.Fuzz(func(t *testing.T, slug string, version, total, taken, milli int64, stale, claimed bool) {
		const year = int64(365 * 24 * time.Hour / time.Millisecond)
		at := time.UnixMilli(milli % (7000 * year)).UTC()
		if at.Year() < 0 || at.Year() > 9998 {
			return // the ledger has no such times: the configuration refuses them
		}
		snap := activeSale()
		snap.Slug, snap.Version, snap.Total, snap.Taken, snap.Stale, snap.AllClaimed = slug, version, total, taken, stale, claimed
		snap.StartsAt, snap.EndsAt, snap.Now = at, at.Add(time.Hour), at.Add(time.Minute)
		events := parseEvents(t, string(statusFrame(&snap)))
		if len(events) != 1 || events[0].id != itoa64(version) || events[0].name != "status" || strings.Contains(events[0].data, "\n") {
			t.Fatalf("%q: %+v", slug, events)
		}
		var read struct {
			Slug      string
			Version   int64
			MaxStock  int64
			Sold      int64
			StartTime time.Time
			Stale     bool
			Status    sale.Status
		}
		if err := json.Unmarshal([]byte(events[0].data), &read); err != nil {
			t.Fatalf("%q: %v in %s", slug, err, events[0].data)
		}
		if read.Slug != strings.ToValidUTF8(slug, "\ufffd") && !strings.Contains(read.Slug, "\ufffd") ||
			read.Version != version || read.MaxStock != total || read.Sold != taken || read.Stale != stale ||
			!read.StartTime.Equal(at) || read.Status != snap.Status() {
			t.Fatalf("%+v was sent as %+v", snap, read)
		}
		if shown := parseEvents(t, string(w.pageFrame(&snap))); len(shown) != 1 || shown[0].id != itoa64(version) {
			t.Fatalf("the pages get %+v", shown)
		}
	})
}
