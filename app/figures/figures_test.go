package figures

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// counted is what a test's process measures.
type counted struct {
	registry *prometheus.Registry
	answers  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  prometheus.Gauge
	holders  *prometheus.GaugeVec
}

func newCounted() *counted {
	c := &counted{
		registry: prometheus.NewRegistry(),
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "answers_total", Help: "."}, []string{"outcome"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "seconds", Help: ".", Buckets: []float64{0.01, 0.1, 1}}, []string{"route"}),
		streams:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "streams", Help: "."}),
		holders:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "holders", Help: "."}, []string{"sale"}),
	}
	c.registry.MustRegister(c.answers, c.seconds, c.streams, c.holders)
	return c
}

func (c *counted) press(outcome string, seconds float64) {
	c.answers.WithLabelValues(outcome).Inc()
	c.seconds.WithLabelValues("/buy").Observe(seconds)
}

func (c *counted) keeper(name string, sales func() []Sale, publish func([]byte)) *Keeper {
	return New(Config{
		Process: name, Version: "v1", From: c.registry, Publish: publish, Sales: sales,
		Metrics: Metrics{Answers: "answers_total", Times: "seconds", Routes: []string{"/buy"}, Streams: "streams", Holders: "holders"},
		Servers: func() []Server { return []Server{{Name: "Redis", OK: true}} },
	})
}

func TestEachProcessAnswersForAll(t *testing.T) {
	t.Parallel()
	sales := func() []Sale { return []Sale{{ID: 7, Generation: 1, Total: 10, Taken: 4}} }
	first, second := newCounted(), newCounted()
	var a, b *Keeper
	lost := false
	a = first.keeper("a", sales, func(text []byte) {
		if !lost {
			b.Take(text)
		}
	})
	b = second.keeper("b", sales, func(text []byte) { a.Take(text) })
	now := time.Now()
	step := func() {
		t.Helper()
		now = now.Add(time.Second)
		for _, k := range []*Keeper{a, b} {
			if err := k.count(now); err != nil {
				t.Fatal(err)
			}
		}
	}
	first.press("bought", 0.05) // before the others knew this process: it belongs to no second
	step()
	first.streams.Set(2)
	second.streams.Set(3)
	second.holders.WithLabelValues("7").Set(6)
	first.press("bought", 0.05)
	second.press("sold-out", 0.005)
	lost = true // a message that is lost costs a second's detail and no count
	step()
	lost = false
	first.press("bought", 0.5)
	step()
	step()
	for name, k := range map[string]*Keeper{"a": a, "b": b} {
		p := k.Present()
		if len(p.Processes) != 2 || p.Answers["bought"] != 2 || p.Answers["sold-out"] != 1 || p.Streams != 5 {
			t.Errorf("%s answers %+v", name, p)
		}
		if l, _ := k.Level(7); l != (Level{Generation: 1, Total: 10, Taken: 4, Pending: 2}) {
			t.Errorf("%s: the sale is %+v", name, l)
		}
		if !p.Timed || p.P50 > 0.1 || p.P99 < 0.1 {
			t.Errorf("%s: times %v %v", name, p.P50, p.P99)
		}
	}
	// A process that is silent does not count any more, and what it did stays.
	for range 6 {
		now = now.Add(time.Second)
		if err := b.count(now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if p := b.Present(); len(p.Processes) != 1 || p.Processes[0].Process != "b" {
		t.Errorf("there are %d", len(p.Processes))
	}
	if all := Sum(b.Seconds()); all["bought"] != 2 {
		t.Errorf("in all %v", all)
	}
}

func TestSoldIsCountedWithinAGeneration(t *testing.T) {
	t.Parallel()
	s := Sale{ID: 1, Generation: 1, Total: 100}
	k := newCounted().keeper("a", func() []Sale { return []Sale{s} }, func([]byte) {})
	now := time.Now()
	for range 5 {
		s.Taken += 4
		now = now.Add(time.Second)
		if err := k.count(now); err != nil {
			t.Fatal(err)
		}
	}
	if _, sold := k.Level(1); sold != 4 {
		t.Errorf("%v a second", sold)
	}
	// A new generation begins with nothing sold, so all that is sold in it was sold since.
	s.Generation, s.Taken = 2, 5
	if err := k.count(now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, sold := k.Level(1); sold != 1 {
		t.Errorf("a new generation has sold %v a second", sold)
	}
}

func TestFifteenMinutesAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newCounted().keeper("a", func() []Sale { return nil }, func([]byte) {})
		next, before := k.Next()
		done := make(chan error, 1)
		go func() { done <- k.Run(t.Context()) }()
		<-next
		if _, now := k.Next(); now != before+1 {
			t.Errorf("second %d follows %d", now, before)
		}
		time.Sleep((Kept + 60) * time.Second)
		if n := len(k.Seconds()); n != Kept {
			t.Errorf("%d seconds are kept", n)
		}
	})
}

