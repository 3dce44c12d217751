package bench

import "fmt"

// goal is one line of the table of goals: the wanted figure and the measured one.
type goal struct {
	What string `json:"what"`
	Unit string `json:"unit,omitempty"`
	// AtLeast is required, Aim is better than required. With Lower a smaller figure is better, and AtLeast is the largest
	// that is allowed.
	AtLeast float64 `json:"atLeast"`
	Aim     float64 `json:"aim"`
	Lower   bool    `json:"lowerIsBetter,omitempty"`
	// Found is nil when it was not measured. Why is set when it was measured on a smaller sale than the goal is about.
	Found *quartiles `json:"found"`
	Why   string     `json:"why,omitempty"`
	// Verdict is "aim met", "met", "missed", "not measured", or "other size" when Why is set.
	Verdict string `json:"verdict"`
}

func (g *goal) judge() {
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

func (g *goal) reaches(limit float64) bool {
	if g.Lower {
		return g.Found.Median <= limit
	}
	return g.Found.Median >= limit
}

// The sizes that the goals are about.
const (
	goalShoppers = 100_000
	goalUnits    = 10_000
	goalStreams  = 10_000
	goalSignIns  = 1000
	goalDesks    = 10
)

// goals compares the figures of the report with the goals.
func (r *report) goals() []goal {
	list := []goal{
		{What: "sold-out answers / constant answer", AtLeast: .95, Aim: .98, Found: r.toConstant(pathSoldOut)},
		{What: "reserve path / constant answer", AtLeast: .8, Aim: .88, Found: r.toConstant(pathReserve)},
		{What: "status / noop", AtLeast: .9, Aim: .95, Found: r.ratio(pathStatus)},
		{What: "page views / noop", AtLeast: .4, Aim: .6, Found: r.ratio(pathPage)},
		r.purchaseGoal(),
		{What: "sold-out answers with sessions / in demo mode", AtLeast: .95, Aim: .99, Found: r.toDemo(pathSignedInSoldOut)},
		{What: "confirmed purchases with sessions / in demo mode", AtLeast: .95, Aim: .99, Found: r.toDemo(pathSignedInPurchase)},
	}
	list = append(list, r.crowdGoals()...)
	list = append(list, r.streamGoals()...)
	list = append(list, r.deskGoals()...)
	list = append(list, r.stormGoal())
	for i := range list {
		list[i].judge()
	}
	return list
}

// purchaseGoal is about 256 connections, or from 1,000 on about so many.
func (r *report) purchaseGoal() goal {
	g := goal{What: "confirmed purchases / noop, 256 connections", AtLeast: .25, Aim: .35, Found: r.ratio(pathPurchase)}
	switch {
	case r.Connections >= 1000:
		g.What, g.AtLeast, g.Aim = "confirmed purchases / noop, 1,000 connections", .33, .45
	case r.Connections < 256:
		g.Why = fmt.Sprintf("with %d connections", r.Connections)
	}
	return g
}

func (r *report) crowdGoals() []goal {
	latency := goal{What: "p99 of 201s, 10,000 units, 100,000 shoppers", Unit: "ms", AtLeast: 100, Aim: 50, Lower: true}
	opening := goal{What: "opening to the last unit committed", Unit: "s", AtLeast: 2, Aim: .8, Lower: true}
	memory := goal{What: "memory with 10,000 streams and 10,000 connections", Unit: "MiB", AtLeast: 600, Aim: 400, Lower: true}
	beside := goal{What: "p99 of 201s with those streams / without", AtLeast: 1.2, Aim: 1.05, Lower: true}
	if c := r.Crowd; c != nil {
		latency.Found, opening.Found = once(c.Bought.P99), once(c.SoldOut/1000)
		if c.Shoppers < goalShoppers || c.Units < goalUnits {
			latency.Why = fmt.Sprintf("with %d units and %d shoppers", c.Units, c.Shoppers)
			opening.Why = latency.Why
		}
	}
	if c := r.CrowdWithStreams; c != nil {
		memory.Found = once(mebibytes(c.Resident))
		if c.Beside != nil {
			beside.Found = c.Beside.Ratio
		}
		if c.Streams < goalStreams || c.Shoppers < goalShoppers {
			memory.Why = fmt.Sprintf("with %d streams, %d connections, %d shoppers", c.Streams, c.Streams, c.Shoppers)
			beside.Why = memory.Why
		}
	}
	return []goal{latency, opening, memory, beside}
}

func (r *report) streamGoals() []goal {
	each := goal{What: "memory per idle stream", Unit: "KiB", AtLeast: 26, Aim: 12, Lower: true}
	open := goal{What: "streams open in one process", AtLeast: goalStreams, Aim: 50_000}
	if s := r.Streams; s != nil {
		each.Found, open.Found = once(s.BytesEach/1024), once(float64(s.Open))
		if s.Open < goalStreams {
			open.Why = fmt.Sprintf("no more than %d were tried", s.Open)
		}
	}
	return []goal{each, open}
}

func (r *report) deskGoals() []goal {
	refused := goal{What: "presses refused beside ten desks, 10,000 units", Lower: true}
	beside := goal{What: "p99 of 201s with those desks / without", AtLeast: 1.2, Aim: 1.05, Lower: true}
	if d := r.Desks; d != nil {
		n := float64(d.Refused)
		refused.Found, beside.Found = &quartiles{n, n, n}, d.Ratio
		if d.Open < goalDesks || d.Units < goalUnits {
			refused.Why = fmt.Sprintf("with %d desks and %d units", d.Open, d.Units)
			beside.Why = refused.Why
		}
	}
	return []goal{refused, beside}
}

func (r *report) stormGoal() goal {
	refused := goal{What: "presses refused beside 1,000 sign-ins by code", Lower: true}
	if s := r.Storm; s != nil {
		n := float64(s.Refused)
		refused.Found = &quartiles{n, n, n}
		if s.SignIns < goalSignIns {
			refused.Why = fmt.Sprintf("with %d sign-ins", s.SignIns)
		}
	}
	return refused
}
