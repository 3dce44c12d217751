package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// growing is a configuration of Grow for a test.
func growing(t *testing.T, c *fakeProduct) GrowthConfig {
	t.Helper()
	cfg := GrowthConfig{Config: short(t, c), Units: 1000}
	cfg.Streams = 0
	return cfg
}

// By the metrics of fakeProduct a purchase takes a millisecond of CPU.
func TestGrowthIsCostPerPurchase(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	cfg := growing(t, c)
	cfg.Streams = 5
	g, err := grow(t.Context(), cfg)
	if err != nil || !g.OK {
		t.Fatalf("%v %+v", err, g)
	}
	if len(g.Sizes) != 1 || len(g.Streams) != 3 || len(g.Processes) != 0 {
		t.Fatalf("%d sizes, %d steps of streams, %d of processes", len(g.Sizes), len(g.Streams), len(g.Processes))
	}
	s := g.Sizes[0]
	if s.Units != 1000 || s.Shoppers != 10_000 || c.seeded != 10_000 || s.Purchases != 1000 || s.Rate <= 0 || s.Bought.P99 <= 0 || s.Resident != 1e8 {
		t.Errorf("%+v, %d seeded", s, c.seeded)
	}
	if s.CPU == nil || *s.CPU < 999 || *s.CPU > 1001 {
		t.Errorf("a purchase takes %v µs", s.CPU)
	}
	for i, n := range []int{0, 1, 5} {
		if g.Streams[i].Streams != n {
			t.Errorf("step %d is with %d streams", i, g.Streams[i].Streams)
		}
	}
	if c.twice > 0 {
		t.Errorf("%d requests came from owners", c.twice)
	}
}

// Of a large sale only the last purchases are measured; the ones before them are made, too.
func TestALargeSaleIsMeasuredAtItsEnd(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	cfg := growing(t, c)
	cfg.Units = measuredPurchases + 500
	g := growerOf(t, cfg)
	s := step{Units: cfg.Units}
	if err := g.measureStep(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Purchases != measuredPurchases || c.sold != cfg.Units || *s.CPU > 1001 {
		t.Errorf("%d measured of %d sold, %v µs each", s.Purchases, c.sold, *s.CPU)
	}
}

// More shoppers than one request may ask for are made by SeedShoppers, while the bar shows how many there are. Then the
// product is asked for one shopper: it answers when it knows all of them.
func TestShoppersBeyondARequestAreSeededBesideIt(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	cfg := growing(t, c)
	var shown bytes.Buffer
	cfg.Progress = &shown
	g := growerOf(t, cfg)
	var asked []int
	g.cfg.SeedShoppers = func(ctx context.Context, n int) error {
		asked = append(asked, n)
		c.mu.Lock()
		c.seeded = 1_234_567
		seen := c.asked
		c.mu.Unlock()
		for now := seen; now < seen+2; { // when the bar asks again it has shown the first answer
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
			c.mu.Lock()
			now = c.asked
			c.mu.Unlock()
		}
		return nil
	}
	n, err := g.populate(t.Context(), 10*maxAccounts)
	if err != nil || n != 10*maxAccounts || !slices.Equal(asked, []int{10 * maxAccounts}) {
		t.Fatalf("%d shoppers, asked for %v, %v", n, asked, err)
	}
	if !slices.Equal(c.seedings, []int{1}) {
		t.Errorf("the product was asked to seed %v", c.seedings)
	}
	if !strings.Contains(shown.String(), "1234567 of 10000000 shoppers") {
		t.Errorf("shown was %q", shown.String())
	}
	g.cfg.SeedShoppers = func(context.Context, int) error { return context.DeadlineExceeded }
	if _, err := g.populate(t.Context(), 2*maxAccounts); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a failed seeding: %v", err)
	}
}

