package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"
)

const (
	// measuredPurchases is how many purchases a step measures at most. In a larger sale they are the last ones.
	measuredPurchases = 20_000
	// smallestSale is the size of the first sale, in units.
	smallestSale = 1_000
	// backlogTime bounds the wait until the purchases before the measured ones are published.
	backlogTime = 10 * time.Minute
	// maxProcesses is how many instances share one sale at the end.
	maxProcesses = 4
)

// growth is what a purchase costs in larger and larger sales, with more and more streams, and with more and more processes
// that share the sale. Every cost is that of one purchase, with the work that it causes after its answer.
type growth struct {
	Machine     machine `json:"machine"`
	Servers     string  `json:"servers"`
	Connections int     `json:"connections"`
	// Sizes has a step for each size: 1,000 units, 10,000, and so on. Of a large sale the last 20,000 purchases are measured.
	Sizes []step `json:"sizes"`
	// Processes has a step for one instance of the product on this machine, for two, and so on.
	Processes []step `json:"processes,omitempty"`
	// Streams has a step for each number of open live updates.
	Streams []step `json:"streams,omitempty"`
	// OK is false when an invariant of the sale is broken afterwards.
	OK     bool     `json:"ok"`
	Verify []check  `json:"verify"`
	Notes  []string `json:"notes"`
}

// step is the measurement in one line of a table.
type step struct {
	Units     int `json:"units"`
	Shoppers  int `json:"shoppers"`
	Processes int `json:"processes"`
	Streams   int `json:"streams"`
	// Purchases is how many were measured.
	Purchases int `json:"purchases"`
	// Rate is purchases a second. CPU is that of the product's processes, ServerCPU that of the servers they have started,
	// both in microseconds for each purchase; nil when not measured.
	Rate      float64     `json:"perSecond"`
	CPU       *float64    `json:"cpuMicroseconds,omitempty"`
	ServerCPU *float64    `json:"serversCpuMicroseconds,omitempty"`
	Bought    percentiles `json:"latencyOf201Ms"`
	// Resident is the memory of the first process, in bytes; 0 when not measured.
	Resident float64 `json:"residentBytes,omitempty"`
	// Reset is the time until a new sale of that size was open in all processes, in milliseconds.
	Reset float64 `json:"resetMs"`
}

// GrowthConfig says how large the sales become. Grow uses Product, Servers, Connections, Streams, Seed and the outputs of
// Config, and only checks the rest.
type GrowthConfig struct {
	Config
	// Units is the size of the largest sale, at least 1,000.
	Units int
	// SeedShoppers makes the first n shoppers of the series exist. It is used for more than a million, the most that one
	// request to the product may ask for; nil: no sale has more.
	SeedShoppers func(ctx context.Context, n int) error
	// Another starts one more instance that shares the sale; nil: the product stays alone.
	Another func(context.Context) (Target, error)
}

// Grow measures and writes the tables to cfg.Out. ok is false when an invariant of the sale is broken afterwards. An error
// means that the measurement did not come to its end; the steps before it are written all the same.
func Grow(ctx context.Context, cfg GrowthConfig) (ok bool, err error) {
	found, err := grow(ctx, cfg)
	return found.OK, err
}

func grow(ctx context.Context, cfg GrowthConfig) (growth, error) {
	most := maxAccounts
	if cfg.SeedShoppers == nil {
		most = maxShoppers
	}
	if cfg.Units < smallestSale || cfg.Units > most {
		return growth{}, fmt.Errorf("units must be %d to %d", smallestSale, most)
	}
	cfg.Noop, cfg.Saturated = cfg.Product, Target{}
	cfg.Shoppers = smallestSale
	if err := cfg.prepare(); err != nil {
		return growth{}, err
	}
	m, err := newMeter(cfg.Config)
	if err != nil {
		return growth{}, err
	}
	defer m.close()
	g := grower{meter: m, cfg: cfg, all: []Target{cfg.Product}}
	g.found = growth{OK: true, Machine: m.report.Machine, Servers: cfg.Servers, Connections: cfg.Connections}
	err = g.measure(ctx)
	g.found.OK, g.found.Verify, g.found.Notes = m.report.OK, m.report.Verify, m.report.Notes
	if err != nil && len(g.found.Sizes) == 0 {
		return g.found, err
	}
	// The measurement takes long, so what there is of it is written after an error, too.
	return g.found, errors.Join(err, cfg.write(g.found))
}

// grower is one measurement of growth under way.
type grower struct {
	*meter
	cfg   GrowthConfig
	all   []Target // the instances that share the sale
	found growth
}

