package combine_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"flashsale/app/combine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is a run that stops until it is told to go on, and remembers the batches it got.
type gate struct {
	entered chan struct{}
	release chan struct{}
	mu      sync.Mutex
	batches [][]int
}

func newGate() *gate {
	return &gate{entered: make(chan struct{}, 1000), release: make(chan struct{})}
}

// double answers every number with twice its value.
func (g *gate) double(_ context.Context, batch []int) ([]int, error) {
	g.mu.Lock()
	g.batches = append(g.batches, slices.Clone(batch))
	g.mu.Unlock()
	g.entered <- struct{}{}
	<-g.release
	return doubled(batch), nil
}

func (g *gate) seen() [][]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.batches)
}

func doubled(batch []int) []int {
	out := make([]int, len(batch))
	for i, n := range batch {
		out[i] = 2 * n
	}
	return out
}

func wantDouble(t *testing.T, c *combine.Combiner[int, int], n int) {
	t.Helper()
	if out, err := c.Do(context.Background(), n); err != nil || out != 2*n {
		t.Errorf("Do(%d) = %d, %v; want %d", n, out, err, 2*n)
	}
}

func TestOneCallRunsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := combine.New(func(_ context.Context, b []int) ([]int, error) { return doubled(b), nil }, combine.Options{})
		began := time.Now()
		wantDouble(t, c, 21)
		if waited := time.Since(began); waited != 0 {
			t.Fatalf("a single call waited %v", waited)
		}
		c.Close()
	})
}

func TestCallsDuringARunFormTheNextBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var sizes []int
		c := combine.New(g.double, combine.Options{
			InFlight: 1, MaxBatch: 4, Observe: func(n int) { sizes = append(sizes, n) },
		})
		var wg sync.WaitGroup
		for n := 1; n <= 8; n++ {
			wg.Go(func() { wantDouble(t, c, n) })
			synctest.Wait() // so that they queue in this order
		}
		close(g.release)
		wg.Wait()
		c.Close()
		want := [][]int{{1}, {2, 3, 4, 5}, {6, 7, 8}}
		if got := g.seen(); !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("batches %v, want %v: first come, first served, at most 4", got, want)
		}
		if !slices.Equal(sizes, []int{1, 4, 3}) {
			t.Fatalf("observed sizes %v", sizes)
		}
	})
}

func TestRunsInFlightAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 2, MaxBatch: 1})
		var wg sync.WaitGroup
		for n := range 5 {
			wg.Go(func() { wantDouble(t, c, n) })
		}
		synctest.Wait()
		if n := len(g.seen()); n != 2 {
			t.Fatalf("%d runs at once, want 2", n)
		}
		if waiting, _ := c.Waiting(); waiting != 3 {
			t.Fatalf("%d calls wait, want 3", waiting)
		}
		close(g.release)
		wg.Wait()
		c.Close()
	})
}

func TestAnotherRunBeginsOnlyWithAFullBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 2, MaxBatch: 3})
		var wg sync.WaitGroup
		press := func(n int) {
			wg.Go(func() { wantDouble(t, c, n) })
			synctest.Wait()
		}
		for n := range 3 {
			press(n)
		}
		if got := g.seen(); len(got) != 1 {
			t.Fatalf("two calls wait beside a run, and the runs are %v", got)
		}
		press(3)
		press(4)
		if got, want := g.seen(), [][]int{{0}, {1, 2, 3}}; !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("runs %v, want %v", got, want)
		}
		// One run ends while the other goes on: what waits is no full batch, and waits for that one's end.
		g.release <- struct{}{}
		synctest.Wait()
		if waiting, _ := c.Waiting(); waiting != 1 || len(g.seen()) != 2 {
			t.Fatalf("%d calls wait beside a run, the runs were %v", waiting, g.seen())
		}
		g.release <- struct{}{}
		synctest.Wait()
		if got := g.seen(); len(got) != 3 {
			t.Fatalf("nothing is under way, somebody waits, and the runs were %v", got)
		}
		close(g.release)
		wg.Wait()
		c.Close()
	})
}

func TestCallsBesideARunThatHangsAreServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 2, MaxBatch: 100})
		var wg sync.WaitGroup
		for n := range 4 { // the first hangs, the next two wait for it and then share a run, the last waits for one of the two
			wg.Go(func() { wantDouble(t, c, n) })
			time.Sleep(30 * time.Millisecond)
		}
		if got, want := g.seen(), [][]int{{0}, {1, 2}}; !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("runs %v, want %v", got, want)
		}
		close(g.release)
		wg.Wait()
		c.Close()
	})
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 1, Queue: 2})
		var wg sync.WaitGroup
		for n := range 3 { // one runs, two wait
			wg.Go(func() { wantDouble(t, c, n) })
			synctest.Wait()
		}
		if _, err := c.Do(t.Context(), 9); !errors.Is(err, combine.ErrFull) {
			t.Fatalf("call beyond the queue: %v, want ErrFull", err)
		}
		close(g.release)
		wg.Wait()
		wantDouble(t, c, 9) // room again
		c.Close()
	})
}

