package checkout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAtMostOneCallForEachSaleAndALimitAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c, made := newCalls(3), make(chan int64, 100)
		for range 3 {
			for sale := range int64(5) {
				c.start(ctx, sale, func(ctx context.Context) time.Duration {
					made <- sale
					<-ctx.Done()
					return time.Hour
				})
			}
		}
		synctest.Wait()
		seen := make(map[int64]bool)
		for range len(made) {
			seen[<-made] = true
		}
		if len(seen) != 3 || len(c.underWay) != 3 {
			t.Errorf("calls for %v, %d under way, want 3 of different sales", seen, len(c.underWay))
		}
		cancel()
		c.wait() // or the test never ends
	})
}

func TestASaleRestsAfterItsCallAndOthersGetTheirs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, made := newCalls(1), 0
		call := func(context.Context) time.Duration { made++; return time.Minute }
		began := time.Now()
		for sale := range int64(2) {
			c.start(t.Context(), sale, call)
		}
		synctest.Wait()
		if made != 2 {
			t.Errorf("%d calls were made while one sale rests, want 2", made)
		}
		c.start(t.Context(), 0, call)
		c.sleep(t.Context(), time.Hour, nil)
		if rested := time.Since(began); made != 2 || rested != time.Minute {
			t.Errorf("%d calls; somebody may have a next one after %s", made, rested)
		}
		c.wait()
		c.start(t.Context(), 0, call)
		c.wait()
		if made != 3 {
			t.Errorf("%d calls after the rest, want 3", made)
		}
	})
}
