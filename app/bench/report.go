package bench

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// report is the result of a run. Times are in milliseconds.
type report struct {
	// OK is false when an invariant of the sale is broken afterwards.
	OK          bool    `json:"ok"`
	Machine     machine `json:"machine"`
	Servers     string  `json:"servers"`
	Seed        int64   `json:"seed"`
	Cycles      int     `json:"cycles"`
	Slice       float64 `json:"sliceMs"`
	Connections int     `json:"connections"`

	Goals []goal        `json:"goals"`
	Paths []pathFigures `json:"paths"`
	// Latency is that of the 201s in the slices.
	Latency          percentiles    `json:"latencyOf201Ms"`
	Crowd            *crowdFigures  `json:"crowd,omitempty"`
	CrowdWithStreams *crowdFigures  `json:"crowdWithStreams,omitempty"`
	Streams          *streamFigures `json:"streams,omitempty"`
	Desks            *deskFigures   `json:"desks,omitempty"`
	Storm            *stormFigures  `json:"stormOfSignIns,omitempty"`
	// Batch is how many claims a transaction of the ledger decided on average, Direct the share of claims that were
	// not decided through the log; 0 and nil when not known.
	Batch  float64  `json:"claimsPerTransaction,omitempty"`
	Direct *float64 `json:"directShare,omitempty"`
	Verify []check  `json:"verify"`
	// Notes say what is missing and why, and what else a reader must know about the figures.
	Notes []string `json:"notes"`
}

// streamFigures say how many idle streams were open, and how much memory each of them cost.
type streamFigures struct {
	Open      int     `json:"held"`
	BytesEach float64 `json:"bytesEach,omitempty"`
}

// pathFigures are the result for one path.
type pathFigures struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Rate is wanted answers a second, Ratio that rate divided by the rate of noop in the same cycle.
	Rate  *quartiles `json:"perSecond"`
	Ratio *quartiles `json:"ratioToNoop"`
	// Demo is, for a path outside demo mode, its rate divided by that of the same path in demo mode in the same cycle.
	Demo *quartiles `json:"ratioToDemo,omitempty"`
	// Constant is the ratio to the echo handler with a constant answer in the same cycle.
	Constant *quartiles `json:"ratioToConstant,omitempty"`
	P50      *quartiles `json:"p50Ms"`
	P99      *quartiles `json:"p99Ms"`
	// Codes counts the answers by status code.
	Codes map[int]int `json:"codes"`
	// The costs are those of one answer: CPU in microseconds, of the process, of the servers it has started and of the load
	// generator; objects and bytes that the process allocates. One that was not measured is nil.
	CPU         *quartiles `json:"cpuMicroseconds"`
	Servers     *quartiles `json:"serversCpuMicroseconds"`
	Generator   *quartiles `json:"generatorCpuMicroseconds"`
	Allocations *quartiles `json:"allocations"`
	Bytes       *quartiles `json:"bytes"`
	// Settled is how long the process worked for the slice after its last answer.
	Settled *quartiles `json:"settledMs"`
}

// quartiles are those of one figure over the cycles. For a figure that is measured once all three are equal.
type quartiles struct {
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
}

func quartilesOf(values []float64) *quartiles {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	return &quartiles{Q1: interpolated(sorted, .25), Median: interpolated(sorted, .5), Q3: interpolated(sorted, .75)}
}

