package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// What Grow measures at each step.
const (
	// grownSample is how many purchases are measured; what has to be sold before them is not.
	grownSample = 20_000
	// smallestSale is where the sizes begin.
	smallestSale = 1_000
	// backlogTime is how long what comes before a sample may take to be published.
	backlogTime = 10 * time.Minute
	// MaxProcesses is how many instances share one sale at most.
	MaxProcesses = 4
)

// Growth is what a purchase costs as a sale grows, as more processes share it, and as more streams watch it. Every
// cost is per purchase and covers what the purchase leaves to be done after its answer.
type Growth struct {
	Machine     Machine `json:"machine"`
	Servers     string  `json:"servers"`
	Connections int     `json:"connections"`
	// Sizes are sales of 1,000 units and more; of a large one the last 20,000 purchases are measured.
	Sizes []Step `json:"sizes"`
	// Processes are of one and more instances of the product on this machine.
	Processes []Step `json:"processes,omitempty"`
	// Streams are of live updates open at the same time.
	Streams []Step `json:"streams,omitempty"`
	// OK is false when an invariant of the sale was broken afterwards.
	OK     bool     `json:"ok"`
	Verify []Check  `json:"verify"`
	Notes  []string `json:"notes"`
}

// Step is one line of a table.
type Step struct {
	Units     int `json:"units"`
	Shoppers  int `json:"shoppers"`
	Processes int `json:"processes"`
	Streams   int `json:"streams"`
	// Purchases is how many were measured.
	Purchases int `json:"purchases"`
	// Rate is purchases a second. CPU is of the product's processes, ServerCPU of what they have started, in
	// microseconds for each purchase; nil when not measured.
	Rate      float64     `json:"perSecond"`
	CPU       *float64    `json:"cpuMicroseconds,omitempty"`
	ServerCPU *float64    `json:"serversCpuMicroseconds,omitempty"`
	Bought    Percentiles `json:"latencyOf201Ms"`
	// Resident is of the first process, in bytes; 0 when not measured.
	Resident float64 `json:"residentBytes,omitempty"`
	// Reset is how long it took until a new sale of that size was on offer, in milliseconds.
	Reset float64 `json:"resetMs"`
}

// GrowthConfig says how far to go. Product and Connections are as in Config.
type GrowthConfig struct {
	Config
	// Units is the size of the largest sale, at least 1,000.
	Units int
	// Seed makes the first n shoppers of the series exist where that is more than MaxShoppers, as many as one request
	// may ask for; nil: there are never more.
	Seed func(ctx context.Context, n int) error
	// Another starts one more instance that shares the sale; nil: there is only the one.
	Another func(context.Context) (Target, error)
}

// Grow measures, and writes the tables to cfg.Out. An error means that it could not be measured to the end.
func Grow(ctx context.Context, cfg GrowthConfig) (Growth, error) {
	if cfg.Units < smallestSale || cfg.Units > MaxShoppers {
		return Growth{}, fmt.Errorf("units must be %d to %d", smallestSale, MaxShoppers)
	}
	cfg.Noop, cfg.Saturated = cfg.Product, Target{}
	cfg.Shoppers = cfg.Units
	if err := cfg.prepare(); err != nil {
		return Growth{}, err
	}
	m, err := newMeter(cfg.Config)
	if err != nil {
		return Growth{}, err
	}
	defer m.close()
	g := grower{meter: m, cfg: cfg, all: []Target{cfg.Product}}
	g.found = Growth{OK: true, Machine: m.report.Machine, Servers: cfg.Servers, Connections: cfg.Connections}
	err = g.measure(ctx)
	g.found.OK, g.found.Verify, g.found.Notes = m.report.OK, m.report.Verify, m.report.Notes
	if err != nil && len(g.found.Sizes) == 0 {
		return g.found, err
	}
	// What took long to measure is shown, whatever stopped it.
	return g.found, errors.Join(err, g.found.write(cfg.Config))
}

// grower is one measurement under way.
type grower struct {
	*meter
	cfg   GrowthConfig
	all   []Target
	found Growth
}

func (g *grower) measure(ctx context.Context) error {
	g.calibrate(ctx)
	for units := smallestSale; units <= g.cfg.Units; units *= 10 {
		shoppers, err := g.populate(ctx, 10*units)
		if err != nil {
			return err
		}
		g.bar.say(fmt.Sprintf("%d units", units))
		s := Step{Units: units, Shoppers: shoppers}
		if err := g.step(ctx, &s); err != nil {
			return fmt.Errorf("%d units: %w", units, err)
		}
		g.found.Sizes = append(g.found.Sizes, s)
	}
	if err := g.watched(ctx); err != nil {
		return err
	}
	if err := g.shared(ctx); err != nil {
		return err
	}
	return g.verify(ctx)
}

// populate makes so many shoppers exist, or as many as it can, and shows how far that is.
func (g *grower) populate(ctx context.Context, wanted int) (int, error) {
	seed := g.shop.seed
	switch {
	case wanted > MaxShoppers && g.cfg.Seed != nil:
		seed = func(ctx context.Context, n int) error {
			// The product reads all of them before it answers about one.
			return errors.Join(g.cfg.Seed(ctx, n), g.shop.seed(ctx, 1))
		}
	case wanted > MaxShoppers:
		g.note("an instance that was not started here is asked for at most %d shoppers", MaxShoppers)
		wanted = MaxShoppers
	}
	counting, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	if g.bar != nil {
		wg.Go(func() {
			for pause(counting, time.Second) == nil {
				if n, err := g.shop.shoppers(counting); err == nil {
					g.bar.say(fmt.Sprintf("%d of %d shoppers", n, wanted))
				}
			}
		})
	}
	err := seed(ctx, wanted)
	stop()
	wg.Wait()
	return wanted, err
}

