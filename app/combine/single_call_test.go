package combine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/app/combine"
)

// The timer also serves a single waiting call: no later call has to come for it to run beside one that hangs.
func TestASingleCallDoesNotWaitForARunThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 2, MaxBatch: 100})
		var wg sync.WaitGroup
		for n := range 2 {
			wg.Go(func() { wantDouble(t, c, n) })
			synctest.Wait()
		}
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		if got, want := g.seen(), [][]int{{0}, {1}}; !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("runs %v, want %v: the second call has its own run after 50 ms", got, want)
		}
		close(g.release)
		wg.Wait()
		c.Close()
	})
}

// When one of two runs ends, the time that a call has already waited still counts.
func TestTheWaitGoesOnCountingWhenAnotherRunEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 2, MaxBatch: 2})
		var wg sync.WaitGroup
		for n := range 4 { // 0 runs, 1 and 2 are a full batch, 3 waits
			wg.Go(func() { wantDouble(t, c, n) })
			synctest.Wait()
		}
		time.Sleep(10 * time.Millisecond)
		g.release <- struct{}{} // the other run hangs
		synctest.Wait()
		time.Sleep(40 * time.Millisecond)
		synctest.Wait()
		if got, want := g.seen(), [][]int{{0}, {1, 2}, {3}}; !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("runs %v, want %v", got, want)
		}
		close(g.release)
		wg.Wait()
		c.Close()
	})
}

// A single call that waits for too long while all runs hang is refused, although no other call comes.
func TestASingleCallIsRefusedInTimeWhileAllRunsHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 2, MaxBatch: 1, MaxWait: 500 * time.Millisecond})
		var wg sync.WaitGroup
		for n := range 2 {
			wg.Go(func() { wantDouble(t, c, n) })
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if _, err := c.Do(ctx, 9); !errors.Is(err, combine.ErrFull) {
			t.Errorf("while two runs hang: %v, want ErrFull", err)
		}
		if waited := time.Since(began); waited != 500*time.Millisecond {
			t.Errorf("refused after %v", waited)
		}
		if n, _ := c.Waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		// Until a run ends, the next call is refused at once.
		began = time.Now()
		if _, err := c.Do(ctx, 10); !errors.Is(err, combine.ErrFull) || time.Since(began) != 0 {
			t.Errorf("the next one: %v after %v, want ErrFull at once", err, time.Since(began))
		}
		close(g.release)
		wg.Wait()
		wantDouble(t, c, 11) // runs end again
		c.Close()
	})
}

// Each call is refused when it has waited for MaxWait itself.
func TestEachCallIsRefusedAtItsOwnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 1, MaxBatch: 10, MaxWait: time.Second})
		var wg sync.WaitGroup
		wg.Go(func() { wantDouble(t, c, 0) })
		synctest.Wait()
		for n := range 3 {
			wg.Go(func() {
				began := time.Now()
				if _, err := c.Do(context.Background(), 1+n); !errors.Is(err, combine.ErrFull) || time.Since(began) != time.Second {
					t.Errorf("caller %d: %v after %v", n, err, time.Since(began))
				}
			})
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(time.Second)
		close(g.release)
		wg.Wait()
		if got := g.seen(); !slices.EqualFunc(got, [][]int{{0}}, slices.Equal) {
			t.Errorf("runs %v: a call that was refused never runs", got)
		}
		c.Close()
	})
}
