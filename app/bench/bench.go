// Package bench measures what a request to the product costs: how many requests a second it answers, how long an
// answer takes, and how much CPU time and memory a request needs. It sends the same load, in turn, to the product and
// to an echo server that does nothing, and reports the product's rate as a fraction of that server's rate. A ratio of
// 0.8 says: the product answers 80 requests in the time in which the bare web framework answers 100. Each kind of request,
// like the status of the sale or a purchase, is called a path and has figures of its own.
//
// The report gives ratios because a rate alone says more about the machine than about the program: on a shared machine
// the rate may halve from one minute to the next. The two servers are measured in short slices, one directly after the
// other, so both run under the same conditions and their ratio is stable although the two rates are not. The median
// over many cycles leaves out the cycles in which the conditions changed between two slices. CPU time and allocations
// per request depend little on what else the machine does, so they are given as they are.
//
// The package is a client of the product. It uses the HTTP API and what the product shows at /metrics, and it imports
// no code of a sale. Run gives the report of `flashsale bench`, Grow that of `flashsale bench --growth`, Curve
// that of `flashsale bench --curve`.
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

	"github.com/schollz/progressbar/v3"

	"flashsale/app/stress"
)

// errTarget is an address that cannot be measured.
var errTarget = errors.New("address not usable")

// The most that one run may ask for.
const (
	maxCycles      = 1000
	maxConnections = 4096
	maxAccounts    = 1_000_000 // that one request creates
	maxShoppers    = 700_000   // of those, who may purchase
)

// Target is a process to be measured.
type Target struct {
	// URL is its base address, like http://127.0.0.1:3001. Ops is the address at which it shows /metrics; "" when it
	// shows none.
	URL, Ops string
	// PID is its process id. With it the CPU time of the servers that it has started is measured; 0 when not known.
	PID int
}

// Config says what to measure and for how long. Full and Quick give the sizes; the caller adds the targets.
type Config struct {
	// Product is the instance to measure. It must be in demo mode, because it is reset again and again. Required.
	Product Target
	// Noop is ServeNoop in a process of its own. Required.
	Noop Target
	// Saturated is an instance in which every place is taken although no unit is sold. A purchase request goes as far as
	// the places in Redis there, and no further. With an empty URL the reserve path is not measured.
	Saturated Target
	// SignedIn is an instance outside demo mode. With an empty URL nothing is measured with sessions.
	SignedIn SignedIn
	// Secure is an instance that speaks TLS. With an empty URL nothing is measured over TLS.
	Secure Secure
	// Servers says, in words for the report, which Postgres, Redis and Kafka the product uses.
	Servers string

	// Cycles is how often every path is measured, Slice for how long each time.
	Cycles int
	Slice  time.Duration
	// Connections is the number of keep-alive connections that send requests at the same time.
	Connections int
	// Shoppers is how many shoppers exist who may purchase, and how many units are for sale in a slice of purchases.
	Shoppers int
	// Accounts is how many accounts SignedIn has, Storm how many of them sign in at once beside a running sale; 0: none do.
	Accounts, Storm int
	// Crowd is the size of the sale that is measured from its opening to its last unit.
	Crowd Crowd
	// Desks is how many operators watch the run of show while that many units sell once more; 0: none.
	Desks int
	// Streams is how many live updates, and how many idle connections beside them, are open while memory is measured.
	Streams int
	// Seed makes the choice of shoppers repeatable; 0 means another choice each time.
	Seed int64
	// Profile receives a CPU profile of the process that serves the path ProfileOf. It is taken after the cycles, while
	// only this path gets requests. nil: no profile.
	Profile   io.Writer
	ProfileOf string

	// betweenMails is how long an account waits for its next code; 0 means as long as the product takes.
	betweenMails time.Duration

	// JSON makes Out receive one JSON document instead of text.
	JSON bool
	// Out receives the report, Progress a progress bar; nil for none.
	Out, Progress io.Writer
}

