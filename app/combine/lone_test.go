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

// Patience is everybody's, also of the only one who waits: no further caller comes to notice that a run hangs.
func TestALoneCallerDoesNotWaitForARunThatHangs(t *testing.T) {
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
			t.Errorf("runs %v, want %v: the second caller's own, after its patience", got, want)
		}
		close(g.release)
		wg.Wait()
		c.Close()
	})
}

// One of two runs ends while a caller waits for less than its patience: what is left of it still counts.
func TestPatienceGoesOnWhenAnotherRunEnds(t *testing.T) {
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

// The caller who waits for too long behind runs that hang is refused by itself.
func TestALoneCallerBehindStuckRunsIsRefusedInTime(t *testing.T) {
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
			t.Errorf("behind two runs that hang: %v, want ErrFull", err)
		}
		if waited := time.Since(began); waited != 500*time.Millisecond {
			t.Errorf("refused after %v", waited)
		}
		if n, _ := c.Waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		// While nothing moves, whoever comes next need not wait for the same.
		began = time.Now()
		if _, err := c.Do(ctx, 10); !errors.Is(err, combine.ErrFull) || time.Since(began) != 0 {
			t.Errorf("the next one: %v after %v, want ErrFull at once", err, time.Since(began))
		}
		close(g.release)
		wg.Wait()
		wantDouble(t, c, 11) // it moves again
		c.Close()
	})
}

// Each is refused at its own time, and none who could still be served.
func TestEachIsRefusedAtItsOwnTime(t *testing.T) {
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
			t.Errorf("runs %v: who was refused never runs", got)
		}
		c.Close()
	})
}
