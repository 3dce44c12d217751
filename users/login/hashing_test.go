package login

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// These tests run on the clock of a bubble: a piece of work is a sleep.
const piece = 40 * time.Millisecond

func work() error { time.Sleep(piece); return nil }

// runs is a queue whose worker runs until the end of the test.
func runs(t *testing.T, limit int, open func() bool) *hashing {
	t.Helper()
	h := newHashing(limit, open)
	ctx, cancel := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() { _ = h.work(ctx) })
	t.Cleanup(func() { cancel(); worker.Wait() })
	return h
}

func never() bool  { return false }
func always() bool { return true }

// During a sale the worker works a fifth of the time, however many wait, and also when they come one after the other.
func TestHashingTakesAFifthOfACoreDuringASale(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		open     func() bool
		together bool
		want     time.Duration // from the beginning of the first piece to the end of the last
	}{
		"in a sale, at once":             {always, true, 19*5*piece + piece},
		"in a sale, one after the other": {always, false, 19*5*piece + piece},
		"outside, at once":               {never, true, 20 * piece},
		"outside, one after the other":   {never, false, 20 * piece},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := runs(t, 100, one.open)
				start := time.Now()
				var callers sync.WaitGroup
				for range 20 {
					callers.Go(func() {
						if err := h.do(t.Context(), work); err != nil {
							t.Error(err)
						}
					})
					if !one.together {
						callers.Wait()
					}
				}
				callers.Wait()
				if took := time.Since(start); took != one.want {
					t.Errorf("20 pieces took %s, want %s", took, one.want)
				}
			})
		})
	}
}

func TestTheWorkerRestsOnlyWhileASaleIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Bool
		h, start := runs(t, 10, open.Load), time.Now()
		for _, opens := range []bool{false, true, true, false, false} {
			open.Store(opens)
			if err := h.do(t.Context(), work); err != nil {
				t.Error(err)
			}
			synctest.Wait() // the worker has begun its rest
		}
		if took := time.Since(start); took != 5*piece+2*restTimes*piece {
			t.Errorf("it took %s", took)
		}
	})
}

// A process that is stopped in the middle of a piece of work, by a debugger or a machine that sleeps, does not rest for hours.
func TestARestIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, start := runs(t, 10, always), time.Now()
		_ = h.do(t.Context(), func() error { time.Sleep(time.Hour / 100); return nil })
		_ = h.do(t.Context(), work)
		if took := time.Since(start); took != time.Hour/100+maxRest+piece {
			t.Errorf("it took %s", took)
		}
	})
}

func TestAFullQueueSaysHowLong(t *testing.T) {
	t.Parallel()
	for _, open := range []func() bool{never, always} {
		synctest.Test(t, func(t *testing.T) {
			h := runs(t, 5, open)
			for range 60 { // the cost is learnt
				_ = h.do(t.Context(), work)
			}
			each := piece
			if open() {
				each = 5 * piece
				time.Sleep(restTimes * piece)
			}
			if wait := h.Wait().Round(time.Millisecond); wait != each {
				t.Errorf("nobody waits, and it says %s", wait)
			}
			var callers sync.WaitGroup
			for range 6 { // one is at work, five wait
				callers.Go(func() {
					if err := h.do(t.Context(), work); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			var busy *BusyError
			if err := h.do(t.Context(), work); !errors.As(err, &busy) || busy.Wait.Round(time.Millisecond) != 6*each {
				t.Errorf("a seventh: %v", err)
			}
			callers.Wait()
			if c := h.read(); c.Busy != 1 || c.Waiting != 0 || c.Left != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// Somebody who goes away is not worked for, and leaves the place to the next one at once.
func TestWhoGoesAwayLeavesNoGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := runs(t, 2, never)
		gone, leave := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		var order []int
		ask := func(ctx context.Context, n int, want error) {
			callers.Go(func() {
				if err := h.do(ctx, func() error { order = append(order, n); return work() }); !errors.Is(err, want) {
					t.Errorf("%d: %v, want %v", n, err, want)
				}
			})
			synctest.Wait()
		}
		ask(t.Context(), 1, nil)
		ask(gone, 2, context.Canceled)
		ask(t.Context(), 3, nil)
		leave()
		synctest.Wait()
		ask(t.Context(), 4, nil) // else the queue is full
		ask(gone, 5, context.Canceled)
		callers.Wait()
		if c := h.read(); !slices.Equal(order, []int{1, 3, 4}) || c.Left != 1 || c.Waiting != 0 {
			t.Errorf("%v, %+v", order, c)
		}
	})
}

// Nobody waits for ever: neither when the worker ends, nor when it never began.
func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashing(10, never)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = h.work(ctx) })
		for n := range 3 {
			all.Go(func() {
				var busy *BusyError
				if err := h.do(t.Context(), work); n > 0 && !errors.As(err, &busy) || n == 0 && err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
			synctest.Wait()
		}
		start := time.Now()
		cancel()
		all.Wait()
		if took := time.Since(start); took != piece {
			t.Errorf("those who waited for a worker that ends are told after %s", took)
		}
		start = time.Now()
		var busy *BusyError
		if err := h.do(t.Context(), work); !errors.As(err, &busy) || time.Since(start) != maxHashWait {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if c := h.read(); c.Waiting != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestOneIsWorkedForAtATime(t *testing.T) {
	t.Parallel()
	h := runs(t, 100, never)
	var at, most atomic.Int32
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			_ = h.do(t.Context(), func() error {
				most.Store(max(most.Load(), at.Add(1)))
				time.Sleep(100 * time.Microsecond)
				at.Add(-1)
				return nil
			})
		})
	}
	callers.Wait()
	if most.Load() != 1 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestAPanicEndsOnePieceOfWork(t *testing.T) {
	t.Parallel()
	h := runs(t, 10, never)
	err := h.do(t.Context(), func() error { panic("with the secret") })
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "hashing_test.go") {
		t.Errorf("%v", err)
	}
	if err := h.do(t.Context(), work); err != nil {
		t.Error(err)
	}
}