// Crowd says how many shoppers want how many units.
type Crowd struct {
	Shoppers int `json:"shoppers"`
	Units    int `json:"units"`
}

// Full gives the sizes that the goals are about.
func Full() Config {
	return Config{Cycles: 20, Slice: 500 * time.Millisecond, Connections: 256, Shoppers: 100_000, Accounts: 12_000, Storm: 1000, Crowd: Crowd{100_000, 10_000}, Desks: goalDesks, Streams: 10_000}
}

// Quick gives the sizes of a run that only shows that everything works: it is too short for reliable figures.
func Quick() Config {
	return Config{Cycles: 3, Slice: 150 * time.Millisecond, Connections: 64, Shoppers: 10_000, Accounts: 500, Crowd: Crowd{5_000, 500}, Desks: 2, Streams: 200}
}

// prepare checks the configuration and chooses a seed when there is none.
func (cfg *Config) prepare() error {
	if cfg.Seed == 0 {
		cfg.Seed = rand.Int64()
	}
	switch {
	case cfg.Product.URL == "" || cfg.Noop.URL == "":
		return fmt.Errorf("%w: the addresses of the product and of the server that does nothing are needed", errTarget)
	case cfg.Cycles < 1 || cfg.Cycles > maxCycles:
		return fmt.Errorf("cycles must be 1 to %d", maxCycles)
	case cfg.Slice < 20*time.Millisecond || cfg.Slice > time.Minute:
		return errors.New("a slice must be 20ms to 1m")
	case cfg.Connections < 1 || cfg.Connections > maxConnections:
		return fmt.Errorf("connections must be 1 to %d", maxConnections)
	case cfg.Shoppers < 100 || cfg.Shoppers > maxShoppers:
		return fmt.Errorf("shoppers must be 100 to %d", maxShoppers)
	case cfg.SignedIn.URL != "" && (cfg.Accounts < 10 || cfg.Accounts > stress.MaxAccounts || cfg.SignedIn.Operator == nil):
		return fmt.Errorf("accounts must be 10 to %d, and need an operator", stress.MaxAccounts)
	case cfg.Storm < 0 || cfg.SignedIn.URL != "" && cfg.Storm*stormRounds > cfg.Accounts:
		return fmt.Errorf("a storm must be of at most a %dth of the accounts", stormRounds)
	case cfg.Crowd.Units < 0 || cfg.Crowd.Units > cfg.Crowd.Shoppers || cfg.Crowd.Shoppers > maxShoppers:
		return fmt.Errorf("a crowd must be at most %d shoppers, for at most as many units", maxShoppers)
	case cfg.Desks < 0 || cfg.Desks > maxDesks:
		return fmt.Errorf("desks must be 0 to %d", maxDesks)
	case cfg.Profile != nil && !slices.Contains(Profiled(), cfg.ProfileOf):
		return fmt.Errorf("a profile is taken of one of %s", strings.Join(Profiled(), ", "))
	case cfg.Streams < 0 || cfg.Streams > stress.MaxStreams:
		return fmt.Errorf("streams must be 0 to %d", stress.MaxStreams)
	}
	return nil
}

// meter is one measurement under way.
type meter struct {
	cfg      Config
	client   *http.Client // for operators' requests and /metrics
	operator *operator
	// outside reads the instance outside demo mode, where nobody is an operator over HTTP; members are its accounts.
	outside *operator
	members members
	paths   []*path
	bar     *bar
	report  report
	random  *rand.Rand
	// scrapes is how often each process was asked for its metrics, scrapeCost what one such request costs the process;
	// both by the address of its metrics.
	scrapes    map[string]int
	scrapeCost map[string]cost
}

// Run measures and writes the report to cfg.Out. ok is false when an invariant of the sale is broken afterwards; a
// missed goal does not make it false. An error means that the measurement was not possible.
func Run(ctx context.Context, cfg Config) (ok bool, err error) {
	r, err := run(ctx, cfg)
	return r.OK, err
}