func TestAnInstanceOfOthersHasAMillionShoppersAtMost(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	g := growerOf(t, growing(t, c))
	n, err := g.populate(t.Context(), 10*maxAccounts)
	if err != nil || n != maxAccounts || !slices.Equal(c.seedings, []int{maxAccounts}) {
		t.Errorf("%d shoppers, asked for %v, %v", n, c.seedings, err)
	}
	if len(g.report.Notes) != 1 || !strings.Contains(g.report.Notes[0], "at most 1000000 shoppers") {
		t.Errorf("notes: %q", g.report.Notes)
	}
}

func growerOf(t *testing.T, cfg GrowthConfig) *grower {
	t.Helper()
	m, err := newMeter(withNoop(cfg.Config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.close)
	return &grower{meter: m, cfg: cfg, all: []Target{cfg.Product}}
}

func withNoop(cfg Config) Config {
	cfg.Shoppers = maxShoppers
	return cfg
}

// Every process gets its share of the requests.
func TestProcessesShareTheSale(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	cfg := growing(t, c)
	var others atomic.Int64
	cfg.Another = func(context.Context) (Target, error) {
		beside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			switch {
			case strings.HasSuffix(q.URL.Path, "/purchase"):
				others.Add(1)
				c.purchase(w, q)
			case strings.HasSuffix(q.URL.Path, "/status"):
				c.status(w, q)
			default:
				http.NotFound(w, q)
			}
		}))
		t.Cleanup(beside.Close)
		return Target{URL: beside.URL}, nil
	}
	var out bytes.Buffer
	cfg.Out, cfg.JSON = &out, true
	g, err := grow(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Processes) != maxProcesses || g.Processes[3].Processes != 4 {
		t.Fatalf("%+v", g.Processes)
	}
	// 1,000 requests by 1, 2, 3 and 4 processes: the others get about 500, 667 and 750 of them.
	if n := others.Load(); n < 1000 || n > 2900 {
		t.Errorf("the other processes had %d of 4,000 requests", n)
	}
	var read growth
	if err := json.Unmarshal(out.Bytes(), &read); err != nil || len(read.Processes) != maxProcesses {
		t.Errorf("JSON: %v", err)
	}
}

func TestGrowthRefusesWhatItCannotMeasure(t *testing.T) {
	t.Parallel()
	for _, units := range []int{0, 999, maxShoppers + 1} {
		cfg := growing(t, newFakeProduct())
		cfg.Units = units
		if _, err := grow(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "units must be") {
			t.Errorf("%d units: %v", units, err)
		}
	}
	c := newFakeProduct()
	cfg := growing(t, c)
	c.guarded = true
	if _, err := grow(t.Context(), cfg); err == nil {
		t.Error("a product that resets for nobody was measured")
	}
}

// A measurement that stops with an error still writes the steps before it.
func TestWhatWasMeasuredIsShownAfterAFault(t *testing.T) {
	t.Parallel()
	cfg := growing(t, newFakeProduct())
	fault := errors.New("no room for another process")
	cfg.Another = func(context.Context) (Target, error) { return Target{}, fault }
	var out bytes.Buffer
	cfg.Out = &out
	if _, err := grow(t.Context(), cfg); !errors.Is(err, fault) {
		t.Errorf("the fault is %v", err)
	}
	if !strings.Contains(out.String(), "units") || !strings.Contains(out.String(), "10000") {
		t.Errorf("shown was %q", out.String())
	}
}

func TestGrowthIsATableForPeople(t *testing.T) {
	t.Parallel()
	one, two := 100.0, 150.0
	g := growth{Servers: "none", Sizes: []step{{Units: 1000, Shoppers: 10_000, Purchases: 20_000, CPU: &one}, {Units: 10_000, CPU: &two}},
		Notes: []string{"something is missing"}}
	var b strings.Builder
	if err := g.writeText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"units", "10000", "1.50", "Note: something is missing"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "processes") {
		t.Error("a table without lines")
	}
}