// While a call has waited for too long, the queue takes no other call until a run ends.
func TestNewCallsAreRefusedAfterOneHasWaitedTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 1, MaxWait: time.Second})
		var wg sync.WaitGroup
		wg.Go(func() { wantDouble(t, c, 1) })
		synctest.Wait()
		wg.Go(func() {
			if _, err := c.Do(context.Background(), 2); !errors.Is(err, combine.ErrFull) {
				t.Errorf("the call that has waited too long: %v, want ErrFull", err)
			}
		})
		synctest.Wait()
		time.Sleep(time.Second - 1)
		wg.Go(func() { wantDouble(t, c, 5) }) // nobody has waited too long yet
		synctest.Wait()
		time.Sleep(time.Millisecond)
		if _, err := c.Do(t.Context(), 9); !errors.Is(err, combine.ErrFull) {
			t.Fatalf("call after one that has waited too long: %v, want ErrFull", err)
		}
		if n, oldest := c.Waiting(); n != 1 || oldest != time.Millisecond {
			t.Fatalf("waiting %d for %v", n, oldest)
		}
		close(g.release)
		wg.Wait()
		c.Close()
	})
}

func TestRunTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := combine.New(func(ctx context.Context, _ []int) ([]int, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, combine.Options{Timeout: time.Minute})
		began := time.Now()
		if _, err := c.Do(t.Context(), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the run's DeadlineExceeded", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Fatalf("the run had %v, want a minute", took)
		}
		c.Close()
	})
}

// A run that fails in any way: its own batch is answered with an error, and the next batch is served.
func TestARunThatFailsFailsOnlyItsBatch(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		run  func() ([]int, error)
		want func(error) bool
	}{
		"error": {
			func() ([]int, error) { return nil, broken },
			func(err error) bool { return errors.Is(err, broken) },
		},
		"panic": {
			func() ([]int, error) { panic("boom") },
			func(err error) bool {
				var p *combine.PanicError
				return errors.As(err, &p) && p.Value == "boom" && len(p.Stack) > 0
			},
		},
		"goexit": {
			func() ([]int, error) { runtime.Goexit(); return nil, nil },
			func(err error) bool { return errors.Is(err, combine.ErrAnswer) },
		},
		"too few answers": {
			func() ([]int, error) { return []int{1}, nil },
			func(err error) bool { return errors.Is(err, combine.ErrAnswer) },
		},
		"too many answers": {
			func() ([]int, error) { return make([]int, 9), nil },
			func(err error) bool { return errors.Is(err, combine.ErrAnswer) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hold := make(chan struct{})
				c := combine.New(func(_ context.Context, b []int) ([]int, error) {
					switch {
					case b[0] == 0:
						<-hold
					case b[0] < 0:
						return tc.run()
					}
					return doubled(b), nil
				}, combine.Options{InFlight: 1, MaxBatch: 2})
				var wg sync.WaitGroup
				wg.Go(func() { wantDouble(t, c, 0) })
				synctest.Wait()
				for range 2 { // the bad batch
					wg.Go(func() {
						if out, err := c.Do(context.Background(), -1); !tc.want(err) || out != 0 {
							t.Errorf("bad batch answered %d, %v", out, err)
						}
					})
				}
				synctest.Wait()
				wg.Go(func() { wantDouble(t, c, 7) })
				synctest.Wait()
				close(hold)
				wg.Wait()
				c.Close()
			})
		})
	}
}

func TestCloseServesWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := combine.New(g.double, combine.Options{InFlight: 1})
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() { wantDouble(t, c, n) })
		}
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			c.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("Close returned while a run was under way")
		default:
		}
		if _, err := c.Do(t.Context(), 9); !errors.Is(err, combine.ErrClosed) {
			t.Fatalf("call after Close: %v, want ErrClosed", err)
		}
		close(g.release)
		wg.Wait()
		<-closed
		c.Close()
	})
}

// Many callers, some of whom leave at any moment: each of the others gets the answer to its own call.
func TestAnswersAreNeverMixedUp(t *testing.T) {
	t.Parallel()
	c := combine.New(func(_ context.Context, b []int) ([]int, error) {
		runtime.Gosched()
		return doubled(b), nil
	}, combine.Options{MaxBatch: 16})
	var wg sync.WaitGroup
	for caller := range 64 {
		wg.Go(func() {
			for i := range 300 {
				n := caller*1000 + i
				if i%7 != 0 {
					wantDouble(t, c, n)
					continue
				}
				ctx, cancel := context.WithCancel(context.Background())
				go cancel()
				if out, err := c.Do(ctx, n); err == nil && out != 2*n {
					t.Errorf("Do(%d) = %d", n, out)
				} else if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("Do(%d): %v", n, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	c.Close()
}
