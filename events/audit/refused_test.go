package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/embedded/embeddedtest"
)

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newRefusals is one that runs on a clock of the test's until stop is called, which waits for its end.
func newRefusals(t *testing.T, pool *pgxpool.Pool) (*Refusals, *clock, func()) {
	t.Helper()
	r, c := NewRefusals(New(pool), slog.New(slog.DiscardHandler), prometheus.NewRegistry()), &clock{now: time.Unix(1_800_000_000, 0)}
	r.now = c.Now
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return r, c, stop
}

func lines(t *testing.T, pool *pgxpool.Pool) (all []string) {
	t.Helper()
	list, err := New(pool).Recent(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(list) {
		all = append(all, strings.Join([]string{e.Actor, e.Means, e.Network, e.Action, e.Subject}, "|"))
	}
	return all
}

// countOf is the metric for one outcome.
func (r *Refusals) countOf(outcome string) float64 {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(r.metric)
	families, err := reg.Gather()
	if err != nil {
		return -1
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// Ten of a minute are recorded, the rest in one record; others are counted by themselves.
func TestRefusedActsAreRecordedAndThenSummedUp(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	r, c, stop := newRefusals(t, pool)
	alice, token := Who{"alice", "192.0.2.1", "session"}, Who{"alice", "192.0.2.9", "token nightly"}
	for range 47 {
		r.Note(Refusal{Who: alice, What: "POST /api/admin/team/:username/role", Why: "needs the role owner"})
		alice.Network = "192.0.2.2" // the same principal elsewhere
	}
	r.Note(Refusal{Who: token, What: "POST /api/flash-sale/reset", Why: "needs the scope operate"})
	wait(t, func() bool { return r.countOf("recorded") == 11 })
	if got := lines(t, pool); len(got) != 11 || got[0] != "alice|session|192.0.2.1|act.refused|POST /api/admin/team/:username/role" ||
		got[10] != "alice|token nightly|192.0.2.9|act.refused|POST /api/flash-sale/reset" {
		t.Errorf("recorded %q", got)
	}
	c.move(refusedWindow)
	wait(t, func() bool { return r.countOf("recorded") == 12 })
	if got := lines(t, pool); got[11] != "alice|session|192.0.2.1|act.refused|37 more refused" {
		t.Errorf("recorded %q", got[11])
	}
	// A new minute, and the end of the process within it.
	for range 12 {
		r.Note(Refusal{Who: alice, What: "x", Why: "y"})
	}
	stop()
	if got := lines(t, pool); len(got) != 23 || got[22] != "alice|session|192.0.2.2|act.refused|2 more refused" {
		t.Errorf("at the end %d: %q", len(got), got[len(got)-1])
	}
	if r.countOf("summed") != 39 || r.countOf("dropped") != 0 {
		t.Errorf("%v summed up, %v dropped", r.countOf("summed"), r.countOf("dropped"))
	}
}

// Whoever asks is never kept waiting, and memory is bounded, also when nothing can be written.
func TestNotingARefusalNeverWaits(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	r := NewRefusals(New(pool), slog.New(slog.DiscardHandler), nil) // it does not run
	began := time.Now()
	for i := range 10 * refusedPrincipals {
		r.Note(Refusal{Who: Who{fmt.Sprint(i), strings.Repeat("é", 500), "session\xff"}, What: strings.Repeat("x", 1000), Why: "y", Shopper: "a\x00b"})
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if len(r.records) != refusedQueue || len(r.seen) != refusedPrincipals {
		t.Errorf("%d records wait, of %d principals", len(r.records), len(r.seen))
	}
	if dropped := r.countOf("dropped"); dropped != 10*refusedPrincipals-refusedQueue {
		t.Errorf("%v dropped", dropped)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := r.countOf("recorded"); got != refusedQueue || len(lines(t, pool)) != refusedQueue {
		t.Errorf("%v are written at the end, %v dropped", got, r.countOf("dropped"))
	}
	pool.Close()
	r.Note(Refusal{Who: Who{Actor: "late"}, What: "x", Why: "y"})
	before := r.countOf("dropped")
	if err := r.Run(ctx); !errors.Is(err, context.Canceled) || r.countOf("dropped") != before+1 {
		t.Errorf("%v, %v dropped", err, r.countOf("dropped"))
	}
}

func wait(t *testing.T, until func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !until(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}
