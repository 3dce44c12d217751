package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeProduct is a flash sale in memory that shows metrics. Its flags make it fail.
type fakeProduct struct {
	mu         sync.Mutex
	stock      int
	generation int64
	owners     map[string]bool
	seeded     int
	seedings   []int
	asked      int // requests for the number of shoppers
	sold       int // units of all generations
	twice      int // requests by owners of the running sale
	checks     []check

	guarded   bool // it wants to know who resets it
	noMetrics bool
	// watching is how many desks are open, watched how often one was opened, beside how many purchases were made while one was.
	watching, watched, beside int
	noDesk                    bool // it has no desk
	// streamLimit is the share of its streams that it shows; 0: none.
	streamLimit int
}

func newFakeProduct() *fakeProduct {
	return &fakeProduct{stock: 5, generation: 1, owners: map[string]bool{}, checks: []check{{ID: "I1", State: "ok"}}}
}

func (c *fakeProduct) open(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /metrics", c.metrics)
	mux.HandleFunc("GET /debug/pprof/profile", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a profile") })
	mux.HandleFunc("GET /api/flash-sale/status", c.status)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a page") })
	mux.HandleFunc("GET /api/flash-sale/stream", c.stream)
	mux.HandleFunc("POST /api/flash-sale/purchase", c.purchase)
	c.openDesk(mux)
	mux.HandleFunc("GET /api/users", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asked++
		fmt.Fprintf(w, `{"users":[],"pagination":{"total":%d}}`, c.seeded)
	})
	mux.HandleFunc("POST /api/", c.operate)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func (c *fakeProduct) metrics(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noMetrics {
		http.NotFound(w, nil)
		return
	}
	fmt.Fprintf(w, "process_cpu_seconds_total %g\nprocess_resident_memory_bytes 1e+08\ngo_memstats_mallocs_total %d\ngo_memstats_alloc_bytes_total %d\n",
		float64(c.sold)*1e-3, c.sold*40, c.sold*4000)
	fmt.Fprintf(w, "flashsale_verdicts_total{source=\"log\"} %d\nflashsale_verdicts_total{source=\"direct\"} %d\n", c.sold-c.sold/4, c.sold/4)
	fmt.Fprintf(w, "flashsale_ledger_batch_size_sum %d\nflashsale_ledger_batch_size_count %d\n", c.sold, c.sold/10)
	for i, name := range stageNames()[:6] {
		fmt.Fprintf(w, "flashsale_purchase_stage_seconds_sum{stage=%q} %g\nflashsale_purchase_stage_seconds_count{stage=%q} %d\n",
			name, float64(c.sold*(i+1))*1e-3, name, c.sold)
	}
	if c.streamLimit > 0 {
		fmt.Fprintf(w, "flashsale_live_streams_limit %d\n", c.streamLimit)
	}
	fmt.Fprintf(w, "flashsale_outbox_unpublished 0\nflashsale_outbox_published_total %d\nflashsale_consumer_lag_records{partition=\"0\"} 0\n", c.sold)
}

func (c *fakeProduct) status(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := state{Slug: "drop", Status: "active", MaxStock: c.stock, Sold: len(c.owners), CurrentStock: c.stock - len(c.owners), Generation: c.generation, Version: 1}
	if now.CurrentStock <= 0 {
		now.Status = "sold-out"
	}
	_ = json.NewEncoder(w).Encode(now)
}

func (c *fakeProduct) stream(w http.ResponseWriter, q *http.Request) {
	fmt.Fprint(w, "id: 1\ndata: {}\n\n")
	w.(http.Flusher).Flush()
	<-q.Context().Done()
}

func (c *fakeProduct) purchase(w http.ResponseWriter, q *http.Request) {
	var asked struct{ Username string }
	_ = json.NewDecoder(q.Body).Decode(&asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.owners[asked.Username]:
		c.twice++
		w.WriteHeader(http.StatusOK)
	case len(c.owners) >= c.stock:
		w.WriteHeader(http.StatusConflict)
	default:
		c.owners[asked.Username] = true
		c.sold++
		if c.watching > 0 {
			c.beside++
		}
		w.WriteHeader(http.StatusCreated)
	}
	fmt.Fprint(w, `{}`)
}

func (c *fakeProduct) operate(w http.ResponseWriter, q *http.Request) {
	if c.guarded {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var asked struct{ UserCount, StockAmount int }
	_ = json.NewDecoder(q.Body).Decode(&asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch strings.TrimPrefix(q.URL.Path, "/api/") {
	case "users/seed":
		c.seeded = max(c.seeded, asked.UserCount)
		c.seedings = append(c.seedings, asked.UserCount)
	case "flash-sale/reset":
		c.stock, c.owners, c.generation = 5, map[string]bool{}, c.generation+1
	case "flash-sale/update-stock":
		c.stock = asked.StockAmount
	case "admin/verify":
		_ = json.NewEncoder(w).Encode(map[string]any{"checks": c.checks})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"generation": c.generation})
}

// short is a configuration for a test, with a server that does nothing and a saturated instance in memory.
func short(t *testing.T, c *fakeProduct) Config {
	t.Helper()
	product := c.open(t)
	nothing := httptest.NewServer(noop())
	t.Cleanup(nothing.Close)
	saturated := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) })
	return Config{
		Product: Target{URL: product, Ops: product}, Noop: Target{URL: nothing.URL, Ops: nothing.URL}, Saturated: Target{URL: saturated},
		Cycles: 3, Slice: 20 * time.Millisecond, Connections: 4, Shoppers: 3000, Crowd: Crowd{400, 50}, Streams: 10, Servers: "none",
	}
}

