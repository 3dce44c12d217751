//go:build unix

package resilience

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"flashsale/users"
)

// pressingShoppers is shoppers who buy all the time, while instances are killed and started again: a shopper without an answer
// asks another instance. They keep every receipt they were ever given, over all generations of the sale.
type pressingShoppers struct {
	w       *world
	targets atomic.Pointer[[]string]
	next    atomic.Int64
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu    sync.Mutex
	all   map[string]string // name by receipt
	since map[string]string // those that were not checked yet
}

// steady is how many shoppers ask one after the other, with pauses; bursts are in addition.
const steady = 8

func newPressingShoppers(w *world, targets ...string) *pressingShoppers {
	g := &pressingShoppers{w: w, all: map[string]string{}, since: map[string]string{}}
	g.aim(targets...)
	g.start()
	return g
}

// aim sets the instances that they ask from now on.
func (g *pressingShoppers) aim(targets ...string) { g.targets.Store(&targets) }

func (g *pressingShoppers) start() {
	var ctx context.Context
	ctx, g.cancel = context.WithCancel(context.Background())
	for range steady {
		g.wg.Go(func() {
			for ctx.Err() == nil {
				g.press(g.name())
				select {
				case <-ctx.Done():
				case <-time.After(40*time.Millisecond + rand.N(80*time.Millisecond)):
				}
			}
		})
	}
}

// stop returns when every request is answered.
func (g *pressingShoppers) stop() {
	g.cancel()
	g.wg.Wait()
}

// name is mostly a shopper who has not asked yet in this generation.
func (g *pressingShoppers) name() string {
	n := g.next.Add(1)
	if n > killTestShoppers || rand.IntN(10) == 0 {
		n = 1 + rand.Int64N(min(n, killTestShoppers))
	}
	return users.AbleName(int(n))
}

// press asks again until there is an answer.
func (g *pressingShoppers) press(name string) {
	for began := time.Now(); time.Since(began) < patience; {
		targets := *g.targets.Load()
		a := g.w.shoppers.press(context.Background(), targets[rand.IntN(len(targets))], name)
		if a.Status == http.StatusOK || a.Status == http.StatusCreated {
			g.keep(a.Receipt, name)
		}
		if a.Status != 0 {
			return
		}
		time.Sleep(10*time.Millisecond + rand.N(40*time.Millisecond))
	}
	g.w.t.Errorf("%s got no answer at all", name)
}

func (g *pressingShoppers) keep(receipt, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.all[receipt] {
	case name:
	case "":
		g.all[receipt], g.since[receipt] = name, name
	default:
		g.w.t.Errorf("%s and %s were given the same receipt %s", g.all[receipt], name, receipt)
	}
}

// given is every receipt ever given.
func (g *pressingShoppers) given() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.all)
}

// fresh is the receipts given since the last call.
func (g *pressingShoppers) fresh() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	since := g.since
	g.since = map[string]string{}
	return since
}
