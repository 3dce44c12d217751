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

// drawnKill is one kill as it was drawn, and what became of it. Seed and Kill repeat it.
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
	dice := rand.New(rand.NewPCG(seed, uint64(n)))
	return p, &drawnKill{Seed: seed, Kill: n, Point: p.name, Instance: dice.IntN(arenaSize), Passes: dice.IntN(p.most + 1),
		Linger: dice.IntN(40), Calm: dice.IntN(5) == 0}
}

// kill lets a process come to its point and kills it while it stands there, with purchases in flight. The instance comes
// back before it returns.
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
			a.t.Fatalf("%v: it never stood there when it was killed", d)
		}
		a.rise(d.Instance)
	}
	back := time.Now()
	a.rise(d.Instance)
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
		a.spawn(d.Instance, p.name, standing(d.Passes))
	case p.anyone:
		candidates = []int{0, 1, 2}
		fallthrough
	default:
		for _, i := range candidates {
			if err := a.switches[i].set(ctx, p.name, standing(d.Passes)); err != nil {
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
	stood := time.Since(seen) < stand
	a.instances[d.Instance].kill()
	return stood
}

// await waits until one of the candidates stands at the point, notes which, and returns a moment at which it did not
// stand there yet.
func (a *killTest) await(ctx context.Context, p point, d *drawnKill, candidates []int) time.Time {
	a.t.Helper()
	victim, provoked, began := d.Instance, time.Time{}, time.Now()
	away := map[int]time.Time{} // when each was last known not to stand there
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
	// patience is for everything that happens in a second or ten, but for a machine that is too busy.
	patience = 3 * time.Minute
)

// burst has many press at once, and returns when enough of the purchases are in flight, and how many those are.
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

// reopen brings the sale back to where everybody can buy: a new generation after it was closed or when most have
// bought, and resumed when the one that paused it was killed.
func (a *killTest) reopen(generation int64) {
	a.t.Helper()
	closed := a.number("SELECT count(*) FROM sales WHERE state IN ('closing', 'closed')") > 0
	if closed {
		a.eventually(patience, "the sale is closed", func() bool { return a.number("SELECT count(*) FROM sales WHERE state = 'closed'") > 0 })
	}
	if closed || a.pressing.next.Load() > killTestCrowd*3/4 {
		a.operate("/api/flash-sale/reset", `{"resetToSmallStock":false}`, http.StatusOK)
	}
	if a.number("SELECT count(*) FROM sales WHERE state = 'paused'") > 0 {
		a.act(context.Background(), 0, "/api/admin/resume", "")
	}
	if a.sale().Generation != generation {
		a.pressing.next.Store(0)
	}
}
