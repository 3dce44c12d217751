package request

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestLimiterRefills(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	l := NewRateLimiter(2, 4, func() time.Time { return now })
	for i := range 4 {
		if _, ok := l.Take("a"); !ok {
			t.Fatalf("refused within the burst, at %d", i)
		}
	}
	wait, ok := l.Take("a")
	if ok || wait != 500*time.Millisecond {
		t.Fatalf("took %v, wait %v", ok, wait)
	}
	if _, ok := l.Take("b"); !ok {
		t.Error("one network used up another's")
	}
	now = now.Add(wait)
	if _, ok := l.Take("a"); !ok {
		t.Error("refused after the wait it was told")
	}
	now = now.Add(time.Hour)
	for range 4 {
		l.Take("a")
	}
	if _, ok := l.Take("a"); ok {
		t.Error("an hour of rest saved up more than the burst")
	}
}

func TestLimiterForgetsInTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	l := NewRateLimiter(1, 1, func() time.Time { return now })
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

func TestConcurrencyCountsExactly(t *testing.T) {
	t.Parallel()
	g := NewConcurrency(10)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 200 {
				if g.Acquire() {
					if n := g.underWay.Load(); n < 1 {
						t.Errorf("%d under way", n)
					}
					g.Release()
				}
			}
		})
	}
	wg.Wait()
	for i := range 10 {
		if !g.Acquire() {
			t.Fatalf("no room for %d of 10", i)
		}
	}
	if g.Acquire() {
		t.Error("an eleventh was admitted")
	}
}
