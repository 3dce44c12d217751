package inventory_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/rueidis"

	"flashsale/inventory"
)

// patience ends a test that waits for something that does not happen. It does not say how fast it should happen.
const patience = 30 * time.Second

// faulty is a placesFixture whose server is behind a proxy.
type faulty struct {
	placesFixture
	proxy *proxy
	mini  *miniredis.Miniredis
}

func openFaulty(t *testing.T) faulty {
	t.Helper()
	mini := miniredis.RunT(t)
	p := newProxy(t, mini.Addr())
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{p.address}, DisableCache: true, AlwaysRESP2: true, ForceSingleClient: true,
		ConnWriteTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	f := faulty{placesFixture: openPlaces(t, client, "test"), proxy: p, mini: mini}
	f.load(t, 1_000_000, 1)
	f.wantReserve(t, "R", 1)
	return f
}

func (f faulty) wantUnavailable(t *testing.T, user int64) {
	t.Helper()
	if _, err := f.Reserve(t.Context(), key, []int64{user}); !errors.Is(err, inventory.ErrUnavailable) {
		t.Fatalf("reserve said %v, want ErrUnavailable", err)
	}
}

// wantBack presses until a place is given again.
func (f faulty) wantBack(t *testing.T) {
	t.Helper()
	began := time.Now()
	for {
		places, err := f.Reserve(t.Context(), key, []int64{2})
		if err == nil && (places[0] == inventory.Reserved || places[0] == inventory.AlreadyHolder) {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("still not back: %v, %v", places, err)
		}
		time.Sleep(5 * time.Millisecond) // there is no signal, so the shopper presses again
	}
	if !f.Available() {
		t.Fatal("places are given, but Available is false")
	}
	t.Logf("back after %v", time.Since(began))
}

func TestTheBreakerOpensAtTheFirstFailureAndClosesWhenTheServerIsBack(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(f faulty, t *testing.T) }{
		"refused": {
			func(f faulty, _ *testing.T) { f.proxy.refuse() },
			func(f faulty, t *testing.T) { f.proxy.open(t) },
		},
		"silent": {
			func(f faulty, _ *testing.T) { f.proxy.silence() },
			func(f faulty, _ *testing.T) { f.proxy.resume() },
		},
		"slow": {
			func(f faulty, _ *testing.T) { f.proxy.slow(300 * time.Millisecond) },
			func(f faulty, _ *testing.T) { f.proxy.slow(0) },
		},
		"out of memory": {
			func(f faulty, _ *testing.T) {
				f.mini.SetError("OOM command not allowed when used memory > 'maxmemory'.")
			},
			func(f faulty, _ *testing.T) { f.mini.SetError("") },
		},
		"loading": {
			func(f faulty, _ *testing.T) { f.mini.SetError("LOADING Redis is loading the dataset in memory") },
			func(f faulty, _ *testing.T) { f.mini.SetError("") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openFaulty(t)
			fault.begin(f, t)
			began := time.Now()
			f.wantUnavailable(t, 3)
			opened := time.Since(began)
			if f.Available() {
				t.Fatal("the first failure did not open the breaker")
			}
			if got := metric(t, f.registry, "flashsale_degraded", "redis"); got != 1 {
				t.Fatalf("degraded is %v, want 1", got)
			}
			// At 200 ms each, two hundred answers take 40 s.
			for user := range int64(200) {
				f.wantUnavailable(t, 10+user)
			}
			t.Logf("open after %v; 200 refusals in %v", opened, time.Since(began)-opened)
			fault.end(f, t)
			f.wantBack(t)
			if got := metric(t, f.registry, "flashsale_degraded", "redis"); got != 0 {
				t.Fatalf("degraded is %v afterwards, want 0", got)
			}
		})
	}
}

