package stress

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// drive runs with the short times of a test: what a server does not show at once counts as not shown.
func drive(t *testing.T, cfg Config) (Report, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // of all scenarios, on a machine that does much else
	defer cancel()
	if cfg.settling == 0 {
		cfg.settling = 200 * time.Millisecond
	}
	return Run(ctx, cfg)
}

func one(t *testing.T, cfg Config) Result {
	t.Helper()
	report, err := drive(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Scenarios) != 1 || report.OK != report.Scenarios[0].OK {
		t.Fatalf("report: %+v", report)
	}
	return report.Scenarios[0]
}

func TestEveryScenarioIsExactOnACorrectServer(t *testing.T) {
	t.Parallel()
	want := map[string]struct{ users, won, left int }{
		"race": {10, 5, 0}, "100": {100, 5, 0}, "1000": {1000, 5, 0}, "small": {3, 3, 2}, "medium": {80, 80, 20},
		"large": {200, 200, 800}, "extreme": {10_000, 10_000, 0}, "switching": {150, 100, 0},
	}
	report, err := drive(t, Config{URL: []string{newShop().open(t)}, Scenario: "all", Connections: 64})
	if err != nil || !report.OK || len(report.Scenarios) != len(want) {
		t.Fatalf("%v, %+v", err, report)
	}
	for _, r := range report.Scenarios {
		w := want[r.Scenario]
		if r.Users != w.users || r.Successful != w.won || r.Failed != w.users-w.won || r.Left != w.left || r.Receipts != w.won || r.Sold != w.won {
			t.Errorf("%s: %+v, want %+v", r.Scenario, r, w)
		}
		if r.Requests < w.users || r.Latency.Max <= 0 || r.Latency.P50 > r.Latency.P99 || len(r.Verify) != 1 || r.Throughput <= 0 {
			t.Errorf("%s: figures are missing: %+v", r.Scenario, r)
		}
	}
}

// With the original's statuses every answer is 201, and shoppers who were refused are still none who have bought.
func TestLegacyStatusesAreCountedByWhatTheAnswersSay(t *testing.T) {
	t.Parallel()
	s := newShop()
	s.legacy = true
	for _, scenario := range []string{"100", "switching"} {
		r := one(t, Config{URL: []string{s.open(t)}, Scenario: scenario})
		if won := map[string]int{"100": 5, "switching": 100}[scenario]; !r.OK || r.Successful != won || r.Receipts != won || r.Codes["201"] != r.Requests || r.Problems["sold-out"] == 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestUsersAndStockAreRunInsteadOfAScenario(t *testing.T) {
	t.Parallel()
	s := newShop()
	r := one(t, Config{URL: []string{s.open(t)}, Scenario: "extreme", Users: 37, Stock: 21})
	if !r.OK || r.Successful != 21 || r.Failed != 16 || r.Codes["201"] != 21 || r.Codes["409"] != 16 || r.Problems["sold-out"] != 16 || s.seeded != 52 {
		t.Fatalf("%+v", r)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := newShop()
	s.before = func(http.ResponseWriter, string, int) bool { time.Sleep(time.Millisecond); return false }
	r := one(t, Config{URL: []string{s.open(t)}, Users: 300, Stock: 5, Connections: 7})
	if !r.OK || s.peak > 7 || s.peak < 2 {
		t.Fatalf("%d requests at once over 7 connections; %+v", s.peak, r)
	}
	if r.Wait.Max <= r.Latency.P50 {
		t.Errorf("nobody waited for a connection: %+v", r.Wait)
	}
}

func TestShoppersUseEveryInstance(t *testing.T) {
	t.Parallel()
	s := newShop()
	var seen sync.Map
	base := s.open(t)
	s.before = func(http.ResponseWriter, string, int) bool { return false }
	second := s.open(t)
	transport := &counting{seen: &seen}
	r := newRun(Config{Seed: 7, Patience: time.Second, settling: time.Second}, newClient([]string{base, second}, 8), Scenario{Users: 40, Stock: 5})
	transport.next, r.client.http.Transport = r.client.http.Transport, transport
	if err := sellStock(t.Context(), r); err != nil || len(r.faults) > 0 {
		t.Fatal(err, r.faults)
	}
	for _, instance := range []string{base, second} {
		if _, ok := seen.Load(strings.TrimPrefix(instance, "http://") + "/api/flash-sale/purchase"); !ok {
			t.Errorf("nobody bought at %s", instance)
		}
		if _, ok := seen.Load(strings.TrimPrefix(instance, "http://") + "/api/flash-sale/status"); !ok {
			t.Errorf("%s was not asked for its status", instance)
		}
	}
}

type counting struct {
	seen *sync.Map
	next http.RoundTripper
}

func (c *counting) RoundTrip(q *http.Request) (*http.Response, error) {
	c.seen.Store(q.URL.Host+q.URL.Path, true)
	return c.next.RoundTrip(q)
}

func TestAServerThatAsksWhoResetsItIsNotReset(t *testing.T) {
	t.Parallel()
	s := newShop()
	s.guard = true
	report, err := drive(t, Config{URL: []string{s.open(t)}})
	if !errors.Is(err, ErrNotDemo) || !strings.Contains(err.Error(), "refuses to reset it unless it is in demo mode") || report.OK {
		t.Fatalf("%+v, %v", report, err)
	}
	if s.generation != 1 || len(s.presses) > 0 {
		t.Error("it was touched all the same")
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	here := []string{"http://127.0.0.1:1"}
	tests := map[string]struct {
		cfg  Config
		want error
		says string
	}{
		"no address":       {Config{}, ErrTarget, "none"},
		"another machine":  {Config{URL: []string{"http://shop.example.com"}}, ErrTarget, "not this machine"},
		"not loopback":     {Config{URL: []string{"http://localhost:1", "http://10.0.0.1:1"}}, ErrTarget, "10.0.0.1"},
		"no scheme":        {Config{URL: []string{"localhost:3001"}}, ErrTarget, "http://localhost:3001"},
		"unknown scenario": {Config{URL: here, Scenario: "huge"}, ErrScenario, "race, 100, 1000"},
		"no stock":         {Config{URL: here, Users: 5}, ErrScenario, "stock"},
		"no users":         {Config{URL: here, Stock: 5}, ErrScenario, "users"},
		"too many users":   {Config{URL: here, Users: MaxUsers + 1, Stock: 5}, ErrScenario, "700000"},
		"connections":      {Config{URL: here, Connections: -1}, nil, "connections"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Run(t.Context(), tt.cfg)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v", err)
			}
		})
	}
	for _, url := range []string{"http://localhost:1/", "http://[::1]:1", "http://127.0.0.2:1"} {
		cfg := Config{URL: []string{url}}
		if list, err := cfg.prepare(); err != nil || len(list) != 1 || list[0].Name != DefaultScenario || strings.HasSuffix(cfg.URL[0], "/") {
			t.Errorf("%s: %v, %v, %v", url, cfg.URL, list, err)
		}
	}
	cfg := Config{URL: []string{"https://shop.example.com"}, Remote: true}
	if _, err := cfg.prepare(); err != nil {
		t.Errorf("an address the operator named was refused: %v", err)
	}
}

func TestAServerThatDoesNotAnswerIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := drive(t, Config{URL: []string{"http://127.0.0.1:1"}}); err == nil || !strings.Contains(err.Error(), "scenario 1000") {
		t.Fatal(err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newShop()
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(w http.ResponseWriter, _ string, _ int) bool { cancel(); refuse(w, 503, "overloaded"); return true }
	if _, err := Run(ctx, Config{URL: []string{s.open(t)}, Scenario: "100"}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