func TestEverythingIsMeasured(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	cfg := short(t, c)
	var out, profile bytes.Buffer
	cfg.Out, cfg.JSON, cfg.Profile, cfg.ProfileOf = &out, true, &profile, pathPurchase
	r, err := run(t.Context(), cfg)
	if err != nil || !r.OK {
		t.Fatalf("%v %+v", err, r)
	}
	want := map[string]int{pathNoop: 204, pathConstant: 409, pathSoldOut: 409, pathStatus: 200, pathPage: 200, pathReserve: 409, pathPurchase: 201}
	for _, p := range r.Paths {
		if p.Rate.Median <= 0 || p.Ratio.Q1 <= 0 || len(p.Codes) != 1 || p.Codes[want[p.Name]] == 0 {
			t.Errorf("%s: %+v", p.Name, p)
		}
		delete(want, p.Name)
	}
	if len(want) > 0 {
		t.Errorf("not measured: %v", want)
	}
	if c.twice > 0 {
		t.Errorf("%d requests in a slice came from shoppers who had bought in it", c.twice)
	}
	if c.seeded != 4286 || profile.String() != "a profile" || len(r.Verify) != 1 || r.Direct == nil || *r.Direct < .2 || *r.Direct > .3 {
		t.Errorf("seeded %d, profile %q, %+v", c.seeded, &profile, r)
	}
	if r.Crowd.Codes[201] != 50 || r.Crowd.Codes[409] != 350 || r.Crowd.SoldOut <= 0 || r.CrowdWithStreams.Streams != 10 || r.CrowdWithStreams.Resident != 1e8 || r.Streams.Open != 10 {
		t.Errorf("crowd %+v, with streams %+v, idle %+v", r.Crowd, r.CrowdWithStreams, r.Streams)
	}
	if b := r.CrowdWithStreams.Beside; b == nil || b.Ratio == nil || b.Ratio.Median <= 0 || b.Calm.Median <= 0 || b.BesideCPU == nil {
		t.Errorf("with streams and without, in turn: %+v", b)
	}
	var read report
	if err := json.Unmarshal(out.Bytes(), &read); err != nil || len(read.Goals) != len(r.Goals) || read.Seed != r.Seed {
		t.Errorf("JSON: %v", err)
	}
}

