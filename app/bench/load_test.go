package bench

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func serveHTTP(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func generatorAt(t *testing.T, url string, connections int) *generator {
	t.Helper()
	g, err := newGenerator(url, connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.close)
	return g
}

const plainGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func TestASliceCountsWhatItWants(t *testing.T) {
	t.Parallel()
	var served, busy, peak atomic.Int64
	g := generatorAt(t, serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		now := busy.Add(1)
		defer busy.Add(-1)
		for was := peak.Load(); now > was; was = peak.Load() {
			if peak.CompareAndSwap(was, now) {
				break
			}
		}
		if served.Add(1)%4 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), 8)
	tally, err := g.run(t.Context(), timing{warm: 50 * time.Millisecond, length: 200 * time.Millisecond}, 200, fixed([]byte(plainGet)))
	if err != nil {
		t.Fatal(err)
	}
	good, counted := tally.good(200), tally.codes[200]+tally.codes[503]
	if int64(tally.all) != served.Load() || counted >= tally.all || good == 0 || good != len(tally.latencies) || !slices.IsSorted(tally.latencies) {
		t.Fatalf("%d served, tally %d, counted %d, good %d, %d latencies", served.Load(), tally.all, counted, good, len(tally.latencies))
	}
	if share := float64(good) / float64(counted); share < 0.6 || share > 0.9 {
		t.Errorf("three of four answers were wanted ones, counted %.2f", share)
	}
	if got, want := tally.rate(200), float64(good)/0.2; got < want*0.99 || got > want*1.01 {
		t.Errorf("rate %.0f, want %.0f", got, want)
	}
	if peak.Load() > 8 {
		t.Errorf("%d requests at once over 8 connections", peak.Load())
	}
}

func TestARunWithoutLengthEndsWithItsRequests(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	g := generatorAt(t, serveHTTP(t, func(_ http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[q.URL.Path]++
	}), 5)
	var next atomic.Int64
	tally, err := g.run(t.Context(), timing{}, 200, func(b []byte) ([]byte, bool) {
		n := next.Add(1)
		return append(b, "GET /"+string(rune('a'+n%26))+" HTTP/1.1\r\nHost: x\r\n\r\n"...), n <= 26
	})
	if err != nil || tally.good(200) != 26 || len(seen) != 26 || tally.rate(200) <= 0 {
		t.Fatalf("%v, %d answers, %d paths, %.0f/s", err, tally.good(200), len(seen), tally.rate(200))
	}
}

// When no requests are left before the end of a slice, the rate is that of the time until then.
func TestASliceThatRunsOutIsShorter(t *testing.T) {
	t.Parallel()
	g := generatorAt(t, serveHTTP(t, func(http.ResponseWriter, *http.Request) {}), 2)
	var next atomic.Int64
	tally, err := g.run(t.Context(), timing{length: 30 * time.Second}, 200, func(b []byte) ([]byte, bool) {
		return append(b, plainGet...), next.Add(1) <= 50
	})
	if err != nil || tally.good(200) != 50 || tally.counted >= 30*time.Second || tally.rate(200) < 50.0/30 {
		t.Fatalf("%v %d in %v", err, tally.good(200), tally.counted)
	}
}

func TestAddressesThatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "https://localhost:1", "localhost:3001", "http://", "http://localhost/shop", "http://%zz"} {
		if _, err := newGenerator(url, 1); !errors.Is(err, errTarget) {
			t.Errorf("%q: %v", url, err)
		}
	}
	g, err := newGenerator("http://shop.example/", 1)
	if err != nil || g.conns[0].address != "shop.example:80" || g.host != "shop.example" {
		t.Fatalf("%v %+v", err, g)
	}
}
