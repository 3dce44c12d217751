//go:build unix

package resilience

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"flashsale/users"
)

// badClientPlan is how many bad clients connect, how long they are measured, and how many descriptors the product may have.
type badClientPlan struct {
	idle, slow, descriptors, pairs int
	slice                          time.Duration
	// tooMany is a number of idle connections that is larger than the product's limit.
	tooMany int
}

func newBadClientPlan() badClientPlan {
	if full() {
		return badClientPlan{idle: 10_000, slow: 1_000, descriptors: 16_000, pairs: 7, slice: 3 * time.Second, tooMany: 4_000}
	}
	return badClientPlan{idle: 500, slow: 100, descriptors: 2_000, pairs: 3, slice: 700 * time.Millisecond, tooMany: 1_300}
}

// TestBadClientsDoNotDisturbGoodOnes has good shoppers buy while bad clients keep connections open. All good ones get correct
// answers, the slow are disconnected in time, they leave no goroutine or descriptor, and when there are more connections than
// the product's limit, new clients are still answered. How much slower the good ones become is printed; it fails only when it
// is many times the usual ratio.
func TestBadClientsDoNotDisturbGoodOnes(t *testing.T) {
	const stock, shopperCount = 60, 200
	size := newBadClientPlan()
	p := limited(t, size.descriptors, "DATA_DIR="+t.TempDir()+"/data")
	s := newShoppers(t)
	prepare(t, s, p.url, stock, shopperCount)
	s.shop(t, p, shopperCount, size.slice) // warm, and most of the stock is sold
	before := p.gauges(t)

	each := func(k badClient) int {
		if k.name == "idle keep-alive" {
			return size.idle
		}
		return size.slow
	}
	var ratios []float64
	most := 0.0
	for n := range size.pairs {
		calm := s.shop(t, p, shopperCount, size.slice)
		g := startBadClients(t, p, each)
		rough := s.shop(t, p, shopperCount, size.slice)
		most = max(most, p.gauges(t)["process_resident_memory_bytes"])
		ratios = append(ratios, float64(rough)/float64(calm))
		if n == size.pairs-1 {
			if size.tooMany > 0 {
				assertRoomForNewcomers(t, p, size.tooMany)
			}
			awaitDropped(t, g, each)
		}
		g.close()
		awaitCleared(t, p, before)
	}
	slices.Sort(ratios)
	median := ratios[len(ratios)/2]
	perClient := (most - before["process_resident_memory_bytes"]) / float64(size.idle+4*size.slow) / 1024
	t.Logf("p99 of good shoppers with bad ones: %.2f times as long (median of %d pairs: %.2f); memory %.0f MiB, %.0f MiB with them, %.1f KiB each",
		median, size.pairs, ratios, before["process_resident_memory_bytes"]/(1<<20), most/(1<<20), perClient)
	if median > 20 {
		t.Errorf("good shoppers wait %.1f times as long", median)
	}
	// An idle connection takes about 20 KiB and a stream 26; the rest allows for garbage that is not collected yet.
	if perClient > 200 {
		t.Errorf("a bad client costs %.0f KiB", perClient)
	}
	sellOut(t, s, p.url, stock, shopperCount)
	assertPromisesKept(t, s, p.url)
	assertVerified(t, s, p.url)
	assertAnsweredRightly(t, s)
}

// assertAnsweredRightly: all answers are of the expected kinds. On a busy machine some requests may be answered with "not
// bought, safe to retry" or with 202.
func assertAnsweredRightly(t *testing.T, s *shoppers) {
	t.Helper()
	all := 0
	for status, n := range s.statuses {
		all += n
		if !slices.Contains([]int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusConflict, http.StatusServiceUnavailable}, status) {
			t.Errorf("%d good shoppers were answered %d", n, status)
		}
	}
	if put := s.statuses[http.StatusServiceUnavailable] + s.statuses[http.StatusAccepted]; 5*put > all {
		t.Errorf("%d of %d good shoppers got no verdict", put, all)
	}
	t.Logf("good shoppers: %v", s.outcomes)
}

// shop has eight good shoppers buy and read the status for a while, and returns the p99 of the times of both.
func (s *shoppers) shop(t *testing.T, p *process, shopperCount int, slice time.Duration) time.Duration {
	t.Helper()
	var mu sync.Mutex
	var waits []time.Duration
	var all sync.WaitGroup
	end := time.Now().Add(slice)
	for range 8 {
		all.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				a := s.press(context.Background(), p.url, users.AbleName(1+rand.IntN(shopperCount)))
				pressed := time.Since(began)
				status := s.send(context.Background(), http.MethodGet, p.url+"/api/flash-sale/status", "")
				if a.Status == 0 || status.Status != http.StatusOK {
					t.Errorf("a good shopper was answered %d, and the status was %d", a.Status, status.Status)
					return
				}
				mu.Lock()
				waits = append(waits, pressed, time.Since(began)-pressed)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(waits)
	return waits[len(waits)*99/100]
}

// awaitDropped waits until every bad client that may not stay has lost its connection.
func awaitDropped(t *testing.T, g *badClients, each func(badClient) int) {
	t.Helper()
	for _, kind := range badClientKinds() {
		if kind.mayStay {
			continue
		}
		for deadline := time.Now().Add(100 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			n, last := g.gone(kind.name)
			if n == each(kind) {
				t.Logf("%s: all %d dropped after %.1f s at most", kind.name, n, last.Seconds())
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d of %d were dropped", kind.name, n, each(kind))
			}
		}
	}
}

// awaitCleared waits until the process has no more descriptors and goroutines than before.
func awaitCleared(t *testing.T, p *process, before map[string]float64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		now := p.gauges(t)
		// The good shoppers' own connections and the pool of Postgres may grow a little.
		if now["process_open_fds"] <= before["process_open_fds"]+100 && now["go_goroutines"] <= before["go_goroutines"]+200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the bad clients left something: descriptors %v, before %v; goroutines %v, before %v",
				now["process_open_fds"], before["process_open_fds"], now["go_goroutines"], before["go_goroutines"])
		}
	}
}

// assertRoomForNewcomers opens more idle connections than the product's limit, and then has new clients ask.
func assertRoomForNewcomers(t *testing.T, p *process, tooMany int) {
	t.Helper()
	defer startBadClients(t, p, func(k badClient) int {
		if k.name == "idle keep-alive" {
			return tooMany
		}
		return 0
	}).close()
	for range 5 {
		began := time.Now()
		newcomer := newShoppers(t)
		if a := newcomer.send(context.Background(), http.MethodGet, p.url+"/api/flash-sale/status", ""); a.Status != http.StatusOK {
			t.Fatalf("a new client got no answer after %s", time.Since(began))
		}
		t.Logf("with %d idle connections a new client waits %s", tooMany, time.Since(began))
	}
}