// measure goes through the sizes, then the numbers of streams, then those of processes.
func (g *grower) measure(ctx context.Context) error {
	g.calibrate(ctx)
	for units := smallestSale; units <= g.cfg.Units; units *= 10 {
		shoppers, err := g.populate(ctx, 10*units)
		if err != nil {
			return err
		}
		g.bar.show(fmt.Sprintf("%d units", units))
		s := step{Units: units, Shoppers: shoppers}
		if err := g.measureStep(ctx, &s); err != nil {
			return fmt.Errorf("%d units: %w", units, err)
		}
		g.found.Sizes = append(g.found.Sizes, s)
	}
	if err := g.measureStreamSteps(ctx); err != nil {
		return err
	}
	if err := g.measureProcessSteps(ctx); err != nil {
		return err
	}
	return g.verify(ctx)
}

// populate makes the wanted number of shoppers exist, or as many as it can, and shows how many there are already.
func (g *grower) populate(ctx context.Context, wanted int) (int, error) {
	seed := g.operator.seed
	switch {
	case wanted > maxAccounts && g.cfg.SeedShoppers != nil:
		seed = func(ctx context.Context, n int) error {
			// The product answers the second call when it has read all shoppers into its memory.
			return errors.Join(g.cfg.SeedShoppers(ctx, n), g.operator.seed(ctx, 1))
		}
	case wanted > maxAccounts:
		g.note("an instance that bench has not started is asked for at most %d shoppers", maxAccounts)
		wanted = maxAccounts
	}
	counting, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	if g.bar != nil {
		wg.Go(func() {
			for pause(counting, time.Second) == nil {
				if n, err := g.operator.shoppers(counting); err == nil {
					g.bar.show(fmt.Sprintf("%d of %d shoppers", n, wanted))
				}
			}
		})
	}
	err := seed(ctx, wanted)
	stop()
	wg.Wait()
	return wanted, err
}

// measureStreamSteps measures purchases while 0, 1, 10, 100 and more streams are open.
func (g *grower) measureStreamSteps(ctx context.Context) error {
	most := g.possibleStreams(ctx)
	for n := 0; ; n = max(1, 10*n) {
		n = min(n, most)
		g.bar.show(fmt.Sprintf("%d streams", n))
		idle, err := g.openIdle(ctx, n)
		if err == nil {
			s := step{Units: min(g.cfg.Units, measuredPurchases), Shoppers: g.cfg.Units, Streams: n}
			if err = g.measureStep(ctx, &s); err == nil {
				g.found.Streams = append(g.found.Streams, s)
			}
		}
		idle.close()
		if err != nil {
			return fmt.Errorf("%d streams: %w", n, err)
		}
		if n == most {
			return nil
		}
	}
}

// measureProcessSteps measures purchases with one process, then with one more each time.
func (g *grower) measureProcessSteps(ctx context.Context) error {
	if g.cfg.Another == nil {
		g.note("more than one process was not measured: only with configured servers can processes share a sale")
		return nil
	}
	for {
		g.bar.show(fmt.Sprintf("%d processes", len(g.all)))
		s := step{Units: min(g.cfg.Units, measuredPurchases), Shoppers: g.cfg.Units}
		if err := g.measureStep(ctx, &s); err != nil {
			return fmt.Errorf("%d processes: %w", len(g.all), err)
		}
		g.found.Processes = append(g.found.Processes, s)
		if len(g.all) == maxProcesses {
			return nil
		}
		another, err := g.cfg.Another(ctx)
		if err != nil {
			return err
		}
		g.all = append(g.all, another)
	}
}

// measureStep measures the last purchases of a large sale, or all purchases of several small ones.
func (g *grower) measureStep(ctx context.Context, s *step) error {
	s.Processes = len(g.all)
	load, err := newGenerator(g.cfg.Product.URL, g.cfg.Connections)
	if err != nil {
		return err
	}
	defer load.close()
	if err := load.spread(g.all); err != nil {
		return err
	}
	last := min(s.Units, measuredPurchases)
	var took []time.Duration
	var selling time.Duration
	spent, resets := cost{}, []float64{}
	for s.Purchases < min(measuredPurchases, g.cfg.Units) {
		began := time.Now()
		if err := g.offer(ctx, s.Units); err != nil {
			return err
		}
		resets = append(resets, milliseconds(time.Since(began)))
		if err := g.sellUnmeasured(ctx, load, s.Units-last); err != nil {
			return err
		}
		t, used, err := g.sellMeasured(ctx, load, s.Units-last, s.Units)
		if err != nil {
			return err
		}
		took, selling = append(took, t.latencies...), selling+t.counted
		for part, v := range used {
			spent[part] += v
		}
		s.Purchases += t.good(http.StatusCreated)
	}
	slices.Sort(took)
	s.Bought, s.Rate, s.Reset = percentilesOf(took), float64(s.Purchases)/selling.Seconds(), interpolated(slices.Sorted(slices.Values(resets)), .5)
	s.CPU, s.ServerCPU = spent.each(costCPU, s.Purchases), spent.each(costServers, s.Purchases)
	s.Resident, _ = g.resident(ctx) // usage has noted the reason of an error
	return nil
}

