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
	// arenas are served at once: while the group of one waits for its dead member, another goes on.
	arenas = 3
	// roundKills are done in one kill test, before it is sold out and ends.
	roundKills = 40
	// auditEvery is after how many kills everything is checked, with nobody pressing.
	auditEvery = 20
)

// TestKilledAtEveryPoint kills one of three instances while it stands at a named point of its code, with at least fifty
// purchases in flight, and has it come back; again and again. A kill counts only when its point was reached. 60 kills;
// 1,000 with FLASHSALE_RESILIENCE=full; RESILIENCE_KILLS says another number. RESILIENCE_SEED repeats a run, with
// RESILIENCE_KILL one kill of it, RESILIENCE_POINT has all kills at one point, and RESILIENCE_RESULTS names a directory that
// keeps what was done.
func TestKilledAtEveryPoint(t *testing.T) {
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("kills need real servers: FLASHSALE_TEST_REAL=1")
	}
	kills := int(numbered(t, "RESILIENCE_KILLS", map[bool]uint64{true: 1000, false: 60}[full()]))
	r := &report{id: "A1", number: kills, fault: "killed at each of the named points", instances: arenaSize}
	recorded(t, strconv.Itoa(kills), r, func(t *testing.T, r *report) { killAll(t, r, kills) })
}

// killAll does the kills that are missing, and prints a table of all that were ever done on this commit.
func killAll(t *testing.T, r *report, kills int) {
	plain(t)
	book := openRegister(t)
	left := book.missing(kills)
	if os.Getenv("RESILIENCE_KILL") != "" {
		left = []int{int(numbered(t, "RESILIENCE_KILL", 0))}
	}
	t.Logf("seed %d, commit %s: %d of %d kills to do", book.seed, book.commit, len(left), kills)
	began := time.Now()
	var working sync.WaitGroup
	rounds := dealt(left)
	for n := range arenas {
		working.Go(func() {
			for round := range rounds {
				t.Run(fmt.Sprintf("round %d from %d", n, round[0]), func(t *testing.T) { playRound(t, book, round) })
			}
		})
	}
	working.Wait()
	text := book.table()
	_, _ = fmt.Fprintf(os.Stdout, "%s\n%d kills in %v\n", text, len(left), time.Since(began).Round(time.Second))
	r.hits = int64(len(book.done))
	r.note("seed %d: %d kills at %d points", book.seed, len(book.done), len(points()))
	if book.file != "" {
		if err := os.WriteFile(filepath.Join(filepath.Dir(book.file), "kills.md"), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	if few := len(book.missing(kills)); few > 0 && os.Getenv("RESILIENCE_KILL") == "" {
		t.Errorf("%d kills are missing", few)
	}
}

// dealt cuts the kills into rounds, of which the arenas take one after the other.
func dealt(left []int) <-chan []int {
	size := max(1, min(roundKills, (len(left)+arenas-1)/arenas))
	rounds := make(chan []int, len(left)/size+1)
	for len(left) > 0 {
		n := min(size, len(left))
		rounds <- left[:n]
		left = left[n:]
	}
	close(rounds)
	return rounds
}

// playRound does some kills in a test of their own.
func playRound(t *testing.T, r *register, kills []int) {
	a := newKillTest(t)
	var deaths []*drawnKill
	for i, n := range kills {
		p, d := draw(r.seed, n)
		a.kill(p, d)
		deaths = append(deaths, d)
		if t.Failed() {
			return
		}
		t.Logf("%v: reached after %d ms, %d in flight, back after %d ms, %d ms in all", d, d.Reached, d.InFlight, d.Back, d.Took)
		if (i+1)%auditEvery == 0 || i+1 == len(kills) {
			a.audit()
			if t.Failed() {
				return
			}
			if err := r.add(deaths); err != nil {
				t.Fatal(err)
			}
			deaths = nil
		}
	}
	a.finish()
}
