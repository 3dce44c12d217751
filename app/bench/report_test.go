package bench

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQuartiles(t *testing.T) {
	t.Parallel()
	if q := quartilesOf(nil); q != nil {
		t.Errorf("of nothing: %+v", q)
	}
	for _, c := range []struct {
		values []float64
		want   quartiles
	}{
		{[]float64{3}, quartiles{3, 3, 3}},
		{[]float64{5, 1, 3, 2, 4}, quartiles{2, 3, 4}},
		{[]float64{1, 2, 3, 4}, quartiles{1.75, 2.5, 3.25}},
	} {
		if got := quartilesOf(c.values); *got != c.want {
			t.Errorf("%v: %+v, want %+v", c.values, *got, c.want)
		}
	}
}

func TestQuartilesLieAmongTheValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 40).Draw(t, "values")
		low, high := v[0], v[0]
		for _, x := range v {
			low, high = min(low, x), max(high, x)
		}
		if q := quartilesOf(v); q.Q1 < low || q.Median < q.Q1 || q.Q3 < q.Median || q.Q3 > high {
			t.Fatalf("%+v of %v", q, v)
		}
	})
}

// full is a report with all its parts, at the sizes that the goals are about.
func full() report {
	r := report{OK: true, Machine: machine{System: "plan9/mips", Go: "go9", CPU: "Abacus", Cores: 7, Memory: 3 << 30, Descriptors: 99, Load: 1.5},
		Servers: "of stone", Cycles: 2, Slice: 500, Connections: 256, Seed: 4, Batch: 70, Direct: new(float64),
		Crowd: &crowdFigures{Crowd: Crowd{goalShoppers, goalUnits}, SoldOut: 1800, Bought: percentiles{P99: 100}, Codes: map[int]int{201: goalUnits}},
		CrowdWithStreams: &crowdFigures{Crowd: Crowd{goalShoppers, goalUnits}, Streams: goalStreams, Resident: 600 << 20, Bought: percentiles{P99: 130},
			Beside: &besideFigures{Calm: once(100), Beside: once(130), Ratio: once(1.3)}},
		Streams: &streamFigures{Open: goalStreams, BytesEach: 20 << 10},
		Verify:  []check{{ID: "I1", State: "ok"}, {ID: "I4", Title: "holders", State: "broken", Detail: "2 missing"}}, Notes: []string{"mind the gap"}}
	noop := &path{name: pathNoop, slices: []slice{{rate: 1000, answers: 10}, {rate: 500, answers: 10}}}
	bought := &path{name: pathPurchase, took: []time.Duration{3 * time.Millisecond, time.Millisecond}, slices: []slice{
		{rate: 400, answers: 4, p99: time.Millisecond, codes: map[int]int{201: 3, 409: 1}, cost: cost{costCPU: 40e-6, costMallocs: 400}},
		{rate: 300, answers: 5, p99: 3 * time.Millisecond, codes: map[int]int{201: 5}, cost: cost{costCPU: 100e-6}},
	}}
	constant := &path{name: pathConstant, slices: []slice{{rate: 1000, answers: 10}, {rate: 400, answers: 10}}}
	soldOut := &path{name: pathSoldOut, slices: []slice{{rate: 950, answers: 10}, {rate: 388, answers: 10}}}
	r.finish([]*path{bought, noop, constant, soldOut})
	return r
}

// The ratio is that within each cycle, not that of the medians: 0.4 and 0.6 here, although 350/750 is 0.47.
func TestRatiosAreThoseOfTheCycles(t *testing.T) {
	t.Parallel()
	r := full()
	p := r.Paths[0]
	if p.Ratio.Median != .5 || p.Rate.Median != 350 || p.P99.Median != 2 || p.CPU.Median != 15 || p.Codes[201] != 8 || p.Codes[409] != 1 {
		t.Fatalf("%+v %+v", p, p.Ratio)
	}
	if p.Allocations.Median != 100 || p.Servers != nil || p.Bytes != nil {
		t.Fatalf("what was measured in one cycle has that cycle's value, what never was has none: %+v", p)
	}
	if r.Latency.P50 != 3 || r.Latency.Max != 3 {
		t.Fatalf("%+v", r.Latency)
	}
}

func TestTheTable(t *testing.T) {
	t.Parallel()
	r := full()
	verdicts := map[string]string{}
	for _, g := range r.Goals {
		verdicts[g.What] = g.Verdict
	}
	for what, want := range map[string]string{
		"confirmed purchases / noop, 256 connections": "aim met", "sold-out answers / constant answer": "met", "reserve path / constant answer": "not measured",
		"p99 of 201s, 10,000 units, 100,000 shoppers": "met", "opening to the last unit committed": "met",
		"memory with 10,000 streams and 10,000 connections": "met", "p99 of 201s with those streams / without": "missed",
		"memory per idle stream": "met", "streams open in one process": "met",
	} {
		if verdicts[what] != want {
			t.Errorf("%s: %q, want %q", what, verdicts[what], want)
		}
	}
	var text strings.Builder
	if err := r.writeText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Machine: plan9/mips, go9, 7 cores, Abacus, 3.0 GiB, 99 descriptors a process, load 1.5 at the start\n", "Servers: of stone\n",
		"confirmed purchases / noop, 256 connections        0.25", "0.50 (0.45 to 0.55)", "0.96 (0.95 to 0.96)", "at most 100 ms", "201 x 8, 409 x 1",
		"Decided directly instead of through the log: 0.00%", "I4 broken (holders: 2 missing)", "Note: mind the gap",
		"p99 of 201s 130 ms with streams, 100 ms without, ratio 1.30",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}
