package limits

import (
	"testing"
	"time"
)

func TestALocalLimitRefills(t *testing.T) {
	t.Parallel()
	l, now := NewLocal[string](1000), time.Minute
	r := Rate{Limit: 2, Window: time.Second, Burst: 4}
	for i := range 4 {
		if left, _, ok := l.Take("a", r, now); !ok || left != 3-i {
			t.Fatalf("attempt %d: %v, %d left", i, ok, left)
		}
	}
	_, wait, ok := l.Take("a", r, now)
	if ok || wait != 500*time.Millisecond {
		t.Fatalf("beyond the burst: %v, wait %v", ok, wait)
	}
	if _, _, ok := l.Take("b", r, now); !ok {
		t.Error("one key uses up another's budget")
	}
	if _, _, ok := l.Take("a", r, now+wait-1); ok {
		t.Error("taken before the time that was said")
	}
	if _, _, ok := l.Take("a", r, now+wait); !ok {
		t.Error("refused after the time that was said")
	}
	for range 4 {
		l.Take("a", r, now+time.Hour)
	}
	if _, _, ok := l.Take("a", r, now+time.Hour); ok {
		t.Error("an hour of rest saves up more than the burst")
	}
}

func TestALocalLimitGivesBack(t *testing.T) {
	t.Parallel()
	l := NewLocal[string](1000)
	r := Rate{Limit: 1, Window: time.Hour, Burst: 1}
	l.Take("a", r, time.Second)
	l.GiveBack("a", r)
	if _, _, ok := l.Take("a", r, time.Second); !ok {
		t.Error("what was given back cannot be taken")
	}
	if _, _, ok := l.Take("a", r, time.Second); ok {
		t.Error("it was given back once and taken twice")
	}
}

// The operator lowers the rate while the sale runs, and raises it again.
func TestNobodyWaitsLongerThanTheNewRateSays(t *testing.T) {
	t.Parallel()
	l := NewLocal[string](1000)
	slow, fast := Rate{Limit: 1, Window: time.Hour, Burst: 1}, Rate{Limit: 1, Window: time.Second, Burst: 1}
	l.Take("a", slow, time.Second)
	if _, wait, ok := l.Take("a", fast, time.Second); ok || wait != time.Second {
		t.Errorf("got %v, wait %v", ok, wait)
	}
}

// Somebody with very many addresses gets no more memory, and makes nobody forgotten who has spent a budget.
func TestALocalLimitForgetsThoseWhoHaveSpentLeast(t *testing.T) {
	t.Parallel()
	l := NewLocal[int](8 * 100)
	r := Rate{Limit: 1, Window: time.Hour, Burst: 2}
	for range 2 {
		l.Take(-1, r, time.Second)
	}
	for i := range 100_000 {
		l.Take(i, r, time.Second)
	}
	if _, _, ok := l.Take(-1, r, time.Second); ok {
		t.Error("a spent budget was forgotten")
	}
	remembered := 0
	for i := range 100_000 {
		if left, _, _ := l.Take(i, r, time.Second); left == 0 {
			remembered++
		}
	}
	if remembered > 800 {
		t.Errorf("%d keys are remembered; there is room for 800", remembered)
	}
}

func BenchmarkLocal(b *testing.B) {
	l := NewLocal[int](10_000)
	r := Rate{Limit: 1_000_000_000, Window: time.Second, Burst: 1_000_000_000}
	start := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			l.Take(i%1000, r, time.Since(start))
		}
	})
}
