// Package bench is the ratio meter behind `flashsale bench`: it presses the product and an echo server that does
// nothing, in turn, in short slices, with the same load generator, and reports the product's figures as fractions of
// the other's.
//
// A rate by itself says more about the machine than about the program: on a shared one it may halve from one minute
// to the next. Two neighbouring slices share whatever the machine is doing, so their ratio holds where both rates do
// not, and the median over many cycles leaves out the cycles in which something happened between the two. CPU time and
// allocations per request need no yardstick and are given as they are.
//
// The meter is a client. It knows the product by HTTP and by what the product shows about itself at /metrics, and it
// starts processes through the functions it is handed addresses from.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"flashsale/app/stress"
)

// ErrTarget is an address that cannot be measured.
var ErrTarget = errors.New("address not usable")

// Limits of what one run may ask for.
const (
	MaxCycles      = 1000
	MaxConnections = 4096
	MaxShoppers    = 1_000_000
)

// Target is a process to be measured.
type Target struct {
	// URL is its base address, like http://127.0.0.1:3001. Ops is where it shows /metrics, "" for nowhere.
	URL, Ops string
	// PID allows looking at what it has started; 0 when it is not known here.
	PID int
}

// Config says what to measure and how long. Zero values take the defaults that Full and Quick give.
type Config struct {
	// Product sells; it has to be in demo mode, and it is reset again and again. Required.
	Product Target
	// Noop is ServeNoop in a process of its own. Required.
	Noop Target
	// Saturated is an instance in which every place is taken although nothing is sold, so that each press goes as far as
	// the places in Redis and no further. Its URL may be "": the reserve path is then not measured.
	Saturated Target
	// Servers says what the product runs on, for the report.
	Servers string

	// Cycles is how often every path is visited, Slice for how long each time.
	Cycles int
	Slice  time.Duration
	// Connections are the keep-alive connections that press at the same time.
	Connections int
	// Shoppers is how many there are, and so how many units a slice of confirmed purchases can sell at most.
	Shoppers int
	// Crowd is the sale that is played through from its opening to its last unit.
	Crowd Crowd
	// Streams is how many live updates, and how many more idle connections, are held open for the memory's sake.
	Streams int
	// Seed makes the choice of shoppers repeatable; 0 means another one each time.
	Seed int64
	// Profile receives a CPU profile of the process at the end of the path named ProfileOf, taken while that path is
	// pressed and nothing else; nil for none.
	Profile   io.Writer
	ProfileOf string

	// JSON makes Out receive one JSON document instead of text.
	JSON bool
	// Out receives the report; nil for none. Progress receives a bar; nil for none.
	Out, Progress io.Writer
}

// Crowd is how many shoppers want how many units.
type Crowd struct {
	Shoppers int `json:"shoppers"`
	Units    int `json:"units"`
}

// Full is the measurement whose figures the goals are about.
func Full() Config {
	return Config{Cycles: 20, Slice: 500 * time.Millisecond, Connections: 256, Shoppers: 100_000, Crowd: Crowd{100_000, 10_000}, Streams: 10_000}
}

// Quick is for seeing that everything still works: too short for figures to rely on.
func Quick() Config {
	return Config{Cycles: 3, Slice: 150 * time.Millisecond, Connections: 64, Shoppers: 10_000, Crowd: Crowd{5_000, 500}, Streams: 200}
}

