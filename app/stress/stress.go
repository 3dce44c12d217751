// Package stress is the load generator behind `flashsale stress`: many shoppers, a limited stock, and an exact
// account of what every one of them was told.
//
// It speaks HTTP and nothing else, so it can only know what a client can know. That is the point: a program that checks
// itself through its own tables can be wrong in both places at once. Every receipt is kept and compared with all
// others, with the number of units that the status calls sold, and with what the same shopper is told when asking
// again. Only then does it ask the server to check its own invariants.
//
// The shoppers are a closed loop: all of them come at the same moment and queue for a bounded number of keep-alive
// connections, so that ten thousand shoppers need neither ten thousand descriptors nor as many ports. Response times
// are measured from the moment a request is sent; the time spent in that queue is reported beside them. With
// Config.OpenLoop they come at a rate instead, and their time counts from the moment they were due.
package stress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"
)

// Limits of what one run may ask for.
const (
	MaxUsers       = 700_000 // who may purchase, of the million that one request creates
	MaxConnections = 4096
	MaxAccounts    = 100_000 // outside demo mode
)

// ErrNotDemo is returned when the server wants to know who resets it: it may be a real shop.
var ErrNotDemo = errors.New("it is not in demo mode, and stress refuses to reset it unless it is in demo mode (DEMO=true)")

// ErrTarget is an address that stress will not drive, ErrScenario a scenario that does not exist.
var (
	ErrTarget   = errors.New("address not usable")
	ErrScenario = errors.New("unknown scenario")
)

// Config says what to run, and where.
type Config struct {
	// URL are the base addresses of instances of one deployment; shoppers pick one at random. Required.
	URL []string
	// Remote allows addresses that are not loopback ones. The command line sets it when --url names such an
	// address: to put load on another machine is its operator's explicit decision.
	Remote bool
	// Scenario is one of Scenarios, or "all"; empty means DefaultScenario.
	Scenario string
	// Users (1 to MaxUsers) for Stock units are run instead of a Scenario, if they are set.
	Users, Stock int
	// Accounts (1 to MaxAccounts) are made outside demo mode, by codes that are read at /dev/mail, and sign in ahead; then they
	// press all at once for what the sale has left. Sessions are accounts that have signed in elsewhere, instead of those.
	Accounts int
	Sessions []*Account
	// Verify checks the invariants where nobody is an operator over HTTP; nil: outside demo mode they are not checked.
	Verify func(context.Context) ([]Check, error)
	// JSON makes Out receive one JSON document at the end, instead of text after every scenario.
	JSON bool
	// Out receives the report; nil for none.
	Out io.Writer
	// Progress draws a bar on standard error, if that is a terminal.
	Progress bool
	// Connections is how many shoppers talk at once, and so the number of connections to each instance; 0 means 256.
	Connections int
	// Seed makes the choices of shoppers repeatable; 0 means another choice each time.
	Seed int64
	// OpenLoop makes shoppers come at a rate of so many a second, instead of all at once; 0 means all at once. With
	// Ramp, the rate grows evenly from nothing to OpenLoop during that time.
	OpenLoop float64
	Ramp     time.Duration
	// Streams of live updates are open during a scenario, and must show its end.
	Streams int
	// Patience is how long one shopper goes on after refusals that ask for a retry; 0 means 30 s.
	Patience time.Duration

	// settling is how long instances may take to show what is true; their lease is one second. doubting is how often a
	// broken invariant is asked about again.
	settling time.Duration
	doubting int
}

// Run runs the scenario and gives the report, which has also been written to cfg.Out. Report.OK is false when
// something was oversold, doubled or lost. An error means that the run could not be made; the scenarios finished
// before it are in the report.
func Run(ctx context.Context, cfg Config) (Report, error) {
	list, err := cfg.prepare()
	if err != nil {
		return Report{}, err
	}
	c := newClient(cfg.URL, cfg.Connections)
	defer c.close()
	report := Report{OK: true, Seed: cfg.Seed, Scenarios: []Result{}}
	for _, sc := range list {
		r := newRun(cfg, c, sc)
		if err = r.perform(ctx); err != nil {
			err = fmt.Errorf("scenario %s: %w", sc.Name, err)
			break
		}
		result := r.result()
		report.Scenarios = append(report.Scenarios, result)
		report.OK = report.OK && result.OK
		if cfg.Out != nil && !cfg.JSON {
			if err = result.WriteText(cfg.Out); err != nil {
				break
			}
		}
	}
	report.OK = report.OK && err == nil
	if cfg.Out != nil && cfg.JSON {
		encoder := json.NewEncoder(cfg.Out)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, encoder.Encode(report))
	}
	return report, err
}

// perform runs the scenario with the streams of live updates open.
func (r *run) perform(ctx context.Context) error {
	if err := r.watch(ctx); err != nil {
		return err
	}
	if err := r.scenario.steps(ctx, r); err != nil {
		if r.streams != nil {
			r.streams.Close()
		}
		return err
	}
	return r.checkStreams(ctx)
}

// prepare fills in the defaults and gives the scenarios to run.
func (cfg *Config) prepare() ([]Scenario, error) {
	if cfg.Connections == 0 {
		cfg.Connections = 256
	}
	if cfg.Connections < 0 || cfg.Connections > MaxConnections {
		return nil, fmt.Errorf("connections must be 1 to %d", MaxConnections)
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.settling <= 0 {
		cfg.settling, cfg.doubting = 10*time.Second, 5
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Int64()
	}
	if err := errors.Join(cfg.checkTargets(), cfg.checkArrivals()); err != nil {
		return nil, err
	}
	return cfg.scenarios()
}

func (cfg *Config) checkTargets() error {
	if len(cfg.URL) == 0 {
		return fmt.Errorf("%w: none given", ErrTarget)
	}
	targets := make([]string, len(cfg.URL))
	for i, raw := range cfg.URL {
		u, err := url.Parse(raw)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("%w: address %d is not like http://localhost:3001", ErrTarget, i+1) // it may hold a password
		}
		if !cfg.Remote && !loopback(u.Hostname()) {
			return fmt.Errorf("%w: %s is not this machine", ErrTarget, u.Host)
		}
		targets[i] = strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/")
	}
	cfg.URL = targets
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (cfg *Config) scenarios() ([]Scenario, error) {
	switch {
	case len(cfg.Sessions) > 0:
		return []Scenario{signedIn(len(cfg.Sessions))}, nil
	case cfg.Accounts != 0:
		if cfg.Accounts < 1 || cfg.Accounts > MaxAccounts {
			return nil, fmt.Errorf("%w: there can be 1 to %d accounts", ErrScenario, MaxAccounts)
		}
		return []Scenario{signedIn(cfg.Accounts)}, nil
	case cfg.Users != 0 || cfg.Stock != 0:
		if cfg.Users < 1 || cfg.Users > MaxUsers || cfg.Stock < 1 {
			return nil, fmt.Errorf("%w: it takes 1 to %d users and at least 1 unit of stock", ErrScenario, MaxUsers)
		}
		return []Scenario{custom(cfg.Users, cfg.Stock)}, nil
	case cfg.Scenario == "all":
		return Scenarios(), nil
	case cfg.Scenario == "":
		cfg.Scenario = DefaultScenario
	}
	var names []string
	for _, sc := range Scenarios() {
		if sc.Name == cfg.Scenario {
			return []Scenario{sc}, nil
		}
		names = append(names, sc.Name)
	}
	return nil, fmt.Errorf("%w %q; there are %s and all", ErrScenario, cfg.Scenario, strings.Join(names, ", "))
}
