package stress

import (
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestScheduleComesAtTheRate(t *testing.T) {
	t.Parallel()
	s := schedule{rate: 200}
	for n, want := range map[int]time.Duration{0: 0, 1: 5 * time.Millisecond, 200: time.Second, 1000: 5 * time.Second} {
		if got := s.due(n); got != want {
			t.Errorf("shopper %d is due after %v, want %v", n, got, want)
		}
	}
}

// In a ramp of 10 s to 100/s come 500; after 5 s the rate is 50/s and 125 have come.
func TestRampGrowsEvenlyFromNothing(t *testing.T) {
	t.Parallel()
	s := schedule{rate: 100, ramp: 10 * time.Second}
	for n, want := range map[int]time.Duration{0: 0, 125: 5 * time.Second, 500: 10 * time.Second, 600: 11 * time.Second} {
		if got := s.due(n); (got - want).Abs() > time.Microsecond {
			t.Errorf("shopper %d is due after %v, want %v", n, got, want)
		}
	}
}

func TestNobodyIsDueBeforeSomebodyEarlier(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := schedule{rate: rapid.Float64Range(1, 1e5).Draw(t, "rate"), ramp: time.Duration(rapid.IntRange(0, 1e10).Draw(t, "ramp"))}
		n := rapid.IntRange(0, 1e6).Draw(t, "n")
		a, b := s.due(n), s.due(n+1)
		if a < 0 || b < a || s.ramp > 0 && a > s.ramp && math.Abs((b-a).Seconds()*s.rate-1) > 0.01 {
			t.Fatalf("%+v: %d is due after %v, the next after %v", s, n, a, b)
		}
	})
}

// A server that stalls once: hardly any request is under way during the stall, since there is one connection, but all
// who were due meanwhile have waited, and the figures must say so.
func TestAStallCountsForAllWhoWereDue(t *testing.T) {
	t.Parallel()
	const stall = 600 * time.Millisecond
	s := newShop()
	var stalled atomic.Bool
	s.before = func(http.ResponseWriter, string, int) bool {
		if stalled.CompareAndSwap(false, true) {
			time.Sleep(stall)
		}
		return false
	}
	r := one(t, Config{URL: []string{s.open(t)}, Users: 100, Stock: 5, Connections: 1, OpenLoop: 200})
	a := r.Arrivals
	if !r.OK || a == nil || a.Rate != 200 {
		t.Fatalf("%+v", r)
	}
	if r.Latency.P50 >= milliseconds(stall)/4 {
		t.Errorf("most requests were quick, but the median from sending to answer is %.1f ms", r.Latency.P50)
	}
	if a.Answer.P50 < milliseconds(stall)/4 || a.Answer.Max < milliseconds(stall) || a.Settled.P50 < a.Answer.P50*0.9 {
		t.Errorf("half of the shoppers were due during the stall, but the median wait is %.1f ms, the longest %.1f ms (stall %v)",
			a.Answer.P50, a.Answer.Max, stall)
	}
}

// Shoppers do not come faster than asked, however fast the server is.
func TestShoppersDoNotComeFasterThanTheRate(t *testing.T) {
	t.Parallel()
	r := one(t, Config{URL: []string{newShop().open(t)}, Users: 60, Stock: 60, OpenLoop: 300, Ramp: 100 * time.Millisecond})
	if !r.OK || r.Successful != 60 || r.Duration < 200 {
		t.Fatalf("60 shoppers at 300/s after a ramp of 100 ms were done after %.0f ms: %+v", r.Duration, r)
	}
	if a := r.Arrivals; a.Achieved > 305 || a.Planned < 200 || a.Planned > 300 || a.Ramp != 100 || a.Late.Max < 0 {
		t.Fatalf("%+v", a)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "Due to answer: p50 ") || !strings.Contains(text.String(), "Open loop: ") {
		t.Fatalf("%v %s", err, text.String())
	}
}

func TestImpossibleArrivalsAreRefused(t *testing.T) {
	t.Parallel()
	url := []string{newShop().open(t)}
	for name, cfg := range map[string]Config{
		"negative rate":       {OpenLoop: -1},
		"absurd rate":         {OpenLoop: 2 * MaxRate},
		"no rate":             {OpenLoop: math.NaN()},
		"ramp without a rate": {Ramp: time.Second},
		"negative ramp":       {OpenLoop: 1, Ramp: -time.Second},
		"too many streams":    {Streams: MaxStreams + 1},
	} {
		cfg.URL = url
		if _, err := drive(t, cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
