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
	r.Crowd.Shoppers, r.CrowdWithStreams.Streams, r.Streams.Open = 99, 98, 97
	for _, g := range r.goals() {
		if g.Found != nil && g.What != "confirmed purchases / noop" && g.What != "memory per idle stream" && g.Verdict != "other size" {
			t.Errorf("%s is %s", g.What, g.Verdict)
		}
	}
}
