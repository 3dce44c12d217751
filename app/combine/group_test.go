package combine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"flashsale/app/combine"
)

type question struct {
	key string
	n   int
}

func TestKeysHaveBatchesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := map[string]chan struct{}{"slow": make(chan struct{}), "quick": make(chan struct{})}
		close(release["quick"])
		var mu sync.Mutex
		var got []question
		g := combine.NewGroup(func(_ context.Context, key string, b []int) ([]int, error) {
			mu.Lock()
			for _, n := range b {
				got = append(got, question{key, n})
			}
			mu.Unlock()
			<-release[key]
			return doubled(b), nil
		}, combine.Options{InFlight: 1})
		var wg sync.WaitGroup
		ask := func(key string, n int) {
			if out, err := g.Do(context.Background(), key, n); err != nil || out != 2*n {
				t.Errorf("Do(%s, %d) = %d, %v", key, n, out, err)
			}
		}
		for n := range 3 {
			wg.Go(func() { ask("slow", n) })
			synctest.Wait()
		}
		ask("quick", 7) // does not wait for the other key
		if n, _ := g.Waiting(); n != 2 {
			t.Fatalf("%d calls wait, want the two of slow", n)
		}
		close(release["slow"])
		wg.Wait()
		want := []question{{"slow", 0}, {"quick", 7}, {"slow", 1}, {"slow", 2}}
		if !slices.Equal(got, want) {
			t.Fatalf("runs got %v, want %v", got, want)
		}
		g.Close()
	})
}

func TestIdleKeysAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := combine.NewGroup(func(_ context.Context, key int, b []int) ([]int, error) {
			if key == -1 {
				<-release
			}
			return doubled(b), nil
		}, combine.Options{})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = g.Do(context.Background(), -1, 1) }) // busy all the time
		synctest.Wait()
		for key := range 1000 {
			if _, err := g.Do(t.Context(), key, 1); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // its worker has ended
		}
		if n := g.Len(); n != 2 {
			t.Fatalf("%d keys after 1000, want the busy one and the last", n)
		}
		close(release)
		wg.Wait()
		g.Close()
	})
}

// A key that is dropped and used again at the same time must neither lose a call nor answer ErrClosed.
func TestDroppingAKeyLosesNoCall(t *testing.T) {
	t.Parallel()
	g := combine.NewGroup(func(_ context.Context, key int, b []int) ([]int, error) {
		out := make([]int, len(b))
		for i, n := range b {
			out[i] = key*1000 + n
		}
		return out, nil
	}, combine.Options{})
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			for i := range 500 {
				key := (caller + i) % 5
				if out, err := g.Do(context.Background(), key, i); err != nil || out != key*1000+i {
					t.Errorf("Do(%d, %d) = %d, %v", key, i, out, err)
				}
			}
		})
	}
	wg.Wait()
	g.Close()
}

func TestClosedGroupTakesNoCalls(t *testing.T) {
	t.Parallel()
	g := combine.NewGroup(func(_ context.Context, _ string, b []int) ([]int, error) {
		return doubled(b), nil
	}, combine.Options{})
	if out, err := g.Do(t.Context(), "known", 1); err != nil || out != 2 {
		t.Fatalf("got %d, %v", out, err)
	}
	g.Close()
	for _, key := range []string{"known", "new"} {
		if _, err := g.Do(t.Context(), key, 1); !errors.Is(err, combine.ErrClosed) {
			t.Errorf("call of key %q after Close: %v, want ErrClosed", key, err)
		}
	}
}
