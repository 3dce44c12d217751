package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"flashsale/app/stress"
)

// The names of the baseline and of the metrics of stages.
const (
	pathTransaction  = "transaction"
	metricStageTime  = "flashsale_purchase_stage_seconds_sum"
	metricStageCount = "flashsale_purchase_stage_seconds_count"
)

// stageNames are the stages of a press, in their order. The last two stand instead of those after append.
func stageNames() []string {
	return []string{"places", "append", "hand-over", "decide", "commit", "wake", "elsewhere", "undecided"}
}

// FullCurve gives the sizes of a load curve, QuickCurve those of one that only shows that everything works.
func FullCurve() Config {
	return Config{Cycles: 10, Slice: 500 * time.Millisecond, Connections: 1000, Shoppers: 40_000}
}

// QuickCurve gives the sizes of a load curve that takes a few seconds.
func QuickCurve() Config {
	return Config{Cycles: 2, Slice: 100 * time.Millisecond, Connections: 16, Shoppers: 3_000}
}

// CurveConfig says what a load curve is measured on. Curve uses Product, Noop, Servers, Cycles, Slice, Connections, Shoppers, Seed and
// the outputs of Config. Connections is the largest number of connections.
type CurveConfig struct {
	Config
	// Verdict makes one durable verdict in a transaction of its own on the product's Postgres, like floor.Sell. Many goroutines call
	// it at once. nil: it is not measured, and NoVerdict says why.
	Verdict   func(context.Context) error
	NoVerdict string
}

// points are the numbers of connections: 1, 4, 16, 64, 256, 1,000, as far as most, and most itself.
func points(most int) []int {
	list := slices.DeleteFunc([]int{1, 4, 16, 64, 256, 1000}, func(n int) bool { return n >= most })
	return append(list, most)
}

// Curve measures purchases with more and more connections, each beside the server that does nothing and beside one transaction a
// verdict, and writes the table to cfg.Out. ok is false when an invariant of the sale is broken afterwards.
func Curve(ctx context.Context, cfg CurveConfig) (ok bool, err error) {
	found, err := measureCurve(ctx, cfg)
	return found.OK, err
}

func measureCurve(ctx context.Context, cfg CurveConfig) (curve, error) {
	cfg.Saturated, cfg.SignedIn = Target{}, SignedIn{}
	if err := cfg.prepare(); err != nil {
		return curve{}, err
	}
	m, err := newMeter(cfg.Config)
	if err != nil {
		return curve{}, err
	}
	defer m.close()
	c := &curveMeter{meter: m, verdict: cfg.Verdict}
	for _, n := range points(cfg.Connections) {
		c.points = append(c.points, c.pointOf(n))
	}
	m.bar = newBar(cfg.Progress, cfg.Cycles*len(c.points))
	if cfg.Verdict == nil {
		m.note("one transaction a verdict: not measured: %s", cfg.NoVerdict)
	}
	if err := c.measure(ctx); err != nil {
		return curve{}, err
	}
	found := c.curve()
	return found, cfg.write(found)
}

// curveMeter is one measurement of a load curve under way.
type curveMeter struct {
	*meter
	verdict func(context.Context) error
	points  []*curvePoint
}

// curvePoint is what was measured with one number of connections, a slice of each path in every cycle.
type curvePoint struct {
	connections                  int
	noop, transaction, purchases *path
	// stages is how many presses went through each stage, and their time in it, over all slices; empty if the product does not show it.
	stages map[string]stageTime
	claims []float64 // a transaction, on average, in each slice
}

type stageTime struct{ presses, seconds float64 }

// pointOf shares the connections of the largest point, so that the servers never have more of them open than that one needs.
func (c *curveMeter) pointOf(connections int) *curvePoint {
	p := &curvePoint{connections: connections, stages: map[string]stageTime{}}
	p.noop, p.purchases = c.path(pathNoop).with(connections), c.path(pathPurchase).with(connections)
	p.transaction = &path{name: pathTransaction, about: "one transaction in Postgres for each verdict, and nothing else", want: http.StatusCreated}
	return p
}

// with is the same path over its first connections, without slices.
func (p *path) with(connections int) *path {
	fewer := *p
	fewer.load = &generator{host: p.load.host, conns: p.load.conns[:connections]}
	return &fewer
}

// measure makes a slice of each path at each point in every cycle. Cycles begin at another point, so that each follows each, and the
// paths of a point are measured in another order each time.
func (c *curveMeter) measure(ctx context.Context) error {
	c.calibrate(ctx)
	c.bar.show("shoppers")
	if err := c.operator.seed(ctx, stress.SeriesLength(c.cfg.Shoppers)); err != nil {
		return err
	}
	if err := c.warmUp(ctx); err != nil {
		return err
	}
	for n := range c.cfg.Cycles {
		for i := range c.points {
			p := c.points[(n+i)%len(c.points)]
			c.bar.show(fmt.Sprintf("cycle %d of %d: %d connections", n+1, c.cfg.Cycles, p.connections))
			if err := c.measurePoint(ctx, p, n); err != nil {
				return fmt.Errorf("cycle %d, %d connections: %w", n+1, p.connections, err)
			}
			c.bar.step()
		}
	}
	return c.verify(ctx)
}

