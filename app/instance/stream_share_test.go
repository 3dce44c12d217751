package instance

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/app/instance/instancetest"
)

// withPlaces lets clients have so many connections open.
func withPlaces(n int) Option { return func(s *start) { s.places = n } }

// openConnection sends a request on a connection of its own, and leaves the connection open when the answer has begun.
func openConnection(t *testing.T, a *Instance, path string) (net.Conn, *http.Response) {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: time.Minute}).DialContext(t.Context(), "tcp", strings.TrimPrefix(a.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	_ = conn.SetDeadline(time.Time{})
	return conn, res
}

// Open pages and idle connections have taken every place that they may. Then the buyers come.
func TestStreamsToTheirShareLeaveRoomForBuyers(t *testing.T) {
	t.Parallel()
	const places, buyers, units = 400, 1_000, 100
	const idle = places/2 + 10 // more than there is room for: the last ones take the places of the first
	d := newDeployment(t)
	a := d.start(t, withPlaces(places))
	operator := instancetest.NewClient(t, a.URL())
	if n := operator.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": buyers + buyers/2}); n.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", n.Status, n.Raw)
	}
	operator.Amend(map[string]any{"stock": units})
	names := seriesOf(t, operator, buyers)

	paths := []string{"/live", "/api/flash-sale/stream", "/api/sales/flash-sale/stream"}
	for i := range places / 2 {
		if _, res := openConnection(t, a, paths[i%len(paths)]); res.StatusCode != http.StatusOK {
			t.Fatalf("stream %d of %d is answered %s", i+1, places/2, res.Status)
		}
	}
	for i := range idle {
		path, want := "/livez", http.StatusOK
		if i%2 == 0 { // a page whose stream is refused keeps its connection, too
			path, want = paths[i%len(paths)], http.StatusServiceUnavailable
		}
		if _, res := openConnection(t, a, path); res.StatusCode != want {
			t.Fatalf("%s with all streams open is answered %s", path, res.Status)
		}
	}

	bought, took := pressAll(t, a, names)
	if bought != units {
		t.Errorf("%d of %d units were bought", bought, units)
	}
	slices.Sort(took)
	t.Logf("buyers' p99 beside %d streams and %d idle connections: %v", places/2, idle, took[len(took)*99/100])
	for _, path := range []string{"/health", "/readyz", "/api/flash-sale/status", "/status"} {
		if r, err := operator.Try(http.MethodGet, path, nil); err != nil || r.Status != http.StatusOK {
			t.Errorf("%s: %d, %v", path, r.Status, err)
		}
	}
	operator.Verifies()
}

// seriesOf are names of shoppers who may purchase.
func seriesOf(t *testing.T, c *instancetest.Client, n int) []string {
	t.Helper()
	var names []string
	for page := 1; len(names) < n; page++ {
		list := c.Call(http.MethodGet, fmt.Sprintf("/api/users?limit=1000&page=%d", page), nil)
		all, _ := list.Body["users"].([]any)
		if len(all) == 0 {
			t.Fatalf("only %d shoppers may purchase", len(names))
		}
		for _, one := range all {
			if u := one.(map[string]any); u["canPurchase"] == true {
				names = append(names, u["username"].(string))
			}
		}
	}
	return names[:n]
}

// undecided is true for an answer after which a shopper presses again. On a slow machine Redis may answer late, and then 503 is one.
func undecided(r instancetest.Reply) bool {
	return r.Status == http.StatusAccepted || r.Status == http.StatusServiceUnavailable || r.Text("type") == "/problems/all-claimed"
}

// pressAll has every shopper press once on a connection of their own, all at once, and fails the test for whoever gets no connection
// or no verdict.
func pressAll(t *testing.T, a *Instance, names []string) (bought int, took []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			transport := &http.Transport{DisableKeepAlives: true}
			client := &instancetest.Client{T: t, Base: a.URL(), HTTP: &http.Client{Transport: transport, Timeout: time.Minute}}
			began := time.Now()
			r, err := client.Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
			lasted := time.Since(began)
			for err == nil && undecided(r) && time.Since(began) < time.Minute {
				time.Sleep(50 * time.Millisecond)
				r, err = client.Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, lasted)
			switch {
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case r.Status == http.StatusCreated || r.Status == http.StatusOK:
				bought++
			case r.Text("type") != "/problems/sold-out":
				t.Errorf("%s is answered %d %s", name, r.Status, r.Raw)
			}
		})
	}
	all.Wait()
	return bought, took
}