// Costs are per answer: by the metrics of fakeProduct a purchase takes a millisecond of CPU, 40 objects and 4,000 bytes.
func TestCostsArePerAnswer(t *testing.T) {
	t.Parallel()
	cfg := short(t, newFakeProduct())
	cfg.Crowd, cfg.Streams = Crowd{}, 0
	r, err := run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Paths {
		if p.Name == pathPurchase && (p.CPU.Median < 999 || p.CPU.Median > 1001 || p.Allocations.Median != 40 || p.Bytes.Median != 4000) {
			t.Errorf("%v µs, %v objects, %v bytes", p.CPU, p.Allocations, p.Bytes)
		}
		if p.Name == pathStatus && p.CPU.Median != 0 {
			t.Errorf("status costs nothing there, found %v", p.CPU)
		}
		if p.Name == pathReserve && p.CPU != nil {
			t.Errorf("the saturated instance shows no metrics, found %v", p.CPU)
		}
	}
}

// Buyers are measured beside as many streams as the product takes, and no more.
func TestStreamsAreOpenedToTheProductsShare(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	c.streamLimit = 7
	cfg := short(t, c)
	cfg.Cycles = 1
	r, err := run(t.Context(), cfg)
	if err != nil || r.Streams.Open != 7 || r.CrowdWithStreams.Streams != 7 {
		t.Fatalf("%v: %+v, crowd with %+v", err, r.Streams, r.CrowdWithStreams)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "so 7 streams and 7 idle connections are opened instead of 10 each") {
		t.Errorf("it does not say so: %s", notes)
	}
}

func TestABrokenInvariantIsNotOK(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	c.checks = []check{{ID: "I1", Title: "units", State: "broken", Detail: "sold twice"}}
	cfg := short(t, c)
	cfg.Crowd, cfg.Streams, cfg.Cycles = Crowd{}, 0, 1
	var out bytes.Buffer
	cfg.Out = &out
	if r, err := run(t.Context(), cfg); err != nil || r.OK || !strings.Contains(out.String(), "I1 broken (units: sold twice)") {
		t.Fatalf("%v %+v\n%s", err, r, &out)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	c.noMetrics = true
	cfg := short(t, c)
	cfg.Crowd, cfg.Cycles, cfg.Saturated, cfg.Progress = Crowd{}, 1, Target{}, io.Discard
	r, err := run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{"CPU and allocations per request: not measured", "memory per stream: not measured", "the share of direct decisions: not measured"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in\n%s", want, notes)
		}
	}
	if r.ratio(pathReserve) != nil {
		t.Error("a reserve path was found without a saturated instance")
	}
}

func TestRunsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	good := short(t, newFakeProduct())
	for name, change := range map[string]func(*Config){
		"no product": func(c *Config) { c.Product = Target{} }, "nothing to compare with": func(c *Config) { c.Noop = Target{} },
		"no cycles": func(c *Config) { c.Cycles = 0 }, "endless slices": func(c *Config) { c.Slice = time.Hour },
		"no connections": func(c *Config) { c.Connections = 0 }, "too few shoppers": func(c *Config) { c.Shoppers = 5 },
		"more units than shoppers": func(c *Config) { c.Crowd = Crowd{10, 11} }, "streams": func(c *Config) { c.Streams = -1 },
		"a profile of nothing": func(c *Config) { c.Profile, c.ProfileOf = io.Discard, "no-such-path" },
		"https":                func(c *Config) { c.Product.URL = "https://localhost:1" },
	} {
		cfg := good
		change(&cfg)
		if _, err := run(t.Context(), cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	c := newFakeProduct()
	c.guarded = true
	if _, err := run(t.Context(), short(t, c)); !errors.Is(err, errNotDemo) {
		t.Errorf("a product that guards its operators: %v", err)
	}
	for _, cfg := range []Config{Full(), Quick()} {
		cfg.Product, cfg.Noop = good.Product, good.Noop
		if err := cfg.prepare(); err != nil {
			t.Error(err)
		}
	}
}
