package bench

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// curve is a load curve: what purchases cost with more and more connections. Times are in milliseconds.
type curve struct {
	// OK is false when an invariant of the sale is broken afterwards.
	OK      bool        `json:"ok"`
	Machine machine     `json:"machine"`
	Servers string      `json:"servers"`
	Seed    int64       `json:"seed"`
	Cycles  int         `json:"cycles"`
	Slice   float64     `json:"sliceMs"`
	Goals   []goal      `json:"goals"`
	Points  []curveLine `json:"points"`
	Verify  []check     `json:"verify"`
	Notes   []string    `json:"notes"`
}

// curveLine is the result for one number of connections.
type curveLine struct {
	Connections int         `json:"connections"`
	Purchases   pathFigures `json:"purchases"`
	Noop        pathFigures `json:"noop"`
	// Transaction is the baseline: as many clients, one transaction in Postgres for each verdict. nil: not measured.
	Transaction *pathFigures `json:"transaction"`
	// Times is the rate of purchases divided by that with one connection in the same cycle, P50 their median latency divided by that
	// of Transaction.
	Times *quartiles `json:"ratioToOneConnection"`
	P50   *quartiles `json:"p50RatioToTransaction"`
	// Claims is how many claims a transaction of the ledger decided on average.
	Claims *quartiles `json:"claimsPerTransaction"`
	// Stages are where the time of presses went, as the product's metrics say; empty: not measured.
	Stages []stageShare `json:"stages"`
}

// stageShare is one stage of the presses of all slices.
type stageShare struct {
	Name string `json:"stage"`
	// Presses is how many went through it. Share is its part of the time of all presses, Mean its time in each of them.
	Presses float64 `json:"presses"`
	Share   float64 `json:"share"`
	Mean    float64 `json:"meanMs"`
}

func (c *curveMeter) curve() curve {
	found := curve{OK: c.report.OK, Machine: c.report.Machine, Servers: c.report.Servers, Seed: c.report.Seed, Cycles: c.report.Cycles,
		Slice: c.report.Slice, Verify: c.report.Verify, Notes: c.report.Notes}
	one := c.points[0]
	for _, p := range c.points {
		found.Points = append(found.Points, p.line(one))
	}
	found.Goals = found.goals()
	return found
}

func (p *curvePoint) line(one *curvePoint) curveLine {
	l := curveLine{Connections: p.connections, Purchases: p.purchases.figures(p.noop.slices, nil, nil), Noop: p.noop.figures(p.noop.slices, nil, nil),
		Claims: quartilesOf(p.claims), Stages: p.shares()}
	if s := l.Purchases.Servers; s != nil && s.Q3 == 0 {
		l.Purchases.Servers = nil // none of them was started by the product
	}
	if one.connections == 1 {
		l.Times = p.purchases.over(func(n int, s slice) (float64, bool) {
			return s.rate / one.purchases.slices[n].rate, one.purchases.slices[n].rate > 0
		})
	}
	if len(p.transaction.slices) > 0 {
		figures := p.transaction.figures(p.noop.slices, nil, nil)
		l.Transaction = &figures
		l.P50 = p.purchases.over(func(n int, s slice) (float64, bool) {
			return float64(s.p50) / float64(p.transaction.slices[n].p50), s.p50 > 0 && p.transaction.slices[n].p50 > 0
		})
	}
	return l
}

// shares are in the order of stageNames.
func (p *curvePoint) shares() []stageShare {
	all, presses := 0.0, p.stages["places"].presses
	for _, t := range p.stages {
		all += t.seconds
	}
	if all == 0 || presses == 0 {
		return []stageShare{}
	}
	var list []stageShare
	for _, name := range stageNames() {
		t := p.stages[name]
		list = append(list, stageShare{Name: name, Presses: t.presses, Share: t.seconds / all, Mean: 1e3 * t.seconds / presses})
	}
	return list
}

// goals are those about the shape of the curve, as far as their points were measured.
func (c curve) goals() []goal {
	at := func(connections int) curveLine {
		for _, l := range c.Points {
			if l.Connections == connections {
				return l
			}
		}
		return curveLine{}
	}
	list := []goal{
		{What: "p50 of a purchase with 1 connection / one transaction", AtLeast: 3, Aim: 1.6, Lower: true, Found: at(1).P50},
		{What: "purchases with 4 connections / with one", AtLeast: 2.5, Aim: 3.5, Found: at(4).Times},
		{What: "purchases with 16 connections / with one", AtLeast: 8, Aim: 12, Found: at(16).Times},
		{What: "purchases / noop, 256 connections", AtLeast: .25, Aim: .35, Found: at(256).Purchases.Ratio},
		{What: "purchases / noop, 1,000 connections", AtLeast: .33, Aim: .45, Found: at(1000).Purchases.Ratio},
	}
	for i := range list {
		list[i].judge()
	}
	return list
}

func (c curve) writeText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Machine: %s\nServers: %s\n", c.Machine, c.Servers)
	fmt.Fprintf(&b, "%d cycles, slices of %.0f ms, seed %d; ratios are per cycle, figures medians over the cycles\n\n", c.Cycles, c.Slice, c.Seed)
	writeGoals(&b, c.Goals)
	c.writeLoad(&b)
	c.writeStages(&b)
	fmt.Fprintf(&b, "Verify: %s\n", checksText(c.Verify))
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "Note: %s\n", note)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeLoad writes the purchases beside the two baselines.
func (c curve) writeLoad(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "connections", "purchases/s", "times", "p50 ms", "p99 ms", "CPU µs", "servers µs", "claims", "/ noop", "noop/s", "transaction/s", "p50 ms", "p99 ms", "p50 / p50", "codes")
	for _, l := range c.Points {
		base := pathFigures{}
		if l.Transaction != nil {
			base = *l.Transaction
		}
		p := l.Purchases
		line(t, strconv.Itoa(l.Connections), p.Rate.medianText(), l.Times.medianText(), p.P50.medianText(), p.P99.medianText(), p.CPU.medianText(),
			p.Servers.medianText(), l.Claims.medianText(), p.Ratio.medianText(), l.Noop.Rate.medianText(), base.Rate.medianText(),
			base.P50.medianText(), base.P99.medianText(), l.P50.medianText(), codes(p.Codes))
	}
	_ = t.Flush() // writing to a buffer does not fail
	_, _ = io.WriteString(w, "times: purchases / those with one connection. claims: for each transaction of the ledger. transaction: one for each verdict, "+
		"without the product. p50 / p50: purchase / transaction.\n\n")
}

// writeStages writes where the time of presses went: its mean, and the share of each stage.
func (c curve) writeStages(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	titles := []string{"connections", "press ms"}
	for _, name := range stageNames() {
		titles = append(titles, name+" %")
	}
	line(t, titles...)
	for _, l := range c.Points {
		whole, cells := 0.0, []string{}
		for _, s := range l.Stages {
			whole += s.Mean
			cells = append(cells, strconv.FormatFloat(100*s.Share, 'f', 1, 64))
		}
		if len(cells) > 0 {
			line(t, append([]string{strconv.Itoa(l.Connections), number(whole)}, cells...)...)
		}
	}
	_ = t.Flush()
	_, _ = io.WriteString(w, "press: the mean time from a press to its answer, in the product. elsewhere: another process decided, or a look-up found the verdict. "+
		"undecided: answered without one.\n\n")
}