// Not parallel: it counts the process's goroutines.
func TestSilentServerKeepsFewGoroutines(t *testing.T) {
	const callers = 300 // far more than the combiner lets through, and all before the breaker opens
	f := openFaulty(t)
	f.proxy.silence()
	defer f.proxy.resume()
	before := runtime.NumGoroutine()
	done := make(chan struct{})
	var wg, first sync.WaitGroup
	first.Add(callers)
	for caller := range int64(callers) {
		wg.Go(func() {
			for press := range int64(50) {
				_, err := f.Reserve(context.Background(), key, []int64{1 + 100*caller + press})
				if press == 0 {
					first.Done()
				}
				if !errors.Is(err, inventory.ErrUnavailable) {
					t.Errorf("reserve said %v, want ErrUnavailable", err)
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	go func() {
		defer close(done)
		wg.Wait()
	}()
	// The first deadlines pass all at once, and each is a goroutine of the runtime for an instant.
	first.Wait()
	time.Sleep(50 * time.Millisecond)
	most := before
	for pressing := true; pressing; most = max(most, runtime.NumGoroutine()) {
		select {
		case <-done:
			pressing = false
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Logf("%d goroutines before, %d at most", before, most)
	if more := most - before - callers; more > 80 {
		t.Fatalf("%d goroutines more than the %d callers", more, callers)
	}
}

// Each sale has a breaker of its own: in a cluster only some of them may be down. Here only calls for one sale are made
// while the server is away, so only that one is known to be down.
func TestOneSalesOutageDoesNotTouchAnother(t *testing.T) {
	t.Parallel()
	f := openFaulty(t)
	other := inventory.Key{Sale: 8, Generation: 1}
	if _, err := f.Load(t.Context(), other, 10, 1, nil); err != nil {
		t.Fatal(err)
	}
	f.proxy.silence()
	f.wantUnavailable(t, 5)
	f.proxy.resume()
	// On a busy machine the server may be late, but an open breaker refuses at once.
	if _, err := f.Reserve(t.Context(), other, []int64{1}); err != nil && err.Error() == inventory.ErrUnavailable.Error() {
		t.Fatalf("the other sale: %v", err)
	}
}

func TestACallerWhoLeavesDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	f := openFaulty(t)
	f.proxy.slow(20 * time.Millisecond)
	for user := range int64(20) {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if _, err := f.Reserve(ctx, key, []int64{10 + user}); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("a caller who left got %v", err)
		}
	}
	if !f.Available() {
		t.Fatal("callers who left opened the breaker")
	}
}

func TestRetiredSalesDoNotCountAsAway(t *testing.T) {
	t.Parallel()
	f := openFaulty(t)
	if err := f.Retire(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	f.mini.SetError("LOADING")
	f.wantUnavailable(t, 5) // a late shopper of the old generation
	if f.Available() {
		t.Fatal("available while the only server known is away")
	}
	f.mini.SetError("")
	f.wantBack(t)
	if err := f.Retire(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if !f.Available() {
		t.Fatal("a retired sale counts as away")
	}
}

func TestPingPassesTheBreaker(t *testing.T) {
	t.Parallel()
	f := openFaulty(t)
	f.proxy.silence()
	if err := f.Ping(t.Context()); !errors.Is(err, inventory.ErrUnavailable) {
		t.Fatalf("ping of a silent server: %v, want ErrUnavailable", err)
	}
	f.wantUnavailable(t, 5)
	f.proxy.resume()
	deadline := time.Now().Add(patience)
	for f.Ping(t.Context()) != nil {
		if time.Now().After(deadline) {
			t.Fatal("the server answers again, but not to a ping")
		}
	}
}

// A slot of a cluster whose keys are moved one by one refuses commands for two of them, and serves those for one. That is one outage
// until all have moved, and not another one after each probe.
func TestAHalfMovedSlotIsOneOutage(t *testing.T) {
	t.Parallel()
	f := openFaulty(t)
	var refused atomic.Int64
	half := func(c *server.Peer, command string, args ...string) bool {
		switch command {
		case "EVAL", "EVALSHA":
			if len(args) < 2 || args[1] == "1" {
				return false
			}
		case "EXISTS":
			if len(args) < 2 {
				return false
			}
		default:
			return false
		}
		refused.Add(1)
		c.WriteError("TRYAGAIN Multiple keys request during rehashing of slot")
		return true
	}
	f.mini.Server().SetPreHook(half)
	for end := time.Now().Add(patience); refused.Load() < 8; time.Sleep(10 * time.Millisecond) {
		f.wantUnavailable(t, 3)
		if time.Now().After(end) {
			t.Fatalf("only %d commands were refused", refused.Load())
		}
	}
	f.mini.Server().SetPreHook(nil)
	f.wantBack(t)
	if n := strings.Count(f.log.String(), "redis does not answer"); n != 1 {
		t.Errorf("%d outages, want one:\n%s", n, f.log)
	}
}