func TestWhatCannotBeReadIsPassedOver(t *testing.T) {
	t.Parallel()
	k := newCounted().keeper("a", func() []Sale { return nil }, func([]byte) {})
	other, err := json.Marshal(Count{Process: "b", Times: []int64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"process":""}`, `{"process":"a","streams":9}`, string(other)} {
		k.Take([]byte(text))
	}
	if err := k.count(time.Now()); err != nil {
		t.Fatal(err)
	}
	if p := k.Present(); len(p.Processes) != 2 || p.Streams != 0 || p.Timed {
		t.Errorf("%+v", p)
	}
}

func TestAQuantileLiesInItsClass(t *testing.T) {
	t.Parallel()
	bounds := []float64{0.01, 0.1, 1}
	for _, c := range []struct {
		share float64
		times []int64
		want  float64
		ok    bool
	}{
		{0.5, []int64{0, 0, 0, 0}, 0, false},
		{0.5, []int64{10, 0, 0, 0}, 0.005, true},
		{0.99, []int64{0, 100, 0, 0}, 0.0991, true},
		{0.5, []int64{1, 0, 0, 9}, 1, true},
		{0.5, []int64{1, 1}, 0, false},
	} {
		if got, ok := Quantile(c.share, c.times, bounds); ok != c.ok || math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%v of %v is %v, %v", c.share, c.times, got, ok)
		}
	}
}

// Two processes tell of one claim: it is listed once, with all that either knows. A process that is gone tells of nothing.
func TestAClaimThatTwoProcessesTellOfIsListedOnce(t *testing.T) {
	t.Parallel()
	none := func() []Sale { return nil }
	both, mine := uuid.MustParse("00000000-0000-8000-8000-00000000000b"), uuid.MustParse("00000000-0000-8000-8000-00000000000a")
	a := newCounted().keeper("a", none, func([]byte) {})
	a.cfg.Claims = func(most int) []Claim {
		if most != mostClaims {
			t.Errorf("%d are wanted", most)
		}
		return []Claim{{ID: both, Sale: 7, Username: "ann", Millis: 900, Doing: "answering"}, {ID: mine, Millis: 950, Doing: "told"}}
	}
	partition, offset, pressed := 3, int64(17), time.Now().UTC().Truncate(time.Millisecond)
	b := newCounted().keeper("b", none, func(text []byte) { a.Take(text) })
	b.cfg.Claims = func(int) []Claim {
		return []Claim{{ID: both, Sale: 7, Username: "ann", Pressed: pressed, Millis: 2000, Partition: &partition, Offset: &offset, Doing: "deciding"}}
	}
	now := time.Now()
	for _, k := range []*Keeper{a, b} {
		if err := k.count(now); err != nil {
			t.Fatal(err)
		}
	}
	all := a.Claims()
	if len(all) != 2 || all[0].ID != both || all[1].ID != mine {
		t.Fatalf("%+v", all)
	}
	if w := all[0]; w.Millis != 2000 || w.Partition == nil || *w.Partition != 3 || *w.Offset != 17 || !w.Pressed.Equal(pressed) ||
		!slices.Equal(w.Processes, []Looking{{"a", "answering"}, {"b", "deciding"}}) {
		t.Errorf("%+v", w)
	}
	a.processes["b"].heard = now.Add(-time.Hour)
	a.addUp(now)
	if all := a.Claims(); len(all) != 2 || all[0].ID != mine || len(all[1].Processes) != 1 {
		t.Errorf("after b is gone: %+v", all)
	}
}
