//go:build unix

package resilience

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// killAtFirstStart kills an instance in the middle of the first start of a deployment of its own, on the same servers,
// while shoppers buy in the kill test. Another instance that starts beside it, or the same one again, must complete the first
// start.
func (a *killTest) killAtFirstStart(p point, d *drawnKill) {
	a.t.Helper()
	namespace := fmt.Sprintf("%s_%d", a.namespace, d.Kill)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		a.remove(ctx, namespace)
	}()
	for caught := false; !caught; {
		caught = a.killStarting(p, d, namespace)
		if !caught {
			if d.Misses++; d.Misses > 5 {
				a.t.Fatalf("%v: it was never at the point when it was killed", d)
			}
			namespace += "x"
		}
	}
}

func (a *killTest) killStarting(p point, d *drawnKill, namespace string) bool {
	a.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	program, err := pointed()
	if err != nil {
		a.t.Fatal(err)
	}
	control, port := newPointControl(a.t), freePort(a.t)
	start := func(set ...string) *process {
		return spawn(a.t, program, port, append(control.environment(set...), a.environment(namespace)...)...)
	}
	began := time.Now()
	victim := start(p.name, stopAfter(d.Passes))
	away := began // when it was last known not to be at the point
	for {
		before := time.Now()
		n, err := control.passed(ctx, p.name)
		if err == nil && n > d.Passes {
			break
		}
		if err == nil {
			away = before
		}
		if time.Since(began) > patience {
			a.t.Fatalf("%v: it was not reached in %v\n%s", d, patience, victim.log)
		}
		if victim.ended() {
			victim = start(p.name, stopAfter(d.Passes))
		}
		time.Sleep(pollEvery)
	}
	d.Reached = time.Since(began).Milliseconds()
	var beside *process
	other := freePort(a.t)
	if d.Calm { // a second one is under way already
		beside = spawn(a.t, program, other, a.environment(namespace)...)
	}
	d.InFlight = a.burst()
	victim.kill()
	caught := time.Since(away) < pointTime
	back := time.Now()
	together := []*process{startUntilReady(a.t, func() *process { return start() })}
	if beside != nil {
		together = append(together, startUntilReady(a.t, func() *process {
			if beside.ended() {
				beside = spawn(a.t, program, other, a.environment(namespace)...)
			}
			return beside
		}))
	}
	d.Back = time.Since(back).Milliseconds()
	a.complete(together)
	for _, one := range together {
		one.kill()
	}
	a.checkSince()
	return caught
}

// complete checks that a deployment is like every other one after its first start: one shopper can buy, one is not authorized.
func (a *killTest) complete(instances []*process) {
	a.t.Helper()
	for _, one := range instances {
		for name, want := range map[string]int{"john_doe": http.StatusCreated, "bob_wilson": http.StatusForbidden, "jane_smith_1": http.StatusCreated} {
			if one != instances[0] && want == http.StatusCreated {
				want = http.StatusOK
			}
			var last answer
			for began := time.Now(); last.Status != want && time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
				if last = a.shoppers.send(context.Background(), http.MethodPost, one.url+"/api/flash-sale/purchase", fmt.Sprintf(`{"username":%q}`, name)); last.Status == http.StatusOK {
					break
				}
			}
			if last.Status != want {
				a.t.Errorf("after a first start that was interrupted %s is answered %d %s", name, last.Status, last.Raw)
			}
		}
	}
	here := *a.world
	here.instances = instances
	here.verified()
}