// offer begins a new sale and waits until every process has it.
func (g *grower) offer(ctx context.Context, units int) error {
	if err := g.operator.begin(ctx, units); err != nil {
		return err
	}
	for _, one := range g.all[1:] {
		other := operator{base: one.URL, client: g.client}
		if err := other.await(ctx, "another process has the new sale", func(now state) bool {
			return now.MaxStock == units && now.Sold == 0 && now.Status == "active"
		}); err != nil {
			return err
		}
	}
	return nil
}

// sell sends one purchase request for each shopper of the series from `from` up to, but not including, `to`. Nearly all of
// them must get a unit at once.
func (g *grower) sell(ctx context.Context, load *generator, from, to int, took *tally) error {
	if from >= to {
		return nil
	}
	t, err := load.run(ctx, timing{}, http.StatusCreated, g.purchaseRequestsOf(load.host, from, to))
	if err != nil {
		return err
	}
	if good := t.good(http.StatusCreated); good < (to-from)*99/100 {
		return errors.Join(fmt.Errorf("%d of %d purchase requests were confirmed at once: %v", good, to-from, t.codes), t.cause)
	}
	if took != nil {
		*took = t
	}
	return nil
}

// sellUnmeasured sells the units before the measured ones, and waits until the work that this causes is done.
func (g *grower) sellUnmeasured(ctx context.Context, load *generator, units int) error {
	if units == 0 {
		return nil
	}
	if err := g.sell(ctx, load, 0, units, nil); err != nil {
		return err
	}
	return g.settleWithin(ctx, backlogTime)
}

// sellMeasured is sell, with the cost of the purchases.
func (g *grower) sellMeasured(ctx context.Context, load *generator, from, to int) (t tally, spent cost, err error) {
	before := g.usageOfAll(ctx)
	if err := g.sell(ctx, load, from, to, &t); err != nil {
		return t, nil, err
	}
	if err := g.settle(ctx); err != nil {
		return t, nil, err
	}
	spent = cost{}
	for i, after := range g.usageOfAll(ctx) {
		for part, v := range g.spent(g.all[i], before[i], after) {
			spent[part] += v
		}
	}
	return t, spent, nil
}

// usageOfAll is the usage of each instance.
func (g *grower) usageOfAll(ctx context.Context) []usage {
	all := make([]usage, len(g.all))
	for i, one := range g.all {
		all[i] = g.usage(ctx, one)
	}
	return all
}

func (g growth) writeText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Machine: %s\nServers: %s\n%d connections; costs are for each purchase, with the work that it causes after its answer\n\n",
		g.Machine, g.Servers, g.Connections)
	for _, table := range []struct {
		title string
		of    func(step) int
		steps []step
	}{
		{"units", func(s step) int { return s.Units }, g.Sizes},
		{"streams", func(s step) int { return s.Streams }, g.Streams},
		{"processes", func(s step) int { return s.Processes }, g.Processes},
	} {
		if len(table.steps) > 0 {
			writeSteps(&b, table.title, table.of, table.steps)
		}
	}
	fmt.Fprintf(&b, "Verify: %s\n", checksText(g.Verify))
	for _, note := range g.Notes {
		fmt.Fprintf(&b, "Note: %s\n", note)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeSteps writes one table. CPU is also given as a multiple of that in the first line.
func writeSteps(w io.Writer, title string, of func(step) int, steps []step) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, title, "shoppers", "measured", "per second", "CPU µs", "to first", "servers µs", "p50 ms", "p99 ms", "MiB", "new sale ms")
	for _, s := range steps {
		memory := "-"
		if s.Resident > 0 {
			memory = number(mebibytes(s.Resident))
		}
		line(t, strconv.Itoa(of(s)), strconv.Itoa(s.Shoppers), strconv.Itoa(s.Purchases), number(s.Rate), optional(s.CPU), multiple(s.CPU, steps[0].CPU),
			optional(s.ServerCPU), number(s.Bought.P50), number(s.Bought.P99), memory, number(s.Reset))
	}
	_ = t.Flush() // writing to a buffer does not fail
	_, _ = io.WriteString(w, "\n")
}

func optional(v *float64) string {
	if v == nil {
		return "-"
	}
	return number(*v)
}

func multiple(v, of *float64) string {
	if v == nil || of == nil || *of == 0 {
		return "-"
	}
	return strconv.FormatFloat(*v / *of, 'f', 2, 64)
}
