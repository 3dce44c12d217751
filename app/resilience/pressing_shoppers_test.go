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

// pressingShoppers is shoppers who press throughout, while instances are killed and come back: who gets no answer presses again,
// elsewhere. They keep every receipt they were ever given, over all generations of the sale.
type pressingShoppers struct {
	w       *world
	targets atomic.Pointer[[]string]
	next    atomic.Int64
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu    sync.Mutex
	all   map[string]string // name by receipt
	since map[string]string // those that were not looked up yet
}

// steady is how many shoppers press one after the other, with pauses; bursts come on top.
const steady = 8

func newPressingShoppers(w *world, targets ...string) *pressingShoppers {
	g := &pressingShoppers{w: w, all: map[string]string{}, since: map[string]string{}}
	g.aim(targets...)
	g.start()
	return g
}

// aim says where they press from now on.
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

// stop returns when every press is answered.
func (g *pressingShoppers) stop() {
	g.cancel()
	g.wg.Wait()
}

// name is mostly somebody who has not pressed yet in this generation.
func (g *pressingShoppers) name() string {
	n := g.next.Add(1)
	if n > killTestCrowd || rand.IntN(10) == 0 {
		n = 1 + rand.Int64N(min(n, killTestCrowd))
	}
	return users.SeriesName(int(n))
}

// press goes on until there is an answer.
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
