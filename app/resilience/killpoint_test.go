//go:build unix

package resilience

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	// parallelKillTests is how many kill tests run at once: while the consumer group of one waits for its killed member, another goes on.
	parallelKillTests = 3
	// roundKills is how many kills one kill test does before it is sold out and ends.
	roundKills = 40
	// auditEvery is after how many kills everything is checked while no purchase is under way.
	auditEvery = 20
)

// TestKilledAtEveryPoint kills one of three instances while it is stopped at a named point of its code, with at least fifty
// purchases in flight, and starts it again; many times. A kill counts only when its point was reached. 60 kills; 1,000 with
// FLASHSALE_RESILIENCE=full; RESILIENCE_KILLS sets another number. RESILIENCE_SEED repeats a run, with RESILIENCE_KILL one
// kill of it, RESILIENCE_POINT has all kills at one point, and RESILIENCE_RESULTS names a directory for the records.
func TestKilledAtEveryPoint(t *testing.T) {
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("kills need real servers: FLASHSALE_TEST_REAL=1")
	}
	kills := int(numbered(t, "RESILIENCE_KILLS", map[bool]uint64{true: 1000, false: 60}[full()]))
	r := &report{id: "A1", number: kills, fault: "killed at each of the named points", instances: killTestInstances}
	recorded(t, strconv.Itoa(kills), r, func(t *testing.T, r *report) { killAll(t, r, kills) })
}

// killAll does the kills that are missing, and prints a table of all kills done on this commit.
func killAll(t *testing.T, r *report, kills int) {
	plain(t)
	reg := openRegister(t)
	left := reg.missing(kills)
	if os.Getenv("RESILIENCE_KILL") != "" {
		left = []int{int(numbered(t, "RESILIENCE_KILL", 0))}
	}
	t.Logf("seed %d, commit %s: %d of %d kills to do", reg.seed, reg.commit, len(left), kills)
	began := time.Now()
	var working sync.WaitGroup
	rounds := roundsOf(left)
	for n := range parallelKillTests {
		working.Go(func() {
			for round := range rounds {
				t.Run(fmt.Sprintf("round %d from %d", n, round[0]), func(t *testing.T) { doRound(t, reg, round) })
			}
		})
	}
	working.Wait()
	text := reg.table()
	_, _ = fmt.Fprintf(os.Stdout, "%s\n%d kills in %v\n", text, len(left), time.Since(began).Round(time.Second))
	r.hits = int64(len(reg.done))
	r.note("seed %d: %d kills at %d points", reg.seed, len(reg.done), len(points()))
	if reg.file != "" {
		if err := os.WriteFile(filepath.Join(filepath.Dir(reg.file), "kills.md"), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	if few := len(reg.missing(kills)); few > 0 && os.Getenv("RESILIENCE_KILL") == "" {
		t.Errorf("%d kills are missing", few)
	}
}

// roundsOf divides the kills into rounds; each kill test that runs takes one after the other.
func roundsOf(left []int) <-chan []int {
	size := max(1, min(roundKills, (len(left)+parallelKillTests-1)/parallelKillTests))
	rounds := make(chan []int, len(left)/size+1)
	for len(left) > 0 {
		n := min(size, len(left))
		rounds <- left[:n]
		left = left[n:]
	}
	close(rounds)
	return rounds
}

// doRound does the kills of a round in a kill test of its own.
func doRound(t *testing.T, r *register, kills []int) {
	a := newKillTest(t)
	var done []*drawnKill
	for i, n := range kills {
		p, d := draw(r.seed, n)
		a.kill(p, d)
		done = append(done, d)
		if t.Failed() {
			return
		}
		t.Logf("%v: reached after %d ms, %d in flight, back after %d ms, %d ms in all", d, d.Reached, d.InFlight, d.Back, d.Took)
		if (i+1)%auditEvery == 0 || i+1 == len(kills) {
			a.audit()
			if t.Failed() {
				return
			}
			if err := r.add(done); err != nil {
				t.Fatal(err)
			}
			done = nil
		}
	}
	a.finish()
}
