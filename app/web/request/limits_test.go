package request

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestLimiterForgetsInTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	l := NewLimiter(1, 1, func() time.Time { return now })
	for i := range maxNetworks + 10 {
		l.Take(strconv.Itoa(i))
	}
	if n := len(l.buckets); n > maxNetworks {
		t.Errorf("%d networks are remembered", n)
	}
	now = now.Add(time.Minute)
	for i := range maxNetworks {
		l.Take("again" + strconv.Itoa(i))
	}
	if n := len(l.buckets); n > maxNetworks {
		t.Errorf("%d networks are remembered", n)
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:40000":                        "192.0.2.7",
		"[2001:db8:1:2233:4:5:6:7]:80":           "2001:db8:1:2200::",
		"[2001:db8:1:22ff:ffff:ffff:ffff:1]:443": "2001:db8:1:2200::",
		"[::ffff:192.0.2.7]:80":                  "192.0.2.7",
		"@":                                      "@",
	} {
		if got := Network(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestGateCountsExactly(t *testing.T) {
	t.Parallel()
	g := NewGate(10)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 200 {
				if g.Enter() {
					if n := g.inside.Load(); n < 1 {
						t.Errorf("%d inside", n)
					}
					g.Leave()
				}
			}
		})
	}
	wg.Wait()
	for i := range 10 {
		if !g.Enter() {
			t.Fatalf("no room for %d of 10", i)
		}
	}
	if g.Enter() {
		t.Error("an eleventh came in")
	}
}