// interpolated is the quantile q, between the two nearest values where it is not one of them.
func interpolated(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// once are the quartiles of a figure that is measured once; nil for 0, which means that it was not.
func once(v float64) *quartiles {
	if v == 0 {
		return nil
	}
	return &quartiles{v, v, v}
}

// percentiles are those of many latencies, in milliseconds.
type percentiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func percentilesOf(sorted []time.Duration) percentiles {
	at := func(q float64) float64 { return milliseconds(quantile(sorted, q)) }
	return percentiles{P50: at(.5), P90: at(.9), P99: at(.99), P999: at(.999), Max: at(1)}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// finish computes the figures of the paths from those of the slices, then compares them with the goals.
func (r *report) finish(paths []*path) {
	by := map[string][]slice{}
	for _, p := range paths {
		by[p.name] = p.slices
	}
	for _, p := range paths {
		r.Paths = append(r.Paths, p.figures(by[pathNoop], by[pathConstant], by[p.partner()]))
		if p.name == pathPurchase {
			slices.Sort(p.took)
			r.Latency = percentilesOf(p.took)
		}
	}
	r.Goals = r.goals()
}

func (p *path) figures(noop, constant, demo []slice) pathFigures {
	f := pathFigures{Name: p.name, About: p.about, Codes: map[int]int{}}
	f.Rate = p.over(func(_ int, s slice) (float64, bool) { return s.rate, true })
	f.Ratio, f.Constant, f.Demo = p.to(noop), p.to(constant), p.to(demo)
	f.P50 = p.over(func(_ int, s slice) (float64, bool) { return milliseconds(s.p50), s.p50 > 0 })
	f.P99 = p.over(func(_ int, s slice) (float64, bool) { return milliseconds(s.p99), s.p99 > 0 })
	f.CPU, f.Servers, f.Generator = p.cost(costCPU, 1e6), p.cost(costServers, 1e6), p.cost(costGenerator, 1e6)
	f.Allocations, f.Bytes = p.cost(costMallocs, 1), p.cost(costBytes, 1)
	if p.after != nil {
		f.Settled = p.over(func(_ int, s slice) (float64, bool) { return milliseconds(s.settled), true })
	}
	for _, s := range p.slices {
		for code, n := range s.codes {
			f.Codes[code] += n
		}
	}
	return f
}

// to gives the quartiles of the rate to that of another path in the same cycle.
func (p *path) to(other []slice) *quartiles {
	return p.over(func(n int, s slice) (float64, bool) {
		if n >= len(other) || other[n].rate == 0 {
			return 0, false
		}
		return s.rate / other[n].rate, true
	})
}

// over gives the quartiles of a figure over those slices that have it.
func (p *path) over(figure func(n int, s slice) (float64, bool)) *quartiles {
	var values []float64
	for n, s := range p.slices {
		if v, ok := figure(n, s); ok {
			values = append(values, v)
		}
	}
	return quartilesOf(values)
}

func (p *path) cost(part string, unit float64) *quartiles {
	return p.over(func(_ int, s slice) (float64, bool) {
		v, ok := s.cost[part]
		return v / float64(max(s.answers, 1)) * unit, ok
	})
}

// ratio is that of a path to noop, toConstant that to the constant answer, toDemo that to the same path in demo mode.
func (r *report) ratio(name string) *quartiles      { return r.path(name).Ratio }
func (r *report) toConstant(name string) *quartiles { return r.path(name).Constant }
func (r *report) toDemo(name string) *quartiles     { return r.path(name).Demo }

// path gives the figures of a path; none of them is set when it was not measured.
func (r *report) path(name string) pathFigures {
	for _, p := range r.Paths {
		if p.Name == name {
			return p
		}
	}
	return pathFigures{}
}

func (r report) writeText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Machine: %s\nServers: %s\n", r.Machine, r.Servers)
	fmt.Fprintf(&b, "%d cycles, slices of %.0f ms, %d connections, seed %d; ratios are per cycle, figures median (first to third quartile)\n\n",
		r.Cycles, r.Slice, r.Connections, r.Seed)
	writeGoals(&b, r.Goals)
	r.writePaths(&b)
	r.writeRest(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func writeGoals(w io.Writer, goals []goal) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "goal", "at least", "aim", "found", "")
	for _, g := range goals {
		verdict := g.Verdict
		if g.Why != "" {
			verdict += " (" + g.Why + ")"
		}
		atLeast := number(g.AtLeast) + unit(g.Unit)
		if g.Lower {
			atLeast = "at most " + atLeast
		}
		line(t, g.What, atLeast, number(g.Aim)+unit(g.Unit), g.Found.String()+foundUnit(g), verdict)
	}
	_ = t.Flush() // writing to a buffer does not fail
	_, _ = io.WriteString(w, "\n")
}

func foundUnit(g goal) string {
	if g.Found == nil {
		return ""
	}
	return unit(g.Unit)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}

func (r report) writePaths(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "path", "per second", "/ noop", "/ constant", "/ demo", "p50 ms", "p99 ms", "CPU µs", "servers µs", "generator µs", "allocs", "bytes", "codes")
	for _, p := range r.Paths {
		line(t, p.Name, p.Rate.String(), p.Ratio.String(), p.Constant.String(), p.Demo.String(), p.P50.medianText(), p.P99.medianText(), p.CPU.medianText(), p.Servers.medianText(),
			p.Generator.medianText(), p.Allocations.medianText(), p.Bytes.medianText(), codes(p.Codes))
	}
	_ = t.Flush()
	_, _ = io.WriteString(w, "\n")
}

