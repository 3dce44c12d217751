//go:build unix

package resilience

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is shoppers who buy one after the other, at a bounded rate, until they are stopped: most for the first time, some again.
type load struct {
	w      *world
	cancel context.CancelFunc
	wg     sync.WaitGroup
	next   atomic.Int64
	once   atomic.Bool // from now on no shopper asks twice
}

const workers = 48

// pressing starts the load. Targets are the instances that it asks; none given means all.
func (w *world) pressing(perSecond int, targets ...*process) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{w: w, cancel: cancel}
	l.next.Store(int64(w.next))
	if len(targets) == 0 {
		targets = slices.Clone(w.instances) // which a schedule may replace
	}
	pause := workers * time.Second / time.Duration(perSecond)
	for range workers {
		l.wg.Go(func() {
			for ctx.Err() == nil {
				w.shoppers.press(context.Background(), targets[rand.IntN(len(targets))].url, l.name())
				select {
				case <-ctx.Done():
				case <-time.After(pause/2 + rand.N(pause)):
				}
			}
		})
	}
	w.t.Cleanup(l.stop)
	return l
}

func (l *load) name() string {
	n := l.next.Load()
	if !l.once.Load() && n > 10 && rand.IntN(8) == 0 || n >= int64(l.w.shopperCount) {
		return l.w.name(1 + rand.IntN(int(n)))
	}
	return l.w.name(int(min(l.next.Add(1), int64(l.w.shopperCount))))
}

// stop ends the load and returns when every request is answered.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
	l.w.next = int(min(l.next.Load(), int64(l.w.shopperCount)))
}

// warm is how long the load runs before and after a fault.
const warm = 1500 * time.Millisecond

// during runs the load before, under and after a fault. inject begins the fault and returns the function that ends it; watch
// is called under the fault, with the time of its beginning, and says how often the fault had an effect. The time of its end
// is returned; the load goes on for a while after it.
func (w *world) during(perSecond int, inject func() (heal func()), watch func(began time.Time) (hits int64)) time.Time {
	w.t.Helper()
	l := w.pressing(perSecond)
	defer l.stop()
	before := w.shoppers.answered.Load()
	time.Sleep(warm)
	w.eventually(30*time.Second, "shoppers are answered before the fault", func() bool { return w.shoppers.answered.Load() >= before+workers })
	before = w.shoppers.answered.Load()
	heal := inject()
	hits := watch(time.Now())
	heal()
	healed := time.Now()
	w.report.pressed += w.shoppers.answered.Load() - before
	w.report.hits += hits
	if hits == 0 {
		w.t.Error("the fault had no effect; the row proves nothing")
	}
	time.Sleep(warm)
	return healed
}

// keepFault waits for that long, at least until every instance notices the fault, and counts the answers given meanwhile.
func (w *world) keepFault(long time.Duration, noticed func(*process) bool) int64 {
	w.t.Helper()
	began, before := time.Now(), w.shoppers.answered.Load()
	w.eventually(20*time.Second, "every instance notices the fault", func() bool { return w.everywhere(noticed) })
	time.Sleep(long - time.Since(began))
	return w.shoppers.answered.Load() - before
}