func (cfg *Config) prepare() error {
	if cfg.Seed == 0 {
		cfg.Seed = rand.Int64()
	}
	switch {
	case cfg.Product.URL == "" || cfg.Noop.URL == "":
		return fmt.Errorf("%w: the product's and the yardstick's are needed", ErrTarget)
	case cfg.Cycles < 1 || cfg.Cycles > MaxCycles:
		return fmt.Errorf("cycles must be 1 to %d", MaxCycles)
	case cfg.Slice < 20*time.Millisecond || cfg.Slice > time.Minute:
		return errors.New("a slice must be 20ms to 1m")
	case cfg.Connections < 1 || cfg.Connections > MaxConnections:
		return fmt.Errorf("connections must be 1 to %d", MaxConnections)
	case cfg.Shoppers < 100 || cfg.Shoppers > MaxShoppers:
		return fmt.Errorf("shoppers must be 100 to %d", MaxShoppers)
	case cfg.Crowd.Units < 0 || cfg.Crowd.Units > cfg.Crowd.Shoppers || cfg.Crowd.Shoppers > MaxShoppers:
		return fmt.Errorf("a crowd must be at most %d shoppers, for at most as many units", MaxShoppers)
	case cfg.Profile != nil && !slices.Contains(Profiled(), cfg.ProfileOf):
		return fmt.Errorf("a profile is taken of one of %s", strings.Join(Profiled(), ", "))
	case cfg.Streams < 0 || cfg.Streams > stress.MaxStreams:
		return fmt.Errorf("streams must be 0 to %d", stress.MaxStreams)
	}
	return nil
}

// meter is one measurement under way.
type meter struct {
	cfg    Config
	client *http.Client // for operators' requests and /metrics
	shop   *shop
	paths  []*path
	bar    *bar
	report Report
	dice   *rand.Rand
	// looks is how often each process was asked for its metrics, eachLook what that costs it; by their address.
	looks    map[string]int
	eachLook map[string]cost
}

// Run measures and gives the report, which has also been written to cfg.Out. Report.OK is false when an invariant of
// the sale is broken afterwards; missing a goal does not make it false. An error means that it could not be measured.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.prepare(); err != nil {
		return Report{}, err
	}
	m, err := newMeter(cfg)
	if err != nil {
		return Report{}, err
	}
	defer m.close()
	if err := m.measure(ctx); err != nil {
		return m.report, err
	}
	m.report.finish(m.paths)
	if cfg.Out == nil {
		return m.report, nil
	}
	if cfg.JSON {
		encoder := json.NewEncoder(cfg.Out)
		encoder.SetIndent("", "  ")
		return m.report, encoder.Encode(m.report)
	}
	return m.report, m.report.WriteText(cfg.Out)
}

func newMeter(cfg Config) (*meter, error) {
	client := &http.Client{
		Timeout:   operatorTime,
		Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, Proxy: nil},
	}
	m := &meter{
		cfg: cfg, client: client, shop: &shop{base: cfg.Product.URL, client: client}, looks: map[string]int{}, eachLook: map[string]cost{},
		report: Report{OK: true, Machine: thisMachine(), Servers: cfg.Servers, Seed: cfg.Seed, Cycles: cfg.Cycles,
			Slice: milliseconds(cfg.Slice), Connections: cfg.Connections, Notes: []string{}},
		dice: rand.New(rand.NewPCG(uint64(cfg.Seed), 1)),
	}
	m.bar = newBar(cfg.Progress, cfg.Cycles)
	var err error
	m.paths, err = m.allPaths()
	return m, err
}

func (m *meter) close() {
	m.bar.end()
	for _, p := range m.paths {
		p.load.close()
	}
	m.client.CloseIdleConnections()
}

// measure goes from what needs a fresh process to what needs a worn one.
func (m *meter) measure(ctx context.Context) error {
	m.calibrate(ctx)
	m.bar.say("streams")
	if err := m.measureStreams(ctx); err != nil {
		return err
	}
	m.bar.say("shoppers")
	if err := m.shop.seed(ctx, max(m.cfg.Shoppers, m.cfg.Crowd.Shoppers)); err != nil {
		return err
	}
	before, _ := m.scrape(ctx, m.cfg.Product)
	for n := range m.cfg.Cycles {
		if err := m.cycle(ctx, n); err != nil {
			return fmt.Errorf("cycle %d: %w", n+1, err)
		}
	}
	if err := m.crowds(ctx); err != nil {
		return err
	}
	if err := m.profile(ctx); err != nil {
		return err
	}
	m.decisions(ctx, before)
	return m.verify(ctx)
}

// note remembers why something is missing, once.
func (m *meter) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, known := range m.report.Notes {
		if known == text {
			return
		}
	}
	m.report.Notes = append(m.report.Notes, text)
}