func (r report) writeRest(w io.Writer) {
	add := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	add("201 latency in the slices: %s", r.Latency)
	for _, one := range []struct {
		title   string
		figures *crowdFigures
	}{{"Crowd", r.Crowd}, {"Crowd with streams", r.CrowdWithStreams}} {
		if c := one.figures; c != nil {
			add("%s, %d shoppers for %d units, %d streams and as many idle connections open: last unit after %.0f ms, 201s %s, %.0f MiB resident, %s",
				one.title, c.Shoppers, c.Units, c.Streams, c.SoldOut, c.Bought, mebibytes(c.Resident), codes(c.Codes))
		}
	}
	if c := r.CrowdWithStreams; c != nil && c.Beside != nil {
		b := c.Beside
		add("Such sales and sales with idle connections in place of the streams, in turn: p99 of 201s %s ms with streams, %s ms without, ratio %s, of the p50s %s; CPU of a sale %s ms with, %s ms without; %s frames a sale",
			b.Beside, b.Calm, b.Ratio, b.MedianRatio, b.BesideCPU, b.CalmCPU, b.Frames)
	}
	if s := r.Streams; s != nil {
		add("Idle streams: %d open, %.1f KiB each", s.Open, s.BytesEach/1024)
	}
	if d := r.Desks; d != nil {
		add("%d desks open while %d units sell at %d a second, and as many without: p99 of 201s %s ms with them, %s ms without, ratio %s; CPU of a purchase %s µs with, %s µs without; "+
			"%d presses refused; %d frames, %d desks ended early", d.Open, d.Units, deskRate, d.Beside, d.Calm, d.Ratio, d.BesideCPU, d.CalmCPU, d.Refused, d.Frames, d.Ended)
	}
	if s := r.Storm; s != nil {
		add("%d sign-ins by code beside a running sale: done after %s ms; p99 of 201s %s ms with them, %s ms without, ratio %s; %d presses meanwhile, %d refused",
			s.SignIns, s.Took, s.Storm, s.Calm, s.Ratio, s.Presses, s.Refused)
	}
	add("Claims per ledger transaction: %.1f", r.Batch)
	if r.Direct != nil {
		add("Decided directly instead of through the log: %.2f%%", 100**r.Direct)
	}
	add("Verify: %s", checksText(r.Verify))
	for _, note := range r.Notes {
		add("Note: %s", note)
	}
}

func line(w io.Writer, cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }

func (q *quartiles) medianText() string {
	if q == nil {
		return "-"
	}
	return number(q.Median)
}

func (q *quartiles) String() string {
	switch {
	case q == nil:
		return "-"
	case q.Q1 == q.Q3:
		return number(q.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(q.Median), number(q.Q1), number(q.Q3))
}

func (p percentiles) String() string {
	return fmt.Sprintf("p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, max %.1f ms", p.P50, p.P90, p.P99, p.P999, p.Max)
}

// number writes a figure with three digits, and with more only before the point.
func number(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func codes(m map[int]int) string {
	parts := make([]string, 0, len(m))
	for _, code := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d x %d", code, m[code]))
	}
	return strings.Join(parts, ", ")
}

func checksText(list []check) string {
	parts := make([]string, 0, len(list))
	for _, c := range list {
		text := c.ID + " " + c.State
		if c.State == "broken" {
			text += " (" + c.Title + ": " + c.Detail + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
