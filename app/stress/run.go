package stress

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// awake bounds how many shoppers exist as goroutines at once: those with a connection, those waiting for one,
// and those who were asked to come back later.
const awake = 8192

// run is one scenario under way.
type run struct {
	cfg      Config
	client   *client
	scenario Scenario
	tally    *tally
	bar      *bar

	shoppers   []*shopper
	generation int64
	duration   time.Duration // of all presses together
	arrivals   *Arrivals     // with Config.OpenLoop
	streams    *Streams
	watched    *Watched

	// before is how many units were sold when the run began.
	before int
	// ahead is what was done before the first press; nil in demo mode.
	ahead *Ahead

	// What the audit found.
	sold, left, distinct int
	checks               []Check
	faults               []string
}

func newRun(cfg Config, c *client, sc Scenario) *run {
	return &run{cfg: cfg, client: c, scenario: sc, tally: newTally(), bar: newBar(cfg.Progress)}
}

// makeShoppers makes the first n shoppers of the series who may purchase, in random order.
func (r *run) makeShoppers(n int) {
	r.shoppers = make([]*shopper, n)
	for i := range r.shoppers {
		r.shoppers[i] = newShopper(i+1, r.cfg.Seed)
	}
	r.shuffle()
}

// shuffle puts the shoppers in the random order of the seed.
func (r *run) shuffle() {
	random := rand.New(rand.NewPCG(uint64(r.cfg.Seed), 0))
	random.Shuffle(len(r.shoppers), func(i, j int) { r.shoppers[i], r.shoppers[j] = r.shoppers[j], r.shoppers[i] })
}

// pressAll makes all shoppers press and returns when all have a final answer.
func (r *run) pressAll(ctx context.Context) error {
	r.warm(ctx)
	began := time.Now()
	err := r.firstPresses(ctx)
	r.duration += time.Since(began)
	if err != nil {
		return err
	}
	return r.pressAfterAllClaimed(ctx)
}

// firstPresses makes all shoppers press: as fast as there are connections, or at a rate.
func (r *run) firstPresses(ctx context.Context) error {
	if r.cfg.OpenLoop > 0 {
		return r.atRate(ctx)
	}
	return r.forEach(ctx, "buying", r.shoppers, r.buy)
}

// pressAfterAllClaimed is for those who were told that every unit is claimed and some may come back: if some did, they
// press again, a few times, as people do.
func (r *run) pressAfterAllClaimed(ctx context.Context) error {
	for range 5 {
		var refused []*shopper
		for _, s := range r.shoppers {
			if s.refusal == "all-claimed" {
				refused = append(refused, s)
			}
		}
		if len(refused) == 0 {
			return nil
		}
		now, err := r.status(ctx, r.client.bases[0])
		if err != nil {
			return err
		}
		if now.CurrentStock == 0 {
			return nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		if err := r.forEach(ctx, "trying again", refused, r.buy); err != nil {
			return err
		}
	}
	return nil
}

// warm opens the connections before the clock starts, as browsers have when they show the button.
func (r *run) warm(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range min(cap(r.client.slots), len(r.shoppers)) {
		base := r.client.bases[i%len(r.client.bases)]
		wg.Go(func() { _, _ = r.client.send(ctx, requestTimeout, http.MethodGet, base+"/livez", nil) })
	}
	wg.Wait()
}

// forEach makes each shopper of the list act, all at once as far as there are connections.
func (r *run) forEach(ctx context.Context, what string, list []*shopper, act func(context.Context, *shopper) error) error {
	r.bar.begin(r.scenario.Name+": "+what, len(list))
	defer r.bar.end()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(awake)
	for _, s := range list {
		group.Go(func() error {
			defer r.bar.step()
			return act(ctx, s)
		})
	}
	return group.Wait()
}

// fault adds a line to what is wrong.
func (r *run) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}
