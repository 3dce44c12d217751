package combine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"flashsale/app/combine"
)

func TestACallThatLeavesTheQueueNeverRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 1, Queue: 2})
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { wantDouble(t, c, 1) })
		synctest.Wait()
		wg.Go(func() {
			if _, err := c.Do(ctx, 666); !errors.Is(err, context.Canceled) {
				t.Errorf("the caller who left got %v, want context.Canceled", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { wantDouble(t, c, 3) })
		synctest.Wait()
		leave()
		synctest.Wait()
		wg.Go(func() { wantDouble(t, c, 4) }) // takes the free room in the queue
		synctest.Wait()
		close(g.release)
		wg.Wait()
		c.Close()
		if got := g.seen(); !slices.EqualFunc(got, [][]int{{1}, {3, 4}}, slices.Equal) {
			t.Fatalf("batches %v, want the call that left in none and the others in order", got)
		}
	})
}

func TestACallerWhoLeavesDuringTheRunDoesNotDisturbIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var runErr atomic.Value
		c := combine.New(func(ctx context.Context, b []int) ([]int, error) {
			out, err := g.double(ctx, b)
			if ctx.Err() != nil {
				runErr.Store(ctx.Err())
			}
			return out, err
		}, combine.Options{InFlight: 1})
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := c.Do(ctx, 1)
			left <- err
		}()
		synctest.Wait() // 1 is under way
		var wg sync.WaitGroup
		wg.Go(func() { wantDouble(t, c, 2) })
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Fatalf("the caller who left got %v", err)
		}
		close(g.release)
		wg.Wait()
		c.Close()
		if err := runErr.Load(); err != nil {
			t.Fatalf("the run's context ended with one waiter: %v", err)
		}
	})
}

func TestEndedContextDoesNotQueue(t *testing.T) {
	t.Parallel()
	c := combine.New(func(context.Context, []int) ([]int, error) {
		t.Error("it ran for a call whose context has ended")
		return nil, nil
	}, combine.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	c.Close()
}
