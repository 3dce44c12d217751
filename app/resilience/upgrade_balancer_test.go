//go:build unix

package resilience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// balancer is in front of several instances as an ordinary one is. It asks each for its readiness four times a second, and gives
// requests in turn to those that are ready. It asks another one only if it gets no connection: then nobody has seen the request. Once
// that is sent nothing is repeated, so an instance that breaks off costs its client the answer.
type balancer struct {
	url       string
	turn      atomic.Int64
	backends  []*backend
	elsewhere atomic.Int64 // requests that were given to another instance

	mu     sync.Mutex
	failed []string // requests without an answer
}

// backend is the place of one instance, which keeps its port when it is replaced.
type backend struct {
	address string
	ready   atomic.Bool
	to      *http.Transport
}

const (
	readinessEvery = 250 * time.Millisecond
	instanceHeader = "X-Instance" // which one has answered, for the watchers
)

func newBalancer(t *testing.T, instances []*process) *balancer {
	t.Helper()
	b := &balancer{}
	ctx, cancel := context.WithCancel(context.Background())
	var checks sync.WaitGroup
	for _, p := range instances {
		one := &backend{address: loopback(p.port), to: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}}
		one.ready.Store(true)
		b.backends = append(b.backends, one)
		checks.Go(func() { one.check(ctx) })
	}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "an.instance"}) },
		Transport:     b,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler:  b.fail,
	})
	b.url = server.URL
	t.Cleanup(func() {
		cancel()
		server.CloseClientConnections()
		server.Close()
		checks.Wait()
		for _, one := range b.backends {
			one.to.CloseIdleConnections()
		}
	})
	return b
}

// check asks an instance for its readiness, by connections of its own, until the context ends.
func (one *backend) check(ctx context.Context) {
	probe := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for tick := time.NewTicker(readinessEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+one.address+"/readyz", http.NoBody)
		if err != nil {
			return
		}
		res, err := probe.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		one.ready.Store(err == nil && res.StatusCode == http.StatusOK)
	}
}

func (b *balancer) offers(i int) bool { return b.backends[i].ready.Load() }

// RoundTrip gives a request to the next instance that is ready.
func (b *balancer) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	err = errors.New("no instance is ready")
	for _, i := range b.inTurn() {
		one := b.backends[i]
		out := req.Clone(req.Context())
		out.URL.Host, out.Host = one.address, one.address
		out.Body, out.GetBody = io.NopCloser(bytes.NewReader(body)), nil
		var res *http.Response
		if res, err = one.to.RoundTrip(out); err == nil {
			res.Header.Set(instanceHeader, strconv.Itoa(i))
			return res, nil
		}
		if op := (*net.OpError)(nil); !errors.As(err, &op) || op.Op != "dial" {
			break
		}
		one.ready.Store(false)
		b.elsewhere.Add(1)
	}
	return nil, err
}

// bodyOf reads a request's body, which is a few bytes of JSON.
func bodyOf(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(req.Body, 64<<10))
}

// inTurn are the instances that are ready, beginning with the one whose turn it is.
func (b *balancer) inTurn() (order []int) {
	turn := int(b.turn.Add(1))
	for n := range b.backends {
		if i := (turn + n) % len(b.backends); b.backends[i].ready.Load() {
			order = append(order, i)
		}
	}
	return order
}

func (b *balancer) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil { // else the client has left
		b.mu.Lock()
		b.failed = append(b.failed, fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err))
		b.mu.Unlock()
	}
	w.WriteHeader(http.StatusBadGateway)
}

func (b *balancer) failures() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.failed)
}
