package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// growing is a configuration of Grow for a test.
func growing(t *testing.T, c *counter) GrowthConfig {
	t.Helper()
	cfg := GrowthConfig{Config: short(t, c), Units: 1000}
	cfg.Streams = 0
	return cfg
}

// The product in memory says that each purchase takes a millisecond.
func TestGrowthIsCostPerPurchase(t *testing.T) {
	t.Parallel()
	c := newCounter()
	cfg := growing(t, c)
	cfg.Streams = 5
	g, err := Grow(t.Context(), cfg)
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
		t.Errorf("%d presses came from owners", c.twice)
	}
}

// Of a large sale only the last purchases are measured; the ones before have to be sold all the same.
func TestALargeSaleIsMeasuredAtItsEnd(t *testing.T) {
	t.Parallel()
	c := newCounter()
	cfg := growing(t, c)
	m, err := newMeter(withNoop(cfg.Config))
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	cfg.Units = grownSample + 500
	g := grower{meter: m, cfg: cfg, all: []Target{cfg.Product}}
	s := Step{Units: cfg.Units}
	if err := g.step(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Purchases != grownSample || c.sold != cfg.Units || *s.CPU > 1001 {
		t.Errorf("%d measured of %d sold, %v µs each", s.Purchases, c.sold, *s.CPU)
	}
}

func withNoop(cfg Config) Config {
	cfg.Shoppers = MaxShoppers
	return cfg
}

// Every process gets its share of the presses.
func TestProcessesShareTheSale(t *testing.T) {
	t.Parallel()
	c := newCounter()
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
	g, err := Grow(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Processes) != MaxProcesses || g.Processes[3].Processes != 4 {
		t.Fatalf("%+v", g.Processes)
	}
	// 1,000 presses by 1, 2, 3 and 4 processes: the others share 500, 667 and 750 of them, more or less.
	if n := others.Load(); n < 1000 || n > 2900 {
		t.Errorf("the other processes had %d of 4,000 presses", n)
	}
	var read Growth
	if err := json.Unmarshal(out.Bytes(), &read); err != nil || len(read.Processes) != MaxProcesses {
		t.Errorf("JSON: %v", err)
	}
}

func TestGrowthRefusesWhatItCannotMeasure(t *testing.T) {
	t.Parallel()
	for _, units := range []int{0, 999, MaxShoppers + 1} {
		cfg := growing(t, newCounter())
		cfg.Units = units
		if _, err := Grow(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "units must be") {
			t.Errorf("%d units: %v", units, err)
		}
	}
	c := newCounter()
	cfg := growing(t, c)
	c.guarded = true
	if _, err := Grow(t.Context(), cfg); err == nil {
		t.Error("a product that resets for nobody was measured")
	}
}

func TestGrowthIsATableForPeople(t *testing.T) {
	t.Parallel()
	one, two := 100.0, 150.0
	g := Growth{Servers: "none", Sizes: []Step{{Units: 1000, Shoppers: 10_000, Purchases: 20_000, CPU: &one}, {Units: 10_000, CPU: &two}},
		Notes: []string{"something is missing"}}
	var b strings.Builder
	if err := g.WriteText(&b); err != nil {
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
