package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stormRounds is how often purchases are measured beside a storm of sign-ins and without one, in turn.
	stormRounds = 3
	// stormRate is how many shoppers press in a second meanwhile, stormTime for how long they do. The rate is far below what the
	// instance can do, because the question is whether it still does that.
	stormRate = 1000
	stormTime = 4 * time.Second
)

// stormFigures compare purchases beside many sign-ins by code with those without. Latencies count from when a press was due.
type stormFigures struct {
	SignIns int `json:"signIns"`
	// Took is how long the sign-ins took, in milliseconds.
	Took *quartiles `json:"signInsTookMs"`
	// Presses are those that were due while the sign-ins were under way. Refused are those of all that were not answered 201.
	Presses int `json:"presses"`
	Refused int `json:"refused"`
	// Calm and Storm are the p99 of purchases without and with the sign-ins, Ratio the second divided by the first, per round.
	Calm  *quartiles `json:"p99WithoutMs"`
	Storm *quartiles `json:"p99WithMs"`
	Ratio *quartiles `json:"ratioOfP99"`
}

// measureStorm lets accounts sign in by code, all at once, while a sale runs.
func (m *meter) measureStorm(ctx context.Context) error {
	if m.cfg.Storm == 0 || len(m.members.accounts) == 0 {
		return nil
	}
	m.bar.show("a storm of sign-ins")
	found := stormFigures{SignIns: m.cfg.Storm}
	var took, calm, storm, ratio []float64
	for n := range stormRounds {
		list := m.members.accounts[n*m.cfg.Storm : (n+1)*m.cfg.Storm]
		if err := m.members.signIns.Rest(ctx, list); err != nil {
			return err
		}
		signIn := func(ctx context.Context) error { return m.members.signIns.SignIn(ctx, list, func() {}) }
		beside, without := stormRun{}, stormRun{}
		runs := []func() error{
			func() (err error) { beside, err = m.pressBeside(ctx, signIn); return err },
			func() (err error) { without, err = m.pressBeside(ctx, nil); return err },
		}
		if n%2 == 1 {
			slices.Reverse(runs)
		}
		for _, run := range runs {
			if err := run(); err != nil {
				return fmt.Errorf("a storm of sign-ins: %w", err)
			}
		}
		found.Presses, found.Refused = found.Presses+len(beside.latencies), found.Refused+beside.refused+without.refused
		b, w := milliseconds(quantile(beside.latencies, .99)), milliseconds(quantile(without.latencies, .99))
		took, calm, storm = append(took, milliseconds(beside.took)), append(calm, w), append(storm, b)
		if w > 0 && b > 0 {
			ratio = append(ratio, b/w)
		}
	}
	found.Took, found.Calm, found.Storm, found.Ratio = quartilesOf(took), quartilesOf(calm), quartilesOf(storm), quartilesOf(ratio)
	m.report.Storm = &found
	return nil
}

// stormRun is one run of presses at a rate. latencies are of the 201s that were due while something else was under way, or of
// all; the shortest first. took is how long that took.
type stormRun struct {
	latencies []time.Duration
	refused   int
	took      time.Duration
}

// pressed is one press at a rate, due and took counted from the start of the run and from when it was due.
type pressed struct {
	due, took time.Duration
	code      int
}

// pressBeside begins a sale and lets one account after the other press at a rate, while meanwhile is under way; nil: alone.
func (m *meter) pressBeside(ctx context.Context, meanwhile func(context.Context) error) (stormRun, error) {
	n := min(len(m.members.cookies), int(stormRate*stormTime.Seconds()))
	if err := m.beginSignedIn(ctx, len(m.members.cookies)); err != nil {
		return stormRun{}, err
	}
	load := m.path(pathSignedInPurchase).load
	until, began := time.Hour, time.Now()
	var failed error
	var wg sync.WaitGroup
	if meanwhile != nil {
		wg.Go(func() {
			failed = meanwhile(ctx)
			until = time.Since(began)
		})
	}
	presses, err := load.atRate(ctx, stormRate, n, began, func(b []byte, at int) []byte { return appendPress(b, load.host, m.members.cookies[at]) })
	wg.Wait()
	if err == nil {
		err = failed
	}
	if err != nil {
		return stormRun{}, err
	}
	found := stormRun{took: until}
	for _, p := range presses {
		switch {
		case p.code != http.StatusCreated:
			found.refused++
		case p.due <= until:
			found.latencies = append(found.latencies, p.took)
		}
	}
	slices.Sort(found.latencies)
	return found, m.settleSignedIn(ctx)
}

// atRate sends n presses, so many a second, whatever the instance does, over as many connections as there are. press appends the
// request of the n-th; many goroutines call it at once.
func (g *generator) atRate(ctx context.Context, rate, n int, began time.Time, press func(b []byte, at int) []byte) ([]pressed, error) {
	presses := make([]pressed, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for _, c := range g.conns {
		wg.Go(func() {
			var request []byte
			for at := int(next.Add(1)) - 1; at < n; at = int(next.Add(1)) - 1 {
				p := &presses[at]
				p.due = time.Duration(at) * time.Second / time.Duration(rate)
				if pause(ctx, time.Until(began.Add(p.due))) != nil {
					return
				}
				request = press(request[:0], at)
				p.code, _, _ = c.do(ctx, request, time.Now().Add(answerTime)) // without an answer it is 0, and counts as refused
				p.took = time.Since(began.Add(p.due))
			}
		})
	}
	wg.Wait()
	return presses, ctx.Err()
}
