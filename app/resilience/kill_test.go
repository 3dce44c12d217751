//go:build unix

package resilience

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashsale/users"
)

// TestKilledTenTimesUnderLoad kills the whole embedded product without warning while shoppers buy, starts it again on the same
// data, and goes on. Every receipt must still be there, all units must sell in the end, and no server may be left running.
func TestKilledTenTimesUnderLoad(t *testing.T) {
	t.Parallel()
	kills, stock, shopperCount := 10, 400, 500
	if testing.Short() {
		kills = 3
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir, port := t.TempDir()+"/data", freePort(t)
	s := newShoppers(t)
	start := func() *process { return launch(t, port, "DATA_DIR="+dir) }

	p := start()
	prepare(t, s, p.url, stock, shopperCount)
	for n := range kills {
		hit := killUnderLoad(t, s, p, random, shopperCount)
		assertNoPostgresLeft(t, dir)
		p = start()
		if hit == 0 {
			t.Errorf("no request was in flight at kill %d", n+1)
		}
		assertPromisesKept(t, s, p.url)
	}
	sellOut(t, s, p.url, stock, shopperCount)
	assertPromisesKept(t, s, p.url)
	if promised := len(s.promised()); promised != stock {
		t.Errorf("%d receipts were given for %d units", promised, stock)
	}
	assertVerified(t, s, p.url)
	t.Logf("answers by code (0: connection lost): %v", s.statuses)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.stop(ctx); err != nil {
		t.Errorf("the orderly stop at the end: %v\n%s", err, p.log)
	}
	assertNoPostgresLeft(t, dir)
}

func prepare(t *testing.T, s *shoppers, base string, stock, shopperCount int) {
	t.Helper()
	for path, body := range map[string]any{
		"/api/users/seed":              map[string]int{"userCount": users.AbleLength(shopperCount)},
		"/api/flash-sale/update-stock": map[string]int{"stockAmount": stock},
	} {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if a := s.send(context.Background(), http.MethodPost, base+path, string(raw)); a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.Status, a.Raw)
		}
	}
}

// killUnderLoad lets shoppers buy for a moment, kills the process meanwhile, and returns how many requests were in flight at
// that instant.
func killUnderLoad(t *testing.T, s *shoppers, p *process, random *rand.Rand, shopperCount int) int64 {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	for range 24 {
		names := rand.New(rand.NewPCG(random.Uint64(), 1))
		wg.Go(func() {
			for ctx.Err() == nil {
				s.press(ctx, p.url, users.AbleName(1+names.IntN(shopperCount)))
			}
		})
	}
	time.Sleep(time.Duration(20+random.IntN(120)) * time.Millisecond)
	hit := s.inFlight.Load()
	p.kill()
	cancel()
	wg.Wait()
	return hit
}

// assertNoPostgresLeft waits until no server of this data directory runs: such a server still writes to the files.
func assertNoPostgresLeft(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		left := processesNaming(dir)
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running after the kill:\n%s", left)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func processesNaming(dir string) string {
	out, err := exec.Command("ps", "-eo", "pid,args").Output()
	if err != nil {
		return ""
	}
	var left []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) && strings.Contains(line, "postgres") {
			left = append(left, strings.TrimSpace(line))
		}
	}
	return strings.Join(left, "\n")
}

// assertPromisesKept asks again for every shopper who has a receipt: the answer is the same receipt, and no second purchase.
func assertPromisesKept(t *testing.T, s *shoppers, base string) {
	t.Helper()
	var wg sync.WaitGroup
	turns := make(chan struct{}, 16)
	for name, receipt := range s.promised() {
		turns <- struct{}{}
		wg.Go(func() {
			a := s.press(context.Background(), base, name)
			if a.Status != http.StatusOK || a.Receipt != receipt {
				t.Errorf("%s was promised %s and is now answered %d %s", name, receipt, a.Status, a.Raw)
			}
			<-turns
		})
	}
	wg.Wait()
	if broken := s.broken(); len(broken) > 0 {
		t.Errorf("promises broken: %v", broken)
	}
}

// sellOut has every shopper ask until the ledger says that nothing is left.
func sellOut(t *testing.T, s *shoppers, base string, stock, shopperCount int) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for round := 0; ; round++ {
		var wg sync.WaitGroup
		names := make(chan string, shopperCount)
		for n := range shopperCount {
			names <- users.AbleName(n + 1)
		}
		close(names)
		for range 32 {
			wg.Go(func() {
				for name := range names {
					s.press(context.Background(), base, name)
				}
			})
		}
		wg.Wait()
		if len(s.promised()) >= stock {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d rounds %d of %d units are sold; answers %v", round, len(s.promised()), stock, s.statuses)
		}
	}
}

func assertVerified(t *testing.T, s *shoppers, base string) {
	t.Helper()
	if a := s.send(context.Background(), http.MethodPost, base+"/api/admin/verify", ""); a.Status != http.StatusOK || strings.Contains(a.Raw, `"broken"`) {
		t.Errorf("verify: %d %s", a.Status, a.Raw)
	}
}

// TestStopUnderLoadLosesNoAnswer stops an instance while shoppers buy: every request that was accepted gets an answer.
func TestStopUnderLoadLosesNoAnswer(t *testing.T) {
	t.Parallel()
	s, port := newShoppers(t), freePort(t)
	dir := t.TempDir() + "/data"
	runFile := dir + "/run.json"
	p := launch(t, port, "DATA_DIR="+dir)
	prepare(t, s, p.url, 300, 400)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	var lost, told atomic.Int64
	for w := range 16 {
		wg.Go(func() {
			for n := w; ctx.Err() == nil; n += 16 {
				a := s.press(context.Background(), p.url, users.AbleName(n%400+1))
				if a.Status == 0 && !a.Unserved {
					lost.Add(1)
				}
				if a.Unserved || a.Closing {
					told.Add(1)
					return // as a load balancer does when an instance says that it stops
				}
			}
		})
	}
	time.Sleep(30 * time.Millisecond)
	stopping, done := context.WithTimeout(context.Background(), 15*time.Second)
	defer done()
	if err := p.stop(stopping); err != nil {
		t.Errorf("exit: %v\n%s", err, p.log)
	}
	cancel()
	wg.Wait()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d accepted requests got no answer", n)
	}
	if len(s.promised()) == 0 || told.Load() != 16 {
		t.Errorf("%d purchases, %d of 16 shoppers were told of the stop; it proves nothing", len(s.promised()), told.Load())
	}
	if _, err := os.Stat(runFile); err == nil {
		t.Error("the run file is left over")
	}
}