// watched sells while streams are open.
func (g *grower) watched(ctx context.Context) error {
	most := g.affordable()
	for n := 0; ; n = max(1, 10*n) {
		n = min(n, most)
		g.bar.say(fmt.Sprintf("%d streams", n))
		h, err := g.hold(ctx, n)
		if err == nil {
			s := Step{Units: min(g.cfg.Units, grownSample), Shoppers: g.cfg.Units, Streams: n}
			if err = g.step(ctx, &s); err == nil {
				g.found.Streams = append(g.found.Streams, s)
			}
		}
		h.close()
		if err != nil {
			return fmt.Errorf("%d streams: %w", n, err)
		}
		if n == most {
			return nil
		}
	}
}

// shared sells by one process after the other more.
func (g *grower) shared(ctx context.Context) error {
	if g.cfg.Another == nil {
		g.note("more than one process was not measured: they can share only servers that are configured")
		return nil
	}
	for {
		g.bar.say(fmt.Sprintf("%d processes", len(g.all)))
		s := Step{Units: min(g.cfg.Units, grownSample), Shoppers: g.cfg.Units}
		if err := g.step(ctx, &s); err != nil {
			return fmt.Errorf("%d processes: %w", len(g.all), err)
		}
		g.found.Processes = append(g.found.Processes, s)
		if len(g.all) == MaxProcesses {
			return nil
		}
		another, err := g.cfg.Another(ctx)
		if err != nil {
			return err
		}
		g.all = append(g.all, another)
	}
}

// step measures purchases at one size: the last ones of a large sale, all those of several small ones.
func (g *grower) step(ctx context.Context, s *Step) error {
	s.Processes = len(g.all)
	load, err := newGenerator(g.cfg.Product.URL, g.cfg.Connections)
	if err != nil {
		return err
	}
	defer load.close()
	if err := load.spread(g.all); err != nil {
		return err
	}
	sample := min(s.Units, grownSample)
	var took []time.Duration
	var pressed time.Duration
	spent, resets := cost{}, []float64{}
	for s.Purchases < min(grownSample, g.cfg.Units) {
		began := time.Now()
		if err := g.offer(ctx, s.Units); err != nil {
			return err
		}
		resets = append(resets, milliseconds(time.Since(began)))
		if err := g.sellAhead(ctx, load, s.Units-sample); err != nil {
			return err
		}
		t, used, err := g.measured(ctx, load, s.Units-sample, s.Units)
		if err != nil {
			return err
		}
		took, pressed = append(took, t.latencies...), pressed+t.counted
		for part, v := range used {
			spent[part] += v
		}
		s.Purchases += t.good(http.StatusCreated)
	}
	slices.Sort(took)
	s.Bought, s.Rate, s.Reset = percentiles(took), float64(s.Purchases)/pressed.Seconds(), interpolated(slices.Sorted(slices.Values(resets)), .5)
	s.CPU, s.ServerCPU = spent.each(costCPU, s.Purchases), spent.each(costServers, s.Purchases)
	s.Resident, _ = g.resident(ctx) // its absence is noted by look
	return nil
}

// offer begins a new sale and waits until every process has it.
func (g *grower) offer(ctx context.Context, units int) error {
	if err := g.shop.begin(ctx, units); err != nil {
		return err
	}
	for _, one := range g.all[1:] {
		other := shop{base: one.URL, client: g.client}
		if err := other.await(ctx, "another process has the new sale", func(now state) bool {
			return now.MaxStock == units && now.Sold == 0 && now.Status == "active"
		}); err != nil {
			return err
		}
	}
	return nil
}

// sell lets the shoppers from one to another press once each; all of them have to get a unit.
func (g *grower) sell(ctx context.Context, load *generator, from, to int, took *tally) error {
	if from >= to {
		return nil
	}
	t, err := load.run(ctx, shift{}, http.StatusCreated, g.pressesOf(load.host, from, to))
	if err != nil {
		return err
	}
	if good := t.good(http.StatusCreated); good < (to-from)*99/100 {
		return errors.Join(fmt.Errorf("%d of %d presses were confirmed at once: %v", good, to-from, t.codes), t.cause)
	}
	if took != nil {
		*took = t
	}
	return nil
}

// sellAhead sells what comes before a sample, and all that this leaves to be done is done when it returns.
func (g *grower) sellAhead(ctx context.Context, load *generator, units int) error {
	if units == 0 {
		return nil
	}
	if err := g.sell(ctx, load, 0, units, nil); err != nil {
		return err
	}
	return g.settleWithin(ctx, backlogTime)
}

// measured is sell with its cost.
func (g *grower) measured(ctx context.Context, load *generator, from, to int) (t tally, spent cost, err error) {
	before := g.lookAll(ctx)
	if err := g.sell(ctx, load, from, to, &t); err != nil {
		return t, nil, err
	}
	if err := g.settle(ctx); err != nil {
		return t, nil, err
	}
	spent = cost{}
	for i, after := range g.lookAll(ctx) {
		for part, v := range g.spent(g.all[i], before[i], after) {
			spent[part] += v
		}
	}
	return t, spent, nil
}

func (g *grower) lookAll(ctx context.Context) []glance {
	looks := make([]glance, len(g.all))
	for i, one := range g.all {
		looks[i] = g.look(ctx, one)
	}
	return looks
}

// each is a part of the cost for one of n, in millionths; nil when it is missing.
func (c cost) each(part string, n int) *float64 {
	v, ok := c[part]
	if !ok || n == 0 {
		return nil
	}
	v *= 1e6 / float64(n)
	return &v
}
