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
)

// Report is what a run has found. Times are in milliseconds unless their name says otherwise.
type Report struct {
	// OK is false when an invariant of the sale was broken afterwards.
	OK          bool    `json:"ok"`
	Machine     Machine `json:"machine"`
	Servers     string  `json:"servers"`
	Seed        int64   `json:"seed"`
	Cycles      int     `json:"cycles"`
	Slice       float64 `json:"sliceMs"`
	Connections int     `json:"connections"`

	Goals []Goal `json:"goals"`
	Paths []Path `json:"paths"`
	// Latency is of the 201s in the slices.
	Latency Percentiles `json:"latencyOf201Ms"`
	Crowd   *Rush       `json:"crowd,omitempty"`
	Watched *Rush       `json:"crowdWithStreams,omitempty"`
	Streams *Streams    `json:"streams,omitempty"`
	// Batch is how many claims a transaction of the ledger decided on average, Direct the share of claims that were
	// not decided through the log; nil when that is not known.
	Batch  float64  `json:"claimsPerTransaction,omitempty"`
	Direct *float64 `json:"directShare,omitempty"`
	Verify []Check  `json:"verify"`
	// Notes say what is missing and why, and what else should be known about the figures.
	Notes []string `json:"notes"`
}

// Streams is what idle streams cost.
type Streams struct {
	Held      int     `json:"held"`
	BytesEach float64 `json:"bytesEach,omitempty"`
}

// Path is what was found about one kind of request.
type Path struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Rate is wanted answers a second, Ratio the same as a fraction of noop's in the same cycle.
	Rate  *Quartiles `json:"perSecond"`
	Ratio *Quartiles `json:"ratioToNoop"`
	P50   *Quartiles `json:"p50Ms"`
	P99   *Quartiles `json:"p99Ms"`
	// Codes are of all counted answers.
	Codes map[int]int `json:"codes"`
	// The costs are per answer: CPU in microseconds of the process, of the servers it has started, and of the load
	// generator; objects and bytes allocated by the process. Missing ones are nil.
	CPU         *Quartiles `json:"cpuMicroseconds"`
	Servers     *Quartiles `json:"serversCpuMicroseconds"`
	Generator   *Quartiles `json:"generatorCpuMicroseconds"`
	Allocations *Quartiles `json:"allocations"`
	Bytes       *Quartiles `json:"bytes"`
	// Settled is how long the process went on working for the slice after its last answer.
	Settled *Quartiles `json:"settledMs"`
}

// finish makes the figures of the report out of those of the slices.
func (r *Report) finish(paths []*path) {
	var noop []slice
	for _, p := range paths {
		if p.name == pathNoop {
			noop = p.slices
		}
	}
	for _, p := range paths {
		r.Paths = append(r.Paths, p.figures(noop))
		if p.name == pathPurchase {
			slices.Sort(p.took)
			r.Latency = percentiles(p.took)
		}
	}
	r.Goals = r.goals()
}

func (p *path) figures(noop []slice) Path {
	f := Path{Name: p.name, About: p.about, Codes: map[int]int{}}
	f.Rate = p.over(func(_ int, s slice) (float64, bool) { return s.rate, true })
	f.Ratio = p.over(func(n int, s slice) (float64, bool) { return s.rate / noop[n].rate, noop[n].rate > 0 })
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

// over gives the quartiles of a figure over the slices that have it.
func (p *path) over(figure func(n int, s slice) (float64, bool)) *Quartiles {
	var values []float64
	for n, s := range p.slices {
		if v, ok := figure(n, s); ok {
			values = append(values, v)
		}
	}
	return quartiles(values)
}

func (p *path) cost(part string, unit float64) *Quartiles {
	return p.over(func(_ int, s slice) (float64, bool) {
		v, ok := s.cost[part]
		return v / float64(max(s.answers, 1)) * unit, ok
	})
}

func (r *Report) ratio(name string) *Quartiles {
	for _, p := range r.Paths {
		if p.Name == name {
			return p.Ratio
		}
	}
	return nil
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Machine: %s\nServers: %s\n", r.Machine, r.Servers)
	fmt.Fprintf(&b, "%d cycles, slices of %.0f ms, %d connections, seed %d; ratios are per cycle, figures median (first to third quartile)\n\n",
		r.Cycles, r.Slice, r.Connections, r.Seed)
	r.writeGoals(&b)
	r.writePaths(&b)
	r.writeRest(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r Report) writeGoals(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "goal", "at least", "aim", "found", "")
	for _, g := range r.Goals {
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
	_ = t.Flush() // a buffer takes everything
	_, _ = io.WriteString(w, "\n")
}

func foundUnit(g Goal) string {
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

func (r Report) writePaths(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "path", "per second", "/ noop", "p50 ms", "p99 ms", "CPU µs", "servers µs", "generator µs", "allocs", "bytes", "codes")
	for _, p := range r.Paths {
		line(t, p.Name, p.Rate.String(), p.Ratio.String(), p.P50.middle(), p.P99.middle(), p.CPU.middle(), p.Servers.middle(),
			p.Generator.middle(), p.Allocations.middle(), p.Bytes.middle(), codes(p.Codes))
	}
	_ = t.Flush()
	_, _ = io.WriteString(w, "\n")
}

func (r Report) writeRest(w io.Writer) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	say("201 latency in the slices: %s", r.Latency)
	for _, one := range []struct {
		title string
		rush  *Rush
	}{{"Crowd", r.Crowd}, {"Crowd with streams", r.Watched}} {
		if c := one.rush; c != nil {
			say("%s of %d for %d units, %d streams and as many idle connections open: last unit after %.0f ms, 201s %s, %.0f MiB resident, %s",
				one.title, c.Shoppers, c.Units, c.Streams, c.SoldOut, c.Bought, mebibytes(c.Resident), codes(c.Codes))
		}
	}
	if s := r.Streams; s != nil {
		say("Idle streams: %d held, %.1f KiB each", s.Held, s.BytesEach/1024)
	}
	say("Claims per ledger transaction: %.1f", r.Batch)
	if r.Direct != nil {
		say("Decided directly instead of through the log: %.2f%%", 100**r.Direct)
	}
	say("Verify: %s", checksText(r.Verify))
	for _, note := range r.Notes {
		say("Note: %s", note)
	}
}

func line(w io.Writer, cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }

func (q *Quartiles) middle() string {
	if q == nil {
		return "-"
	}
	return number(q.Median)
}

func (q *Quartiles) String() string {
	switch {
	case q == nil:
		return "-"
	case q.Q1 == q.Q3:
		return number(q.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(q.Median), number(q.Q1), number(q.Q3))
}

func (p Percentiles) String() string {
	return fmt.Sprintf("p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, max %.1f ms", p.P50, p.P90, p.P99, p.P999, p.Max)
}

// number shows three digits where there are any.
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

func checksText(list []Check) string {
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
