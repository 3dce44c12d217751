//go:build unix

package resilience

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// badClient is a client that keeps a connection and sends no complete request.
type badClient struct {
	name string
	// first is what it sends at once, everySecond what it sends each second after that; "" for nothing.
	first, everySecond string
	// neverReads: such a client does not notice when its connection is closed. The others do.
	neverReads bool
	// mayStay: such a client may keep its connection until the product needs the room.
	mayStay bool
}

const onLocalhost = " HTTP/1.1\r\nHost: localhost\r\n"

func badClientKinds() []badClient {
	return []badClient{
		{name: "silent"},
		{name: "header without an end", first: "GET /" + onLocalhost, everySecond: "X-More: and more\r\n"},
		{name: "body a byte a second", everySecond: " ", first: "POST /api/flash-sale/purchase" + onLocalhost +
			"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"},
		{name: "stream that never reads", neverReads: true, mayStay: true, first: "GET /api/flash-sale/stream" + onLocalhost + "\r\n"},
		{name: "idle keep-alive", mayStay: true, first: "GET /livez" + onLocalhost + "\r\n"},
	}
}

// badClients is many bad clients at once. Close it.
type badClients struct {
	end     context.CancelFunc
	running sync.WaitGroup
	here    atomic.Int64

	mu      sync.Mutex
	dropped map[string][]time.Duration // after how long, by kind
}

// startBadClients brings so many of each kind and returns when all have connected. They come from an address of their own, so
// that ports do not run out.
func startBadClients(t *testing.T, p *process, each func(badClient) int) *badClients {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	g := &badClients{end: end, dropped: make(map[string][]time.Duration)}
	t.Cleanup(g.close)
	turns := make(chan struct{}, 128)
	total := 0
	for _, kind := range badClientKinds() {
		for range each(kind) {
			total++
			g.running.Go(func() { g.connect(ctx, kind, strings.TrimPrefix(p.url, "http://"), turns) })
		}
	}
	for deadline := time.Now().Add(time.Minute); g.here.Load() < int64(total); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d bad clients have connected", g.here.Load(), total)
		}
	}
	return g
}

func (g *badClients) close() {
	g.end()
	g.running.Wait()
}

// connect runs one bad client until its connection is closed.
func (g *badClients) connect(ctx context.Context, kind badClient, address string, turns chan struct{}) {
	turns <- struct{}{}
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", address)
	g.here.Add(1)
	<-turns
	if err != nil {
		return
	}
	began := time.Now()
	// A reset leaves no port in the state TIME_WAIT.
	_ = conn.(*net.TCPConn).SetLinger(0)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() { stop(); _ = conn.Close() }()
	if kind.neverReads {
		_ = conn.(*net.TCPConn).SetReadBuffer(2048)
	}
	if _, err := io.WriteString(conn, kind.first); err != nil {
		return
	}
	if kind.neverReads {
		<-ctx.Done()
		return
	}
	if kind.everySecond != "" {
		g.running.Go(func() { repeat(ctx, conn, kind.everySecond) })
	}
	_, _ = io.Copy(io.Discard, conn) // until it is closed
	if ctx.Err() == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.dropped[kind.name] = append(g.dropped[kind.name], time.Since(began))
	}
}

func repeat(ctx context.Context, to io.Writer, what string) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if _, err := io.WriteString(to, what); err != nil {
			return
		}
	}
}

// gone is how many of a kind were dropped, and after how long the last one.
func (g *badClients) gone(kind string) (n int, last time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.dropped[kind] {
		last = max(last, d)
	}
	return len(g.dropped[kind]), last
}

// gauges reads figures of the process from its operators' port.
func (p *process) gauges(t *testing.T) map[string]float64 {
	t.Helper()
	res, err := http.Get(p.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all := make(map[string]float64)
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		var name string
		var value float64
		if n, _ := fmt.Sscanf(lines.Text(), "%s %g", &name, &value); n == 2 {
			all[name] = value
		}
	}
	return all
}
