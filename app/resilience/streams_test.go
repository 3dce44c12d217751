//go:build unix

package resilience

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// fewDescriptors is how many an instance of the row may have. They leave places for 600 connections, half of them for streams.
	fewDescriptors = 1_200
	streamShare    = 300
	// beyond is how many streams more are asked for, and how many idle connections more are opened than there is room for.
	beyond = 40
)

// limited starts an instance that may have so many descriptors. The shell sets the limit, as the runtime of Go raises a soft one.
func limited(t *testing.T, descriptors int, env ...string) *process {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `ulimit -n "$2" && exec "$1" serve`, "sh", build(t), strconv.Itoa(descriptors))
	p := spawnBy(t, cmd, freePort(t), env...)
	p.await(t)
	return p
}

// streamsTaken: open pages have every stream that may be, and idle connections the rest. Buyers are answered as before.
func streamsTaken(t *testing.T, r *report) {
	s := plain(t)
	s.descriptors = fewDescriptors
	w := newWorld(t, r, s, stock, shopperCount)
	var calm, rough time.Duration
	healed := w.during(rate, func() func() {
		calm = w.buyersP99()
		return w.takeConnections()
	}, func(time.Time) int64 {
		rough = w.buyersP99()
		for _, p := range w.instances {
			for _, path := range []string{"/health", "/readyz", "/api/flash-sale/status", "/status"} {
				if a := newShoppers(t).send(context.Background(), http.MethodGet, p.url+path, ""); a.Status != http.StatusOK {
					t.Errorf("a new client is answered %d at %s", a.Status, path)
				}
			}
			if open := w.metric(p, "flashsale_live_streams"); open != streamShare {
				t.Errorf("%.0f streams are open, want %d", open, streamShare)
			}
		}
		return int64(w.metrics("flashsale_live_streams_refused_total"))
	})
	ratio := float64(rough) / float64(calm)
	r.note("buyers' p99 %v, without streams %v: %.2f times as long (bound 1.2)", rough.Round(time.Millisecond), calm.Round(time.Millisecond), ratio)
	if ratio > 12 {
		t.Errorf("buyers wait %.1f times as long", ratio)
	}
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes()
}

// buyersP99 is the p99 of shoppers who press and look, the median of five times.
func (w *world) buyersP99() time.Duration {
	w.t.Helper()
	var all []time.Duration
	for range 5 {
		for _, p := range w.instances {
			all = append(all, w.shoppers.shop(w.t, p, w.shopperCount, lasting(time.Second, 400*time.Millisecond)))
		}
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// takeConnections opens the streams that each instance may have and asks for some more, and opens more idle connections than
// there is room for. The returned function closes them all.
func (w *world) takeConnections() (leave func()) {
	w.t.Helper()
	var open []net.Conn
	for _, p := range w.instances {
		for i := range streamShare + beyond {
			want := http.StatusOK
			if i >= streamShare {
				want = http.StatusServiceUnavailable
			}
			open = append(open, w.ask(p, "/live", want))
		}
		for range streamShare {
			open = append(open, w.ask(p, "/livez", http.StatusOK))
		}
	}
	return func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}
}

// ask opens a connection for one request and leaves it open.
func (w *world) ask(p *process, path string, status int) net.Conn {
	w.t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(p.url, "http://"), patience)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprint(conn, "GET "+path+onLocalhost+"\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != status {
		w.t.Fatalf("%s: %v, %v; want %d", path, res, err, status)
	}
	return conn
}
