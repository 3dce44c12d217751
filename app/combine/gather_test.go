package combine_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/app/combine"
)

// Each run takes 2 ms. The call that comes while a run of many calls is under way waits for its end, and with other processes for as
// long as those need for a run each.
func TestCallsAreGatheredAmongSeveralProcesses(t *testing.T) {
	t.Parallel()
	const run = 2 * time.Millisecond
	for name, one := range map[string]struct {
		share, calls int
		waits        time.Duration
	}{
		"alone":                {1, 20, 2 * run},
		"two processes":        {2, 20, 3 * run},
		"four processes":       {4, 20, 5 * run},
		"few calls":            {4, 3, 2 * run},
		"very many processes":  {1000, 20, 2*run + 25*time.Millisecond},
		"nobody says how many": {0, 20, 2 * run},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				options := combine.Options{InFlight: 2, MaxBatch: 100, Share: func() int { return one.share }}
				if one.share == 0 {
					options.Share = nil
				}
				c := combine.New(func(_ context.Context, b []int) ([]int, error) { time.Sleep(run); return doubled(b), nil }, options)
				var wg sync.WaitGroup
				wg.Go(func() { wantDouble(t, c, 0) }) // runs alone; the others form the next batch
				synctest.Wait()
				for n := range one.calls {
					wg.Go(func() { wantDouble(t, c, n) })
				}
				time.Sleep(run + run/2)
				began := time.Now().Add(-run / 2) // when the run of the others began
				wantDouble(t, c, 21)
				if waited := time.Since(began); waited != one.waits {
					t.Errorf("the answer came after %v, want %v", waited, one.waits)
				}
				wg.Wait()
				c.Close()
			})
		})
	}
}

func TestAFullBatchIsNotGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := combine.New(func(_ context.Context, b []int) ([]int, error) { time.Sleep(time.Millisecond); return doubled(b), nil },
			combine.Options{InFlight: 2, MaxBatch: 10, Share: func() int { return 1000 }})
		var wg sync.WaitGroup
		press := func(calls int) {
			for n := range calls {
				wg.Go(func() { wantDouble(t, c, n) })
			}
			synctest.Wait()
		}
		press(1)
		press(9)
		time.Sleep(2 * time.Millisecond) // the nine had their run, and its worker gathers
		began := time.Now()
		press(10)
		wg.Wait()
		if took := time.Since(began); took != time.Millisecond {
			t.Errorf("a full batch took %v", took)
		}
		c.Close()
	})
}

// Many callers become able to run at once, on one processor. The worker that the first of them begins lets the others come first.
func TestCallersThatCouldRunAreInTheBatch(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const callers = 100
	var runs atomic.Int64
	c := combine.New(func(_ context.Context, b []int) ([]int, error) { runs.Add(1); return doubled(b), nil }, combine.Options{InFlight: 2, MaxBatch: 256})
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for n := range callers {
		wg.Go(func() { <-begin; wantDouble(t, c, n) })
	}
	time.Sleep(10 * time.Millisecond) // each of them waits
	close(begin)
	wg.Wait()
	c.Close()
	if n := runs.Load(); n > callers/10 {
		t.Errorf("%d runs for %d calls", n, callers)
	}
}
