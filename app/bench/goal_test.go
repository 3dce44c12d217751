package bench

import "testing"

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		goal goal
		want string
	}{
		{goal{AtLeast: .85, Aim: .95, Found: once(.96)}, "aim met"},
		{goal{AtLeast: .85, Aim: .95, Found: once(.85)}, "met"},
		{goal{AtLeast: .85, Aim: .95, Found: once(.84)}, "missed"},
		{goal{AtLeast: 150, Aim: 50, Lower: true, Found: once(50)}, "aim met"},
		{goal{AtLeast: 150, Aim: 50, Lower: true, Found: once(51)}, "met"},
		{goal{AtLeast: 150, Aim: 50, Lower: true, Found: once(151)}, "missed"},
		{goal{AtLeast: 150, Aim: 50, Lower: true, Found: once(1), Why: "with 5 units"}, "other size"},
		{goal{AtLeast: 1, Aim: 2}, "not measured"},
	} {
		if c.goal.judge(); c.goal.Verdict != c.want {
			t.Errorf("%+v, want %s", c.goal, c.want)
		}
	}
}

func TestSmallerSizesAreNotCalledMet(t *testing.T) {
	t.Parallel()
	r := full()
	r.Connections, r.Crowd.Shoppers, r.CrowdWithStreams.Streams, r.Streams.Open = 255, 99, 98, 97
	for _, g := range r.goals() {
		if g.Found != nil && g.What != "sold-out answers / constant answer" && g.What != "memory per idle stream" && g.Verdict != "other size" {
			t.Errorf("%s is %s", g.What, g.Verdict)
		}
	}
}

// With 1,000 connections purchases have a goal of their own.
func TestTheGoalOfPurchasesIsThatOfTheConnections(t *testing.T) {
	t.Parallel()
	for connections, want := range map[int]goal{
		255:  {What: "confirmed purchases / noop, 256 connections", AtLeast: .25, Aim: .35, Why: "with 255 connections"},
		256:  {What: "confirmed purchases / noop, 256 connections", AtLeast: .25, Aim: .35},
		1000: {What: "confirmed purchases / noop, 1,000 connections", AtLeast: .33, Aim: .45},
	} {
		r := report{Connections: connections}
		if got := r.purchaseGoal(); got != want {
			t.Errorf("%d connections: %+v, want %+v", connections, got, want)
		}
	}
}