func run(ctx context.Context, cfg Config) (report, error) {
	if err := cfg.prepare(); err != nil {
		return report{}, err
	}
	m, err := newMeter(cfg)
	if err != nil {
		return report{}, err
	}
	defer m.close()
	if err := m.measure(ctx); err != nil {
		return m.report, err
	}
	m.report.finish(m.paths)
	return m.report, cfg.write(m.report)
}

// write writes a report to cfg.Out, as text or as a JSON document.
func (cfg *Config) write(found interface{ writeText(io.Writer) error }) error {
	switch {
	case cfg.Out == nil:
		return nil
	case cfg.JSON:
		encoder := json.NewEncoder(cfg.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	}
	return found.writeText(cfg.Out)
}

func newMeter(cfg Config) (*meter, error) {
	client := &http.Client{
		Timeout:   operatorTime,
		Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, Proxy: nil},
	}
	m := &meter{
		cfg: cfg, client: client, operator: &operator{base: cfg.Product.URL, client: client},
		outside: &operator{base: cfg.SignedIn.URL, client: client},
		scrapes: map[string]int{}, scrapeCost: map[string]cost{},
		report: report{OK: true, Machine: thisMachine(), Servers: cfg.Servers, Seed: cfg.Seed, Cycles: cfg.Cycles,
			Slice: milliseconds(cfg.Slice), Connections: cfg.Connections, Notes: []string{}},
		random: rand.New(rand.NewPCG(uint64(cfg.Seed), 1)),
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
	m.members.close()
	m.client.CloseIdleConnections()
}

// measure begins with the memory of a stream, which needs a product that has done no other work yet.
func (m *meter) measure(ctx context.Context) error {
	m.calibrate(ctx)
	m.bar.show("streams")
	if err := m.measureStreams(ctx); err != nil {
		return err
	}
	m.bar.show("shoppers")
	if err := m.operator.seed(ctx, stress.SeriesLength(max(m.cfg.Shoppers, m.cfg.Crowd.Shoppers))); err != nil {
		return err
	}
	if err := m.signUp(ctx); err != nil {
		return err
	}
	before, _ := m.scrape(ctx, m.cfg.Product) // the second one, in measureDecisions, reports the reason
	for n := range m.cfg.Cycles {
		if err := m.cycle(ctx, n); err != nil {
			return fmt.Errorf("cycle %d: %w", n+1, err)
		}
	}
	if err := m.measureCrowds(ctx); err != nil {
		return err
	}
	if err := m.measureDesks(ctx); err != nil {
		return err
	}
	if err := m.measureStorm(ctx); err != nil {
		return err
	}
	if err := m.profile(ctx); err != nil {
		return err
	}
	m.measureDecisions(ctx, before)
	return m.verify(ctx)
}

// verify asks the product for its invariants when everything is measured.
func (m *meter) verify(ctx context.Context) error {
	m.bar.show("verify")
	checks, err := m.operator.verify(ctx)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	m.report.Verify, m.report.OK = checks, !anyBroken(checks)
	if len(m.members.accounts) > 0 {
		if err := m.cfg.SignedIn.Operator.Verify(ctx); err != nil {
			m.note("outside demo mode: %v", err)
			m.report.OK = false
		}
	}
	return nil
}

// note adds a line to the report that says what is missing and why. The same line is added only once.
func (m *meter) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(m.report.Notes, text) {
		m.report.Notes = append(m.report.Notes, text)
	}
}

// bar shows the progress of the measurement; a nil bar shows nothing.
type bar struct{ line *progressbar.ProgressBar }

func newBar(w io.Writer, cycles int) *bar {
	if w == nil {
		return nil
	}
	return &bar{progressbar.NewOptions(cycles,
		progressbar.OptionSetWriter(w), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30),
	)}
}

func (b *bar) show(what string) {
	if b != nil {
		b.line.Describe(what)
	}
}

func (b *bar) step() {
	if b != nil {
		_ = b.line.Add(1)
	}
}

func (b *bar) end() {
	if b != nil {
		_ = b.line.Finish()
	}
}
