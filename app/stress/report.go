package stress

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a call of Run found.
type Report struct {
	// OK is false when a scenario was not exact, or could not be run.
	OK bool `json:"ok"`
	// Seed repeats the shoppers' choices.
	Seed      int64    `json:"seed"`
	Scenarios []Result `json:"scenarios"`
}

// WriteText writes every scenario's result for people.
func (r Report) WriteText(w io.Writer) error {
	for _, result := range r.Scenarios {
		if err := result.WriteText(w); err != nil {
			return err
		}
	}
	return nil
}

// Result is the report of one scenario. Durations are in milliseconds.
type Result struct {
	Scenario string `json:"scenario"`
	About    string `json:"about"`
	OK       bool   `json:"ok"`
	Seed     int64  `json:"seed"`
	Users    int    `json:"totalUsers"`
	Stock    int    `json:"stock"`
	// Successful shoppers have a receipt at the end, Failed ones do not.
	Successful  int     `json:"successfulPurchases"`
	Failed      int     `json:"failedPurchases"`
	SuccessRate float64 `json:"successRate"` // percent
	// Duration is from the first press until all shoppers had a final answer.
	Duration   float64 `json:"totalDurationMs"`
	Throughput float64 `json:"requestsPerSecond"`
	// Latency is of purchase requests, from sending to having read the answer; Wait is for a free connection before.
	Latency Spread `json:"responseTimeMs"`
	Wait    Spread `json:"connectionWaitMs"`
	// Ahead is what was done before the first press, outside demo mode.
	Ahead *Ahead `json:"signedInAhead,omitempty"`
	// Arrivals are the figures of shoppers who came at a rate, Watched those of the streams of live updates.
	Arrivals *Arrivals `json:"openLoop,omitempty"`
	Watched  *Watched  `json:"liveUpdates,omitempty"`
	// Requests are purchases that were answered; ConnectionErrors are those that were not.
	Requests         int            `json:"requests"`
	Retries          int            `json:"retries"`
	ConnectionErrors int            `json:"connectionErrors"`
	Pending          int            `json:"pendingFollowed"`
	GaveUp           int            `json:"gaveUp"`
	Codes            map[string]int `json:"codes"`
	Problems         map[string]int `json:"problemTypes"`
	Receipts         int            `json:"distinctReceipts"`
	Sold             int            `json:"unitsSold"`
	Left             int            `json:"unitsLeft"`
	Verify           []Check        `json:"verify"`
	// Faults has a line for everything that is wrong.
	Faults []string `json:"faults"`
}

// Spread is a distribution, in milliseconds.
type Spread struct {
	Avg float64 `json:"avg"`
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func spread(h *hdrhistogram.Histogram) Spread {
	if h.TotalCount() == 0 {
		return Spread{}
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Spread{Avg: h.Mean() / 1000, P50: at(50), P90: at(90), P99: at(99), Max: float64(h.Max()) / 1000}
}

func (r *run) result() Result {
	t := r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.checks == nil {
		r.checks = []Check{}
	}
	if r.faults == nil {
		r.faults = []string{}
	}
	won, users := len(r.winners()), len(r.shoppers)
	result := Result{
		Scenario: r.scenario.Name, About: r.scenario.About, OK: len(r.faults) == 0, Seed: r.cfg.Seed,
		Users: users, Stock: r.scenario.Stock, Successful: won, Failed: users - won,
		Duration: float64(r.duration) / float64(time.Millisecond),
		Latency:  spread(t.latency), Wait: spread(t.wait),
		Requests: t.requests, Retries: t.retries, ConnectionErrors: t.broken, Pending: t.pending, GaveUp: t.gave,
		Codes: t.codes, Problems: t.problems,
		Receipts: r.distinct, Sold: r.sold, Left: r.left, Verify: r.checks, Faults: r.faults,
	}
	if result.Arrivals = r.arrivals; r.arrivals != nil {
		r.arrivals.Late, r.arrivals.Answer, r.arrivals.Settled = spread(t.late), spread(t.answer), spread(t.final)
	}
	result.Watched, result.Ahead = r.watched, r.ahead
	if users > 0 {
		result.SuccessRate = 100 * float64(won) / float64(users)
	}
	if r.duration > 0 {
		result.Throughput = float64(t.requests) / r.duration.Seconds()
	}
	return result
}

// WriteText writes the result for people. Scripts read the first seven lines after the title.
func (r Result) WriteText(w io.Writer) error {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Scenario %s: %s", r.Scenario, r.About)
	line("Total Users: %d", r.Users)
	line("Successful Purchases: %d", r.Successful)
	line("Failed Purchases: %d", r.Failed)
	line("Success Rate: %.2f%%", r.SuccessRate)
	line("Total Duration: %.0fms", r.Duration)
	line("Response Time: avg %.2fms", r.Latency.Avg)
	line("Throughput: %.0f requests/second", r.Throughput)
	line("Latency: p50 %.2fms  p90 %.2fms  p99 %.2fms  max %.2fms", r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.Max)
	line("Waited for a connection: avg %.2fms  max %.2fms", r.Wait.Avg, r.Wait.Max)
	if a := r.Ahead; a != nil {
		line("Ahead: %d accounts signed up and in after %.0fms", a.Accounts, a.Took)
	}
	if a := r.Arrivals; a != nil {
		line("Open loop: %.0f of %.0f shoppers/second came, started late p99 %.2fms  max %.2fms", a.Achieved, a.Planned, a.Late.P99, a.Late.Max)
		line("Due to answer: p50 %.2fms  p90 %.2fms  p99 %.2fms  max %.2fms", a.Answer.P50, a.Answer.P90, a.Answer.P99, a.Answer.Max)
		line("Due to final answer: p50 %.2fms  p99 %.2fms  max %.2fms", a.Settled.P50, a.Settled.P99, a.Settled.Max)
	}
	if w := r.Watched; w != nil {
		line("Live updates: %d of %d streams open, %d events, %d behind at the end", w.Open, w.Streams, w.Events, w.Behind)
	}
	line("Codes: %s", counts(r.Codes))
	line("Problems answered: %s", counts(r.Problems))
	line("Retries: %d  connection errors: %d  202s followed: %d  gave up: %d", r.Retries, r.ConnectionErrors, r.Pending, r.GaveUp)
	line("Distinct receipts: %d  units sold: %d of %d  left: %d", r.Receipts, r.Sold, r.Stock, r.Left)
	line("Verify: %s", checksText(r.Verify))
	line("Seed: %d", r.Seed)
	for _, fault := range r.Faults {
		line("FAULT %s", fault)
	}
	if r.OK {
		line("Result: exact\n")
	} else {
		line("Result: NOT EXACT\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s x %d", key, m[key]))
	}
	return strings.Join(parts, ", ")
}

func checksText(list []Check) string {
	if len(list) == 0 {
		return "not asked, which only an operator may; run flashsale verify"
	}
	var parts []string
	for _, c := range list {
		parts = append(parts, c.ID+" "+c.State)
	}
	return strings.Join(parts, ", ")
}
