//go:build unix

package resilience

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"
)

// drawnKill is one kill as it was drawn at random, and its result. Seed and Kill repeat it.
type drawnKill struct {
	Commit   string `json:"commit"`
	Seed     uint64 `json:"seed"`
	Kill     int    `json:"kill"`
	Point    string `json:"point"`
	Instance int    `json:"instance"`
	Passes   int    `json:"passes"`
	Calm     bool   `json:"calm"` // the log was consumed before
	Linger   int    `json:"linger_ms"`

	InFlight int64 `json:"in_flight"`
	Reached  int64 `json:"reached_ms"`
	Back     int64 `json:"back_ms"`
	Took     int64 `json:"took_ms"`
	Misses   int   `json:"misses"` // times that the process had gone on before it was killed
}

func (d *drawnKill) String() string {
	return fmt.Sprintf("seed %d kill %d: instance %d at %s after %d passes", d.Seed, d.Kill, d.Instance, d.Point, d.Passes)
}

// draw is the n-th kill of a seed. Every point has its turn before any has a second one.
func draw(seed uint64, n int) (point, *drawnKill) {
	all := points()
	turns := rand.New(rand.NewPCG(seed, uint64(n/len(all))|1<<40))
	p := all[turns.Perm(len(all))[n%len(all)]]
	if only := slices.IndexFunc(all, func(p point) bool { return p.name == os.Getenv("RESILIENCE_POINT") }); only >= 0 {
		p = all[only]
	}
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	return p, &drawnKill{Seed: seed, Kill: n, Point: p.name, Instance: random.IntN(killTestInstances), Passes: random.IntN(p.most + 1),
		Linger: random.IntN(40), Calm: random.IntN(5) == 0}
}

// kill waits until a process is at its point and kills it there, with purchases in flight. It returns when the instance has
// started again.
func (a *killTest) kill(p point, d *drawnKill) {
	a.t.Helper()
	began := time.Now()
	defer func() {
		d.Took = time.Since(began).Milliseconds()
		if a.t.Failed() {
			a.t.Log("failed at ", d)
		}
	}()
	if p.fresh {
		a.killAtFirstStart(p, d)
		return
	}
	generation := a.sale().Generation
	if d.Calm {
		a.calm()
	}
	for !a.killStanding(p, d) {
		if d.Misses++; d.Misses > 5 {
			a.t.Fatalf("%v: it was never at the point when it was killed", d)
		}
		a.startInstance(d.Instance)
	}
	back := time.Now()
	a.startInstance(d.Instance)
	d.Back = time.Since(back).Milliseconds()
	a.reopen(generation)
	a.checkSince()
}

// killStanding is false when the process may have gone on before it was killed.
func (a *killTest) killStanding(p point, d *drawnKill) bool {
	a.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began := time.Now()
	candidates := []int{d.Instance}
	switch {
	case p.rejoins:
		a.instances[d.Instance].kill()
		a.spawn(d.Instance, p.name, stopAfter(d.Passes))
	case p.anyone:
		candidates = []int{0, 1, 2}
		fallthrough
	default:
		for _, i := range candidates {
			if err := a.switches[i].set(ctx, p.name, stopAfter(d.Passes)); err != nil {
				a.t.Fatal(err)
			}
		}
	}
	seen := a.await(ctx, p, d, candidates)
	d.Reached = time.Since(began).Milliseconds()
	for _, i := range candidates {
		if i != d.Instance {
			_ = a.switches[i].set(ctx, p.name, "off")
		}
	}
	time.Sleep(time.Duration(d.Linger) * time.Millisecond)
	d.InFlight = a.burst()
	_ = a.instances[d.Instance].cmd.Process.Signal(syscall.SIGKILL)
	caught := time.Since(seen) < pointTime
	a.instances[d.Instance].kill()
	return caught
}

// await waits until one of the candidates is at the point, notes which, and returns a time at which it was not there yet.
func (a *killTest) await(ctx context.Context, p point, d *drawnKill, candidates []int) time.Time {
	a.t.Helper()
	victim, provoked, began := d.Instance, time.Time{}, time.Now()
	away := map[int]time.Time{} // when each was last known not to be at the point
	for {
		if p.provoke != nil && time.Since(provoked) > provokeEvery && !(p.once && !provoked.IsZero()) {
			provoked = time.Now()
			if p.once {
				p.provoke(ctx, a, victim)
			} else {
				a.beside(func() { p.provoke(ctx, a, victim) })
			}
		}
		for _, i := range candidates {
			before := time.Now()
			n, err := a.switches[i].passed(ctx, p.name)
			switch {
			case err != nil: // not up yet
			case n <= d.Passes:
				away[i] = before
			default:
				d.Instance = i
				if away[i].IsZero() {
					return began
				}
				return away[i]
			}
		}
		if time.Since(began) > patience {
			a.t.Fatalf("%v: it was not reached in %v", d, patience)
		}
		time.Sleep(pollEvery)
	}
}

const (
	pollEvery = 5 * time.Millisecond
	// patience is for everything that takes at most ten seconds, except on a very busy machine.
	patience = 3 * time.Minute
)

// burst has many shoppers buy at once, and returns the number of purchases in flight as soon as there are enough.
func (a *killTest) burst() int64 {
	a.t.Helper()
	for began := time.Now(); ; {
		for range least + 30 - min(least, int(a.shoppers.inFlight.Load())) {
			a.beside(func() { a.pressing.press(a.pressing.name()) })
		}
		for wave := time.Now(); time.Since(wave) < 100*time.Millisecond; time.Sleep(200 * time.Microsecond) {
			if n := a.shoppers.inFlight.Load(); n >= least {
				return n
			}
		}
		if time.Since(began) > patience {
			a.t.Fatal("there are never enough purchases in flight")
		}
	}
}

// reopen makes the sale open again: it begins a new generation when the sale was closed or most shoppers have bought, and
// resumes it when the instance that paused it was killed.
func (a *killTest) reopen(generation int64) {
	a.t.Helper()
	closed := a.number("SELECT count(*) FROM sales WHERE state IN ('closing', 'closed')") > 0
	if closed {
		a.eventually(patience, "the sale is closed", func() bool { return a.number("SELECT count(*) FROM sales WHERE state = 'closed'") > 0 })
	}
	if closed || a.pressing.next.Load() > killTestShoppers*3/4 {
		a.operate("/api/flash-sale/reset", `{"resetToSmallStock":false}`, http.StatusOK)
	}
	if a.number("SELECT count(*) FROM sales WHERE state = 'paused'") > 0 {
		a.act(context.Background(), 0, "/api/admin/resume", "")
	}
	if a.sale().Generation != generation {
		a.pressing.next.Store(0)
	}
}