// warmUp has everything opened and planned that only the first press pays for.
func (c *curveMeter) warmUp(ctx context.Context) error {
	c.bar.show("warming up")
	most := c.points[len(c.points)-1]
	if err := c.measureSlice(ctx, c.path(pathPurchase).with(most.connections)); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	if c.verdict == nil {
		return nil
	}
	if _, err := repeat(ctx, most.connections, timing{length: c.cfg.Slice}, c.verdict); err != nil {
		return fmt.Errorf("one transaction a verdict: %w", err)
	}
	return nil
}

func (c *curveMeter) measurePoint(ctx context.Context, p *curvePoint, cycle int) error {
	paths := []func() error{
		func() error { return c.measureSlice(ctx, p.noop) },
		func() error { return c.measurePurchases(ctx, p) },
		func() error { return c.measureTransactions(ctx, p) },
	}
	for i := range paths {
		if err := paths[(cycle+i)%len(paths)](); err != nil {
			return err
		}
	}
	return nil
}

// measurePurchases is measureSlice, with what the product says of stages and batches.
func (c *curveMeter) measurePurchases(ctx context.Context, p *curvePoint) error {
	before, err := c.scrape(ctx, c.cfg.Product)
	c.noteUnmeasured("stages and claims a transaction", err)
	if err := c.measureSlice(ctx, p.purchases); err != nil {
		return err
	}
	after, err := c.scrape(ctx, c.cfg.Product)
	c.noteUnmeasured("stages and claims a transaction", err)
	if before != nil && after != nil {
		c.addStages(p, before, after)
	}
	return nil
}

// addStages adds what presses did between two readings.
func (c *curveMeter) addStages(p *curvePoint, before, after metrics) {
	if batches := after[metricBatches] - before[metricBatches]; batches > 0 {
		p.claims = append(p.claims, (after[metricBatchSum]-before[metricBatchSum])/batches)
	}
	if !after.has(metricStageTime) {
		c.note("stages: not measured: the product does not show %s", metricStageTime)
		return
	}
	for _, name := range stageNames() {
		series := `{stage="` + name + `"}`
		p.stages[name] = stageTime{
			presses: p.stages[name].presses + after[metricStageCount+series] - before[metricStageCount+series],
			seconds: p.stages[name].seconds + after[metricStageTime+series] - before[metricStageTime+series],
		}
	}
}

// measureTransactions measures one slice of verdicts without the product.
func (c *curveMeter) measureTransactions(ctx context.Context, p *curvePoint) error {
	if c.verdict == nil {
		return nil
	}
	t, err := repeat(ctx, p.connections, timing{warm: c.cfg.Slice / 5, length: c.cfg.Slice}, c.verdict)
	if err != nil {
		return fmt.Errorf("one transaction a verdict: %w", err)
	}
	if len(t.latencies) == 0 {
		c.note("one transaction a verdict: in a slice with %d connections no verdict came; make slices longer with --slice", p.connections)
	}
	p.transaction.slices = append(p.transaction.slices, slice{
		rate: t.rate(http.StatusCreated), p50: quantile(t.latencies, .5), p99: quantile(t.latencies, .99), answers: t.all, codes: t.codes,
	})
	return nil
}

// repeat has so many clients call again and again, each when its last call has ended. A call that succeeds counts as a 201. The first
// error ends the run.
func repeat(ctx context.Context, clients int, s timing, call func(context.Context) error) (tally, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	from := time.Now().Add(s.warm)
	workers := make([]worker, clients)
	var wg sync.WaitGroup
	for i := range workers {
		w := &workers[i]
		w.from, w.until, w.want, w.codes = from, from.Add(s.length), http.StatusCreated, map[int]int{}
		wg.Go(func() {
			for now := time.Now(); now.Before(w.until) && ctx.Err() == nil; {
				sent := now
				limited, cancel := context.WithTimeout(ctx, answerTime)
				err := call(limited)
				cancel()
				if err != nil {
					fail(err)
					return
				}
				now = time.Now()
				w.note(http.StatusCreated, sent, now)
			}
		})
	}
	wg.Wait()
	t := tally{codes: map[int]int{}, counted: s.length}
	for i := range workers {
		t.add(&workers[i])
	}
	slices.Sort(t.latencies)
	return t, context.Cause(ctx)
}
