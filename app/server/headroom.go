package server

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// mostPercent and leastPercent bound what GOGC is set to.
	mostPercent, leastPercent = 400, 50
	// headroomBytes is how much garbage there may be between two collections of a heap that is not small.
	headroomBytes = 192 << 20
	// headroomEvery is how often the heap is looked at. A look takes some microseconds.
	headroomEvery = 250 * time.Millisecond
)

// headroomPercent is the GOGC with which there is about headroomBytes of garbage beside so many bytes that survive a
// collection. A small heap gets four times its size, so that it is not collected all the time, and a very large one at
// least half of it, for the same reason.
func headroomPercent(surviving uint64) int {
	if surviving < headroomBytes*100/mostPercent {
		return mostPercent
	}
	return int(max(leastPercent, headroomBytes*100/min(surviving, math.MaxInt64)))
}

// worthSetting is false for a small step: setting the percentage stops the program for a moment.
func worthSetting(now, wanted int) bool {
	return wanted != now && (wanted == mostPercent || wanted == leastPercent || max(now-wanted, wanted-now)*10 > now)
}

// headroom keeps the percentage right while the heap grows and shrinks.
type headroom struct {
	percent int
	scanned []metrics.Sample
	set     func(percent int) (before int)
}

// newHeadroom begins with the percentage of a small heap.
func newHeadroom() *headroom {
	h := &headroom{percent: mostPercent, scanned: scanned(), set: debug.SetGCPercent}
	h.set(h.percent)
	return h
}

// scanned is what the percentage is taken of: the heap after the last collection, the stacks, and the globals.
func scanned() []metrics.Sample {
	return []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
}

func (h *headroom) adjust() {
	metrics.Read(h.scanned)
	sum := uint64(0)
	for _, s := range h.scanned {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	if wanted := headroomPercent(sum); worthSetting(h.percent, wanted) {
		h.set(wanted)
		h.percent = wanted
	}
}

// keep adjusts until the returned function is called, which waits for the end.
func (h *headroom) keep() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(headroomEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				h.adjust()
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}
