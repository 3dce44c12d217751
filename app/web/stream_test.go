package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"flashsale/app/server"
	"flashsale/sale"
)

// patience bounds what a test waits for; nothing takes that long unless it is broken.
const patience = 20 * time.Second

// event is one block of a stream.
type event struct {
	id, name, data, retry, comment string
}

// listener is a client of a stream.
type listener struct {
	t      *testing.T
	res    *http.Response
	events chan event
}

// open starts a real server, as deadlines and disconnects need one.
func (w *world) open(t *testing.T) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = server.HTTP(w.Handler())
	srv.Start()
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
}

func listen(ctx context.Context, t *testing.T, url string, fields ...string) *listener {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	l := &listener{t: t, res: res, events: make(chan event, 100)}
	go l.read()
	return l
}

func (l *listener) read() {
	defer close(l.events)
	var e event
	for lines := bufio.NewScanner(l.res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			l.events <- e
			e = event{}
		case name == "id":
			e.id = value
		case name == "event":
			e.name = value
		case name == "data":
			e.data += value
		case name == "retry":
			e.retry = value
		case name == "":
			e.comment = "heartbeat"
		}
	}
}

// next is the next block; ok is false at the stream's end.
func (l *listener) next() (e event, ok bool) {
	l.t.Helper()
	select {
	case e, ok = <-l.events:
		return e, ok
	case <-time.After(patience):
		l.t.Fatal("nothing came")
		return event{}, false
	}
}

// status is the next status event as a document.
func (l *listener) status() reply {
	l.t.Helper()
	for {
		e, ok := l.next()
		if !ok {
			l.t.Fatal("the stream has ended")
		}
		if e.name != "time" {
			return e.reply(l.t)
		}
	}
}

// reply is the document of a status event.
func (e event) reply(t *testing.T) reply {
	t.Helper()
	r := reply{raw: e.data}
	if err := json.Unmarshal([]byte(e.data), &r.json); err != nil || e.name != "status" || e.id != strconv.FormatInt(int64(r.json["version"].(float64)), 10) {
		t.Fatalf("event %+v: %v", e, err)
	}
	return r
}

// running runs the publisher for the test's time.
func (w *world) running(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestStreamBeginsWithAWholeSnapshotAndFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.running(t)
	url := w.open(t)
	for _, path := range []string{"/api/flash-sale/stream", "/api/sales/first/stream"} {
		l := listen(t.Context(), t, url+path, "Last-Event-ID: 3", "Accept: text/event-stream")
		if ct := l.res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") || l.res.Header.Get("Content-Encoding") != "" || l.res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", l.res.Header)
		}
		before := w.catalog.All()[0]
		first, _ := l.next()
		if first.retry == "" || first.id != strconv.FormatInt(before.Version, 10) {
			t.Errorf("the first block is %+v, want a snapshot with a retry hint", first)
		}
		first.reply(t).has(t, map[string]any{"status": "active", "sold": int(before.Taken), "version": int(before.Version)})
		w.catalog.change(func(s *sale.Snapshot) { s.Taken++; s.Version++ })
		l.status().has(t, map[string]any{"sold": int(before.Taken) + 1, "version": int(before.Version) + 1})
		_ = l.res.Body.Close()
	}
}

func TestStreamShowsWhatChangesByTheClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catalog.snaps[0].State = sale.Scheduled
	w.running(t)
	l := listen(t.Context(), t, w.open(t)+"/api/flash-sale/stream")
	l.status().has(t, map[string]any{"status": "upcoming"})
	w.catalog.mu.Lock() // without a signal and at the same version
	w.catalog.snaps[0].State = sale.Open
	w.catalog.mu.Unlock()
	l.status().has(t, map[string]any{"status": "active", "version": 57})
}

func TestStreamNeverGoesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hub.Publish("status/", "1.0.50.active.false.false", []byte("id: 50\nevent: status\ndata: {\"version\":50}\n\n")) // what the hub replays is behind the catalog
	l := listen(t.Context(), t, w.open(t)+"/api/flash-sale/stream")
	l.status().has(t, map[string]any{"version": 57})
	w.hub.Publish("status/", "1.0.58.active.false.false", []byte("id: 58\nevent: status\ndata: {\"version\":58}\n\n"))
	l.status().has(t, map[string]any{"version": 58})
}

func TestDrainEndsStreamsWithAHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := listen(t.Context(), t, w.open(t)+"/api/flash-sale/stream")
	l.status()
	if res := w.send(t, "GET", "/readyz", ""); res.StatusCode != http.StatusOK {
		t.Errorf("ready before: %d", res.StatusCode)
	}
	w.Drain()
	w.Drain()
	if e, ok := l.next(); !ok || e.retry == "" || e.name != "time" || e.data == "" {
		t.Errorf("the last block is %+v, want the time with a retry hint", e)
	}
	if e, ok := l.next(); ok {
		t.Errorf("the stream goes on with %+v", e)
	}
	res := w.send(t, "GET", "/readyz", "")
	res.has(t, map[string]any{"status": "draining"})
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready while draining: %d", res.StatusCode)
	}
	waitFor(t, func() bool { return w.hub.Count() == 0 })
}

// A connection that is answered while the process stops must not be used again, whenever its request began.
func TestEveryAnswerWhileDrainingEndsItsConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer {
		w.Drain() // the request waits for its verdict meanwhile
		return sale.Answer{Kind: sale.Refused, Reason: sale.ReasonSoldOut, Sale: activeSale()}
	}
	if res := w.send(t, "GET", "/api/flash-sale/status", ""); res.Header.Get("Connection") != "" {
		t.Fatalf("before: Connection %q", res.Header.Get("Connection"))
	}
	for _, ask := range [][3]string{
		{"POST", "/api/flash-sale/purchase", `{"username":"alice"}`},
		{"POST", "/api/flash-sale/purchase", `{"username":`},
		{"GET", "/api/flash-sale/status", ""},
		{"GET", "/api/flash-sale/product", ""},
		{"OPTIONS", "/api/flash-sale/status", ""},
		{"GET", "/livez", ""},
		{"GET", "/nowhere", ""},
	} {
		if res := w.send(t, ask[0], ask[1], ask[2]); res.Header.Get("Connection") != "close" {
			t.Errorf("%s %s: %d without Connection: close", ask[0], ask[1], res.StatusCode)
		}
	}
}

func TestStreamsAreLimitedAndGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		listen(ctx, t, url+"/api/flash-sale/stream").status()
	}
	res := w.send(t, "GET", "/api/flash-sale/stream", "")
	res.problem(t, 503, "too-many-streams")
	if res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	cancel()
	waitFor(t, func() bool { return w.hub.Count() == 0 })
	listen(t.Context(), t, url+"/live")
}

// waitFor returns when a condition has come true, and fails the test when it does not.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never happened")
		}
	}
}

func TestPageStreamSendsUnnamedFragments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.running(t)
	l := listen(t.Context(), t, w.open(t)+"/live")
	for {
		e, ok := l.next()
		if !ok {
			t.Fatal("the stream has ended")
		}
		if e.data == "" {
			continue
		}
		if e.id != "57" || e.name != "" || !strings.Contains(e.data, `data-testid="status-text"`) {
			t.Errorf("%+v", e)
		}
		return
	}
}

func TestASlowBodyIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = server.HTTP(w.Handler())
	srv.Config.ReadTimeout = 50 * time.Millisecond
	srv.Start()
	t.Cleanup(srv.Close)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "POST "+buy+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"user")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusUnprocessableEntity || w.checkout.asks() != 0 {
		t.Errorf("%d, and the checkout was asked %d times", res.StatusCode, w.checkout.asks())
	}
}

// The ledger was restored from a backup.
func TestStreamFollowsAnotherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.running(t)
	url := w.open(t)
	l, page := listen(t.Context(), t, url+"/api/flash-sale/stream"), listen(t.Context(), t, url+"/live")
	l.status().has(t, map[string]any{"version": 57})
	w.catalog.change(func(s *sale.Snapshot) { s.Epoch, s.Version, s.Taken = 1, 40, 0 })
	l.status().has(t, map[string]any{"version": 40, "sold": 0})
	w.catalog.change(func(s *sale.Snapshot) { s.Version, s.Taken = 41, 1 })
	l.status().has(t, map[string]any{"version": 41, "sold": 1})
	for e, ok := page.next(); e.id != "41"; e, ok = page.next() {
		if !ok {
			t.Fatal("the page's stream has ended")
		}
	}
}
