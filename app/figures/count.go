package figures

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Count is what one process counts and measures at one moment. It travels between processes: fields are added, and never change
// their meaning.
type Count struct {
	// Process names the process; Began is when it started.
	Process string    `json:"process"`
	Began   time.Time `json:"began"`
	Version string    `json:"version"`
	// Answers counts the answered purchase requests since the start, by outcome.
	Answers map[string]int64 `json:"answers"`
	// Times counts the same requests by the time that they took: one number for each of Bounds, and one for those above the last.
	Times []int64 `json:"times"`
	// Bounds are the upper ends of the classes of Times, in seconds.
	Bounds []float64 `json:"bounds"`
	// Undecided claims wait for their verdict, the oldest of them for UndecidedAge seconds.
	Undecided    int64   `json:"undecided"`
	UndecidedAge float64 `json:"undecidedAge"`
	// Streams are the open streams of live updates.
	Streams int64 `json:"streams"`
	// Unpublished events wait in the outbox, the oldest for OutboxAge seconds. Only the process that publishes knows.
	Unpublished int64   `json:"unpublished"`
	OutboxAge   float64 `json:"outboxAge"`
	// Lag is how many records of each partition of the claims log are not decided.
	Lag map[int]int64 `json:"lag"`
	// Holders are how many shoppers of each sale have a place.
	Holders map[int64]int64 `json:"holders"`
	// Servers are those that the process needs.
	Servers []Server `json:"servers"`
	// Claims are some of those without a verdict, at most mostClaims and the ones known longest.
	Claims []Claim `json:"claims,omitempty"`
}

// Server is one that a process needs, as its last probe found it.
type Server struct {
	Name  string    `json:"name"`
	OK    bool      `json:"ok"`
	Since time.Time `json:"since"`
	// Detail says what is wrong.
	Detail string `json:"detail,omitempty"`
}

// Metrics names what a Count is made of.
type Metrics struct {
	// Answers is a counter with the label outcome.
	Answers string
	// Times is a histogram with the label route, of which Routes count.
	Times  string
	Routes []string
	// The others are gauges; Lag has the label partition, and Holders the label sale.
	Undecided, UndecidedAge, Streams, Unpublished, OutboxAge, Lag, Holders string
}

// read makes a Count of what a process measures. A metric that is not there counts as zero.
func (m *Metrics) read(from prometheus.Gatherer) (Count, error) {
	families, err := from.Gather()
	if err != nil {
		return Count{}, err
	}
	c := Count{Answers: map[string]int64{}, Lag: map[int]int64{}, Holders: map[int64]int64{}}
	for _, f := range families {
		switch f.GetName() {
		case m.Answers:
			for _, one := range f.GetMetric() {
				c.Answers[label(one, "outcome")] = int64(one.GetCounter().GetValue())
			}
		case m.Times:
			m.times(&c, f.GetMetric())
		case m.Undecided:
			c.Undecided = int64(sum(f))
		case m.UndecidedAge:
			c.UndecidedAge = sum(f)
		case m.Streams:
			c.Streams = int64(sum(f))
		case m.Unpublished:
			c.Unpublished = int64(sum(f))
		case m.OutboxAge:
			c.OutboxAge = sum(f)
		case m.Lag:
			for _, one := range f.GetMetric() {
				if n, err := strconv.Atoi(label(one, "partition")); err == nil {
					c.Lag[n] = int64(one.GetGauge().GetValue())
				}
			}
		case m.Holders:
			for _, one := range f.GetMetric() {
				if id, err := strconv.ParseInt(label(one, "sale"), 10, 64); err == nil {
					c.Holders[id] = int64(one.GetGauge().GetValue())
				}
			}
		}
	}
	return c, nil
}

// times adds up the classes of the routes that count.
func (m *Metrics) times(c *Count, all []*dto.Metric) {
	for _, one := range all {
		if !slices.Contains(m.Routes, label(one, "route")) {
			continue
		}
		h := one.GetHistogram()
		classes := make([]int64, 0, len(h.GetBucket())+1)
		below := uint64(0)
		bounds := make([]float64, 0, len(h.GetBucket()))
		for _, b := range h.GetBucket() {
			classes, bounds = append(classes, int64(b.GetCumulativeCount()-below)), append(bounds, b.GetUpperBound())
			below = b.GetCumulativeCount()
		}
		classes = append(classes, int64(h.GetSampleCount()-below))
		c.Times, c.Bounds = Add(c.Times, classes), bounds
	}
}

// Add is the sum of two lists, class by class; those of different classes do not mix.
func Add(a, b []int64) []int64 {
	if len(a) == 0 {
		return slices.Clone(b)
	}
	if len(a) != len(b) {
		return a
	}
	for i := range b {
		a[i] += b[i]
	}
	return a
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func sum(f *dto.MetricFamily) (total float64) {
	for _, one := range f.GetMetric() {
		total += one.GetGauge().GetValue()
	}
	return total
}

// since is what was counted after an earlier Count of the same process.
func (c *Count) since(before *Count) (answers map[string]int64, times []int64) {
	answers = map[string]int64{}
	for outcome, n := range c.Answers {
		if d := n - before.Answers[outcome]; d > 0 {
			answers[outcome] = d
		}
	}
	times = slices.Clone(c.Times)
	if len(before.Times) == len(times) {
		for i := range times {
			times[i] = max(0, times[i]-before.Times[i])
		}
	}
	return answers, times
}

// Quantile is the time below which that share of the counted requests lies, in seconds, by the classes of Count.Times; the place
// within a class is estimated. ok is false when nothing was counted.
func Quantile(share float64, times []int64, bounds []float64) (seconds float64, ok bool) {
	total := int64(0)
	for _, n := range times {
		total += n
	}
	if total == 0 || len(times) != len(bounds)+1 {
		return 0, false
	}
	rank, below, from := share*float64(total), 0.0, 0.0
	for i, bound := range bounds {
		n := float64(times[i])
		if n > 0 && below+n >= rank {
			return from + (bound-from)*(rank-below)/n, true
		}
		below, from = below+n, bound
	}
	return from, true
}

// Outcomes lists the names of a map of answers, in order.
func Outcomes(answers map[string]int64) []string { return slices.Sorted(maps.Keys(answers)) }
