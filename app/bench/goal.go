package bench

import (
	"fmt"
	"slices"
)

// Goal is a line of the table: what is wanted and what was found.
type Goal struct {
	What string `json:"what"`
	Unit string `json:"unit,omitempty"`
	// AtLeast has to hold, Aim is what is hoped for. With Lower, less is better and AtLeast is the most allowed.
	AtLeast float64 `json:"atLeast"`
	Aim     float64 `json:"aim"`
	Lower   bool    `json:"lowerIsBetter,omitempty"`
	// Found is nil when it was not measured; Why says why, or under which other circumstances it was.
	Found *Quartiles `json:"found"`
	Why   string     `json:"why,omitempty"`
	// Verdict is "aim met", "met", "missed", "not measured", or "other size" when it was measured on something
	// smaller than the goal speaks of.
	Verdict string `json:"verdict"`
}

// Quartiles of one figure over the cycles. A figure that exists once has three equal ones.
type Quartiles struct {
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
}

func quartiles(values []float64) *Quartiles {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	return &Quartiles{Q1: interpolated(sorted, .25), Median: interpolated(sorted, .5), Q3: interpolated(sorted, .75)}
}

func interpolated(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

func once(v float64) *Quartiles {
	if v == 0 {
		return nil
	}
	return &Quartiles{v, v, v}
}

func (g *Goal) judge() {
	if g.Verdict != "" {
		return
	}
	switch {
	case g.Found == nil:
		g.Verdict = "not measured"
	case g.Why != "":
		g.Verdict = "other size"
	case g.reaches(g.Aim):
		g.Verdict = "aim met"
	case g.reaches(g.AtLeast):
		g.Verdict = "met"
	default:
		g.Verdict = "missed"
	}
}

func (g *Goal) reaches(limit float64) bool {
	if g.Lower {
		return g.Found.Median <= limit
	}
	return g.Found.Median >= limit
}

// The sizes the goals speak of.
const (
	goalShoppers = 100_000
	goalUnits    = 10_000
	goalStreams  = 10_000
)

// goals fills in the table.
func (r *Report) goals() []Goal {
	list := []Goal{
		{What: "sold-out answers / noop", AtLeast: .85, Aim: .95, Found: r.ratio(pathSoldOut)},
		{What: "reserve path / noop", AtLeast: .75, Aim: .85, Found: r.ratio(pathReserve)},
		{What: "status / noop", AtLeast: .85, Aim: .95, Found: r.ratio(pathStatus)},
		{What: "confirmed purchases / noop", AtLeast: .35, Aim: .5, Found: r.ratio(pathPurchase)},
	}
	list = append(list, r.crowdGoals()...)
	list = append(list, r.streamGoals()...)
	for i := range list {
		list[i].judge()
	}
	return list
}

func (r *Report) crowdGoals() []Goal {
	latency := Goal{What: "p99 of 201s, 10,000 units, 100,000 shoppers", Unit: "ms", AtLeast: 150, Aim: 50, Lower: true}
	opening := Goal{What: "opening to the last unit committed", Unit: "s", AtLeast: 5, Aim: 2, Lower: true}
	memory := Goal{What: "memory with 10,000 streams and 10,000 connections", Unit: "MiB", AtLeast: 1024, Aim: 500, Lower: true}
	beside := Goal{What: "p99 of 201s with those streams / without", AtLeast: 1.2, Aim: 1.05, Lower: true}
	if c := r.Crowd; c != nil {
		latency.Found, opening.Found = once(c.Bought.P99), once(c.SoldOut/1000)
		if c.Shoppers < goalShoppers || c.Units < goalUnits {
			latency.Why = fmt.Sprintf("with %d units and %d shoppers", c.Units, c.Shoppers)
			opening.Why = latency.Why
		}
	}
	if w := r.Watched; w != nil {
		memory.Found = once(mebibytes(w.Resident))
		if r.Crowd != nil && r.Crowd.Bought.P99 > 0 {
			beside.Found = once(w.Bought.P99 / r.Crowd.Bought.P99)
		}
		if w.Streams < goalStreams || w.Shoppers < goalShoppers {
			memory.Why = fmt.Sprintf("with %d streams, %d connections, %d shoppers", w.Streams, w.Streams, w.Shoppers)
			beside.Why = memory.Why
		}
	}
	return []Goal{latency, opening, memory, beside}
}

func (r *Report) streamGoals() []Goal {
	each := Goal{What: "memory per idle stream", Unit: "KiB", AtLeast: 26, Aim: 12, Lower: true}
	held := Goal{What: "streams held by one process", AtLeast: goalStreams, Aim: 50_000}
	if s := r.Streams; s != nil {
		each.Found, held.Found = once(s.BytesEach/1024), once(float64(s.Held))
		if s.Held < goalStreams {
			held.Why = fmt.Sprintf("no more than %d were tried", s.Held)
		}
	}
	return []Goal{each, held}
}
