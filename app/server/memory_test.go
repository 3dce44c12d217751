package server

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestHeadroomIsBounded(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, one := range []struct {
		surviving uint64
		percent   int
	}{
		{0, 400}, {4 * mib, 400}, {47 * mib, 400}, {48 * mib, 400}, {96 * mib, 200}, {192 * mib, 100},
		{383 * mib, 50}, {384 * mib, 50}, {4096 * mib, 50}, {math.MaxUint64, 50},
	} {
		if got := headroomPercent(one.surviving); got != one.percent {
			t.Errorf("%d MiB: %d %%, want %d %%", one.surviving/mib, got, one.percent)
		}
	}
	for size := uint64(mib); size < 1<<34; size += size / 7 {
		garbage := size * uint64(headroomPercent(size)) / 100
		if garbage > max(headroomBytes, size/2) || garbage < min(4*size, headroomBytes)*9/10 {
			t.Errorf("%d MiB survive, %d MiB of garbage beside them", size/mib, garbage/mib)
		}
	}
}

func TestTheCollectorIsNotSetForASmallStep(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		now, wanted int
		worth       bool
	}{
		{400, 400, false}, {400, 370, false}, {370, 400, true}, {400, 200, true}, {200, 219, false}, {200, 221, true}, {200, 179, true},
		{52, 50, true}, {50, 50, false}, {50, 52, false},
	} {
		if got := worthSetting(one.now, one.wanted); got != one.worth {
			t.Errorf("from %d to %d: %v", one.now, one.wanted, got)
		}
	}
}

// With half a gigabyte that stays, the collector gets another percentage, and its old one when that memory is free.
func TestHeadroomFollowsTheHeap(t *testing.T) { //nolint:paralleltest // it looks at the heap of the whole process
	h := &headroom{percent: mostPercent, scanned: scanned(), set: func(int) int { return 0 }}
	large := make([]byte, 512<<20)
	runtime.GC()
	h.adjust()
	if h.percent != leastPercent {
		t.Errorf("%d %% beside half a gigabyte", h.percent)
	}
	runtime.KeepAlive(large)
	runtime.GC()
	h.adjust()
	if h.percent < 60 {
		t.Errorf("%d %% after it has gone", h.percent)
	}
}

func TestWhatTheOperatorSetStays(t *testing.T) {
	before := debug.SetGCPercent(123)
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetGCPercent(before); debug.SetMemoryLimit(limit) })
	t.Setenv("GOGC", "123")
	t.Setenv("GOMEMLIMIT", "1TiB")
	TuneMemory()()
	if now := debug.SetGCPercent(123); now != 123 {
		t.Errorf("GOGC is %d", now)
	}
	if now := debug.SetMemoryLimit(-1); now != limit {
		t.Errorf("GOMEMLIMIT is %d", now)
	}
	t.Setenv("GOGC", "")
	stop := TuneMemory()
	stop()
	if now := debug.SetGCPercent(123); now < leastPercent || now > mostPercent || now == 123 {
		t.Errorf("GOGC is %d where the operator has set none", now)
	}
}

// keep adjusts by itself, and stops when it is told to.
func TestHeadroomIsKept(t *testing.T) {
	t.Parallel()
	set := make(chan int, 100)
	h := &headroom{percent: 7, scanned: scanned(), set: func(percent int) int { set <- percent; return 0 }}
	stop := h.keep()
	select {
	case percent := <-set:
		if percent < leastPercent {
			t.Errorf("set to %d %%", percent)
		}
	case <-time.After(30 * time.Second):
		t.Error("never adjusted")
	}
	stop()
}
