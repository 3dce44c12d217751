package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// curving is a configuration of Curve for a test, whose baseline takes a millisecond for a verdict.
func curving(t *testing.T, c *fakeProduct) (cfg CurveConfig, verdicts *atomic.Int64) {
	t.Helper()
	verdicts = &atomic.Int64{}
	cfg = CurveConfig{Config: short(t, c), Verdict: func(context.Context) error {
		verdicts.Add(1)
		time.Sleep(time.Millisecond)
		return nil
	}}
	cfg.Cycles, cfg.Slice, cfg.Progress = 2, 100*time.Millisecond, io.Discard
	return cfg, verdicts
}

func TestPointsOfACurve(t *testing.T) {
	t.Parallel()
	for most, want := range map[int][]int{1: {1}, 4: {1, 4}, 16: {1, 4, 16}, 100: {1, 4, 16, 64, 100}, 1000: {1, 4, 16, 64, 256, 1000}, 2000: {1, 4, 16, 64, 256, 1000, 2000}} {
		if got := points(most); !slices.Equal(got, want) {
			t.Errorf("up to %d: %v", most, got)
		}
	}
}

// By the metrics of fakeProduct a purchase takes 21 ms, of which the first stage has 1 and the sixth 6.
func TestACurveHasEveryPointBesideItsBaselines(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	cfg, verdicts := curving(t, c)
	var out bytes.Buffer
	cfg.Out, cfg.JSON = &out, true
	found, err := measureCurve(t.Context(), cfg)
	if err != nil || !found.OK || len(found.Points) != 2 || len(found.Verify) != 1 {
		t.Fatalf("%v %+v", err, found)
	}
	for i, l := range found.Points {
		if l.Connections != []int{1, 4}[i] || l.Purchases.Rate.Median <= 0 || l.Purchases.Codes[http.StatusCreated] == 0 || l.Noop.Codes[http.StatusNoContent] == 0 || math.Abs(l.Claims.Median-10) > .5 {
			t.Errorf("%+v", l)
		}
		if cpu := l.Purchases.CPU; cpu == nil || cpu.Median < 999 || cpu.Median > 1001 {
			t.Errorf("a purchase takes %v µs of CPU", cpu)
		}
		if l.Transaction == nil || l.Transaction.P50.Median < 1 || l.P50 == nil || l.P50.Median <= 0 {
			t.Errorf("the baseline: %+v, p50 %v", l.Transaction, l.P50)
		}
		sum := 0.0
		for n, s := range l.Stages {
			sum += s.Share
			if want := float64(n + 1); n < 6 && (math.Abs(s.Mean-want) > 1e-6 || s.Presses != l.Stages[0].Presses) || n >= 6 && s.Share != 0 {
				t.Errorf("%+v, want %v ms", s, want)
			}
		}
		if len(l.Stages) != 8 || math.Abs(sum-1) > 1e-9 {
			t.Errorf("%d stages have %v of the time", len(l.Stages), sum)
		}
	}
	if one := found.Points[0].Times; one == nil || one.Q1 != 1 || one.Q3 != 1 {
		t.Errorf("one connection is %v times one connection", one)
	}
	if c.twice > 0 || verdicts.Load() == 0 {
		t.Errorf("%d requests came from owners, %d verdicts", c.twice, verdicts.Load())
	}
	var read curve
	if err := json.Unmarshal(out.Bytes(), &read); err != nil || len(read.Points) != 2 || len(read.Points[1].Stages) != 8 || len(read.Goals) != 5 {
		t.Errorf("JSON: %v %+v", err, read)
	}
	var text bytes.Buffer
	if err := found.writeText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"connections  purchases/s", "hand-over %", "one connection. claims:"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
	if !regexp.MustCompile(`(?m)^1 +21(\.0)? `).MatchString(text.String()) {
		t.Errorf("a press with one connection is not 21 ms:\n%s", &text)
	}
}

// What cannot be measured is left out, and the report says why.
func TestACurveWithoutABaselineOrMetrics(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	c.noMetrics = true
	cfg, _ := curving(t, c)
	cfg.Verdict, cfg.NoVerdict, cfg.Cycles, cfg.Connections = nil, "nobody knows where it is", 1, 1
	found, err := measureCurve(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(found.Notes, "\n")
	for _, want := range []string{"one transaction a verdict: not measured: nobody knows where it is", "stages and claims a transaction: not measured"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in\n%s", want, notes)
		}
	}
	l := found.Points[0]
	if l.Transaction != nil || l.P50 != nil || l.Claims != nil || len(l.Stages) != 0 || l.Purchases.Rate == nil {
		t.Errorf("%+v", l)
	}
	if found.Goals[0].Verdict != "not measured" {
		t.Errorf("%+v", found.Goals[0])
	}
	if err := found.writeText(io.Discard); err != nil {
		t.Error(err)
	}
}

func TestACurveEndsWithItsBaselinesError(t *testing.T) {
	t.Parallel()
	cfg, _ := curving(t, newFakeProduct())
	broken := errors.New("no disk")
	cfg.Verdict = func(context.Context) error { return broken }
	if _, err := measureCurve(t.Context(), cfg); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Verdict = func(context.Context) error { cancel(); return nil }
	if _, err := measureCurve(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A verdict that takes longer than a slice is no error, because the other figures are good; the report says what to change.
func TestABaselineThatIsSlowerThanASlice(t *testing.T) {
	t.Parallel()
	cfg, _ := curving(t, newFakeProduct())
	cfg.Slice, cfg.Cycles, cfg.Connections = 20*time.Millisecond, 1, 1
	cfg.Verdict = func(context.Context) error { time.Sleep(50 * time.Millisecond); return nil }
	found, err := measureCurve(t.Context(), cfg)
	if err != nil || found.Points[0].P50 != nil || !strings.Contains(strings.Join(found.Notes, "\n"), "make slices longer with --slice") {
		t.Errorf("%v %+v", err, found)
	}
}

func TestGoalsOfACurve(t *testing.T) {
	t.Parallel()
	at := func(connections int, times, ratio, p50 float64) curveLine {
		return curveLine{Connections: connections, Times: once(times), P50: once(p50), Purchases: pathFigures{Ratio: once(ratio)}}
	}
	c := curve{Points: []curveLine{at(1, 1, .01, 1.5), at(4, 2.4, .02, 1), at(16, 9, .1, 1), at(256, 50, .36, 1), at(1000, 90, .2, 1)}}
	var got []string
	for _, g := range c.goals() {
		got = append(got, g.Verdict)
	}
	if want := []string{"aim met", "missed", "met", "aim met", "missed"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSizesOfACurve(t *testing.T) {
	t.Parallel()
	good := short(t, newFakeProduct())
	for _, cfg := range []Config{FullCurve(), QuickCurve()} {
		cfg.Product, cfg.Noop = good.Product, good.Noop
		if err := cfg.prepare(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Curve(t.Context(), CurveConfig{}); err == nil {
		t.Error("a curve of nothing")
	}
}
