//go:build unix

package resilience

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// ledgerMoment is the sale as the ledger had it at some moment between before and after.
type ledgerMoment struct {
	before, after time.Time
	generation    int64
	state         string
	total, taken  int64
	stockVersion  int64
	saleVersion   int64
}

func (g ledgerMoment) soldOut() bool { return g.taken >= g.total }

// history is the state of the ledger from moment to moment, read past every fault. Refusals are compared with it: each must
// have been true at some moment between its request and its answer, or at most the lease before.
type history struct {
	mu      sync.Mutex
	moments []ledgerMoment
	cancel  context.CancelFunc
	done    chan struct{}
}

// lease is how old the state that an answer tells may be: I6 allows two seconds.
const lease = 2 * time.Second

// watched begins a history of the world's sale. It ends with the test, or with close.
func (w *world) watched(t *testing.T) *history {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &history{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(h.done)
		for ctx.Err() == nil {
			if g, err := w.readMoment(ctx); err == nil {
				h.add(g)
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(h.close)
	h.awaitMoment(t)
	return h
}

func (w *world) readMoment(ctx context.Context) (ledgerMoment, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	g := ledgerMoment{before: time.Now()}
	err := w.pool.QueryRow(ctx, `SELECT s.generation, s.state, s.version, k.total, k.taken, k.version
		FROM sales s JOIN stock k ON k.sale_id = s.id AND k.generation = s.generation ORDER BY s.id LIMIT 1`).
		Scan(&g.generation, &g.state, &g.saleVersion, &g.total, &g.taken, &g.stockVersion)
	g.after = time.Now()
	return g, err
}

func (h *history) add(g ledgerMoment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moments = append(h.moments, g)
}

// forget drops the moments before a time, except the last of them.
func (h *history) forget(before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	drop := 0
	for drop+1 < len(h.moments) && h.moments[drop+1].after.Before(before) {
		drop++
	}
	h.moments = slices.Delete(h.moments, 0, drop)
}

func (h *history) close() {
	h.cancel()
	<-h.done
}

// awaitMoment waits for a moment that was read after the call, so that the answers given until then can be judged.
func (h *history) awaitMoment(t *testing.T) {
	t.Helper()
	called, deadline := time.Now(), time.Now().Add(30*time.Second)
	for {
		h.mu.Lock()
		seen := len(h.moments) > 0 && h.moments[len(h.moments)-1].before.After(called)
		h.mu.Unlock()
		if seen {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the ledger cannot be read")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// around is the moments from the last one before a time to the first one after another time.
func (h *history) around(from, to time.Time) []ledgerMoment {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, last := 0, len(h.moments)
	for i, g := range h.moments {
		if g.after.Before(from) {
			first = i
		}
		if g.before.After(to) {
			last = i + 1
			break
		}
	}
	return slices.Clone(h.moments[first:last])
}

// untrue says what is wrong with an answer; empty when nothing is.
func (h *history) untrue(a timedAnswer) string {
	seen := h.around(a.began.Add(-lease), a.ended)
	if len(seen) == 0 {
		return "the ledger was not read"
	}
	is := func(what func(ledgerMoment) bool) bool { return slices.ContainsFunc(seen, what) }
	var fits bool
	switch a.outcome() {
	case "409 sold-out":
		fits = is(ledgerMoment.soldOut) || unseen(seen, func(g ledgerMoment) int64 { return g.stockVersion }, func(a, b ledgerMoment) bool {
			return a.generation != b.generation || a.total != b.total
		})
	case "409 paused":
		fits = is(func(g ledgerMoment) bool { return g.state == "paused" }) ||
			unseen(seen, func(g ledgerMoment) int64 { return g.saleVersion }, func(ledgerMoment, ledgerMoment) bool { return true })
	case "409 generation-changed":
		fits = seen[0].generation != seen[len(seen)-1].generation
	default:
		return ""
	}
	if fits {
		return ""
	}
	first, last := seen[0], seen[len(seen)-1]
	return fmt.Sprintf("%s was told %q after %v, while the ledger had %s, %d of %d in generation %d, and at last %s, %d of %d in generation %d",
		a.name, a.outcome(), a.ended.Sub(a.began).Round(time.Millisecond), first.state, first.taken, first.total, first.generation,
		last.state, last.taken, last.total, last.generation)
}

// impossible says what the ledger did that it may never do; empty when nothing: it sold more than there is, it sold during a
// pause, or a version went back.
func (h *history) impossible() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, g := range h.moments {
		if g.taken > g.total {
			return fmt.Sprintf("%d of %d units were taken in generation %d", g.taken, g.total, g.generation)
		}
		if i == 0 {
			continue
		}
		before := h.moments[i-1]
		switch {
		case g.generation < before.generation || g.saleVersion < before.saleVersion || g.stockVersion < before.stockVersion:
			return fmt.Sprintf("from generation %d, versions %d and %d, the ledger went to generation %d, versions %d and %d", before.generation,
				before.saleVersion, before.stockVersion, g.generation, g.saleVersion, g.stockVersion)
		case g.state == "paused" && before.state == "paused" && g.saleVersion == before.saleVersion && g.taken > before.taken:
			return fmt.Sprintf("%d units were sold in a pause of generation %d", g.taken-before.taken, g.generation)
		}
	}
	return ""
}

// unseen is true when a state between two moments may have been missed: there was more than one change of that kind.
func unseen(seen []ledgerMoment, version func(ledgerMoment) int64, change func(a, b ledgerMoment) bool) bool {
	for i := 1; i < len(seen); i++ {
		if version(seen[i])-version(seen[i-1]) > 1 && change(seen[i-1], seen[i]) {
			return true
		}
	}
	return false
}

// A refusal that was true at no moment of the history is found, and no other one.
func TestRefusalsAreComparedWithTheLedger(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	h := &history{}
	for _, g := range []ledgerMoment{
		{before: at(0), generation: 1, state: "open", total: 9, taken: 5, stockVersion: 10, saleVersion: 1},
		{before: at(100), generation: 1, state: "open", total: 9, taken: 9, stockVersion: 12, saleVersion: 1},
		{before: at(200), generation: 1, state: "paused", total: 20, taken: 9, stockVersion: 13, saleVersion: 2},
		{before: at(300), generation: 1, state: "open", total: 20, taken: 9, stockVersion: 13, saleVersion: 3},
		{before: at(5000), generation: 1, state: "open", total: 20, taken: 12, stockVersion: 15, saleVersion: 3},
		{before: at(9000), generation: 2, state: "open", total: 20, taken: 12, stockVersion: 19, saleVersion: 4},
		{before: at(12000), generation: 2, state: "open", total: 20, taken: 13, stockVersion: 20, saleVersion: 6},
	} {
		g.after = g.before.Add(time.Millisecond)
		h.add(g)
	}
	for _, one := range []struct {
		outcome    string
		began      int
		wantUntrue bool
	}{
		{"sold-out", 150, false}, {"sold-out", 2000, false}, {"sold-out", 2350, true}, {"sold-out", 4500, true},
		{"sold-out", 8000, false}, // the generation changed meanwhile, with more than one change of the stock
		{"paused", 150, false}, {"paused", 2000, false}, {"paused", 4500, true}, {"paused", 11500, false},
		{"generation-changed", 150, true}, {"generation-changed", 8000, false}, {"all-claimed", 150, false},
	} {
		a := timedAnswer{answer: answer{Status: 409, Problem: "/problems/" + one.outcome}, name: "x", began: at(one.began), ended: at(one.began + 20)}
		if got := h.untrue(a); (got != "") != one.wantUntrue {
			t.Errorf("%s at %d ms: %q", one.outcome, one.began, got)
		}
	}
}

// A history with a step that the ledger may never take is found.
func TestImpossibleHistoriesAreFound(t *testing.T) {
	t.Parallel()
	paused := ledgerMoment{generation: 2, state: "paused", total: 9, taken: 5, stockVersion: 10, saleVersion: 4}
	for name, change := range map[string]func(*ledgerMoment){
		"more than there is": func(g *ledgerMoment) { g.state, g.taken, g.saleVersion = "open", 10, 5 },
		"sold in a pause":    func(g *ledgerMoment) { g.taken++; g.stockVersion++ },
		"a generation back":  func(g *ledgerMoment) { g.generation-- },
		"a version back":     func(g *ledgerMoment) { g.stockVersion-- },
		"":                   func(g *ledgerMoment) { g.state, g.saleVersion, g.taken, g.stockVersion = "open", 5, 9, 14 },
	} {
		after := paused
		change(&after)
		h := &history{moments: []ledgerMoment{paused, after}}
		if got := h.impossible(); (got != "") != (name != "") {
			t.Errorf("%q: %q", name, got)
		}
	}
}
