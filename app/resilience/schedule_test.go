//go:build unix

package resilience

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// scheduleStep is one thing that happens in a schedule: a fault of a server or of an instance, or an operator's action.
type scheduleStep struct {
	On   string `json:"on"`
	What string `json:"what"`
	// From and To are milliseconds since the beginning; what happens at once has no To.
	From int `json:"from"`
	To   int `json:"to,omitempty"`
	// N is the instance, or the number of units.
	N int `json:"n,omitempty"`
}

func (s scheduleStep) String() string {
	return fmt.Sprintf("%s %s (%d) %d-%d ms", s.On, s.What, s.N, s.From, s.To)
}

func (s scheduleStep) begin() time.Duration { return time.Duration(s.From) * time.Millisecond }
func (s scheduleStep) end() time.Duration   { return time.Duration(s.To) * time.Millisecond }

// schedule is what happens to one sale.
type schedule []scheduleStep

// String is what RESILIENCE_SCHEDULE takes.
func (s schedule) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// hits is true when something of that kind happens to that server.
func (s schedule) hits(on, what string) bool {
	return slices.ContainsFunc(s, func(one scheduleStep) bool { return one.On == on && one.What == what })
}

const (
	onRedis, onKafka, onPostgres  = "Redis", "Kafka", "PostgreSQL"
	onInstance, onOperator        = "instance", "operator"
	refuses, isLate, isSilent     = "refuses", "is late", "is silent"
	isKilled, isFlushed, isFrozen = "is killed", "is flushed", "is frozen"
	resets, presets               = "resets", "presets"
	resizes, pauses               = "resizes", "pauses"
)

// faultsOn is what can happen to each part.
func faultsOn(part string) []string {
	switch part {
	case onRedis:
		return []string{refuses, isLate, isSilent, isKilled, isFlushed}
	case onInstance:
		return []string{isKilled, isFrozen}
	default:
		return []string{refuses, isLate, isSilent}
	}
}

// drawn is schedule number n of a seed: up to three faults, no two of them on one part, and all that last overlap; and one to
// three acts of an operator meanwhile.
func drawn(seed uint64, n, instances int) schedule {
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	parts := []string{onRedis, onKafka, onPostgres}
	if instances > 1 {
		parts = append(parts, onInstance)
	}
	random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	var s schedule
	for _, part := range parts[:1+random.IntN(3)] {
		faults := faultsOn(part)
		from := 300 + random.IntN(700)
		one := scheduleStep{On: part, What: faults[random.IntN(len(faults))], From: from, To: 1000 + random.IntN(1200)}
		if one.What == isFlushed {
			one.To = 0
		}
		if part == onInstance {
			one.N = random.IntN(instances)
		}
		s = append(s, one)
	}
	for range 1 + random.IntN(3) {
		s = append(s, action(random))
	}
	return s
}

func action(random *rand.Rand) scheduleStep {
	one := scheduleStep{On: onOperator, What: []string{resets, presets, resizes, pauses}[random.IntN(4)], From: 300 + random.IntN(1700)}
	switch one.What {
	case resizes:
		one.N = 30 + random.IntN(100)
	case pauses:
		one.To = one.From + 100 + random.IntN(500)
	}
	return one
}

// shrink looks for a smaller schedule that fails as well: without some of its steps, or with shorter ones. It plays at most
// budget schedules, and returns the smallest that failed, or nothing when the whole one did not fail again in three attempts:
// a failure depends on more than the schedule.
func shrink(whole schedule, budget int, fails func(schedule) bool) schedule {
	again := false
	for attempt := 0; attempt < 3 && budget > 0 && !again; attempt++ {
		budget--
		again = fails(whole)
	}
	if !again {
		return nil
	}
	smallest := whole
	for _, change := range []func(schedule, int) schedule{without, shorter} {
		for i := len(smallest) - 1; i >= 0; i-- {
			less := change(smallest, i)
			if less == nil {
				continue
			}
			if budget--; budget < 0 {
				return smallest
			}
			if fails(less) {
				smallest = less
			}
		}
	}
	return smallest
}

func without(s schedule, i int) schedule { return slices.Delete(slices.Clone(s), i, i+1) }

// shorter halves the time of a step that lasts.
func shorter(s schedule, i int) schedule {
	if s[i].To-s[i].From < 100 {
		return nil
	}
	s = slices.Clone(s)
	s[i].To -= (s[i].To - s[i].From) / 2
	return s
}

// A schedule depends on its seed and number only, has faults and acts of every kind, and is the same after it was written down
// and read back.
func TestSchedulesAreDrawn(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for n := 1; n <= 400; n++ {
		s := drawn(7, n, 3)
		if s.String() != drawn(7, n, 3).String() {
			t.Fatalf("number %d is drawn differently the second time", n)
		}
		var read schedule
		if err := json.Unmarshal([]byte(s.String()), &read); err != nil || !slices.Equal(s, read) {
			t.Fatalf("%v is read back as %v (%v)", s, read, err)
		}
		parts := map[string]int{}
		for _, one := range s {
			seen[one.On+" "+one.What]++
			parts[one.On]++
			if one.On != onOperator && one.What != isFlushed && (one.From > 1000 || one.To < 1000) {
				t.Errorf("number %d: %v does not overlap the others", n, one)
			}
		}
		if parts[onOperator] == 0 || len(parts) < 2 || len(parts) > 4 {
			t.Errorf("number %d: %v", n, s)
		}
	}
	for _, part := range []string{onRedis, onKafka, onPostgres, onInstance} {
		for _, fault := range faultsOn(part) {
			if seen[part+" "+fault] == 0 {
				t.Errorf("in 400 schedules no %s %s", part, fault)
			}
		}
	}
	for _, what := range []string{resets, presets, resizes, pauses} {
		if seen[onOperator+" "+what] == 0 {
			t.Errorf("in 400 schedules no operator %s", what)
		}
	}
	for n := range 50 {
		if drawn(7, n, 1).hits(onInstance, isKilled) {
			t.Error("the only instance is killed")
		}
	}
}

// A schedule that fails because of two of its steps is reduced to these two, and they are short.
func TestSchedulesShrink(t *testing.T) {
	t.Parallel()
	whole := schedule{
		{On: onRedis, What: isKilled, From: 300, To: 1200}, {On: onKafka, What: isLate, From: 400, To: 2000},
		{On: onPostgres, What: refuses, From: 500, To: 1100}, {On: onOperator, What: resets, From: 700}, {On: onOperator, What: pauses, From: 800, To: 900},
	}
	asked := 0
	fails := func(s schedule) bool {
		asked++
		return s.hits(onKafka, isLate) && s.hits(onOperator, resets)
	}
	want := schedule{{On: onKafka, What: isLate, From: 400, To: 1200}, {On: onOperator, What: resets, From: 700}}
	if got := shrink(whole, 20, fails); !slices.Equal(got, want) {
		t.Errorf("shrunk to %v", got)
	}
	asked = 0
	if got := shrink(whole, 3, fails); asked > 3 || len(got) != 4 {
		t.Errorf("with three replays: %d replays, %v", asked, got)
	}
	if got := shrink(whole, 20, func(schedule) bool { return false }); got != nil {
		t.Errorf("what never fails again shrinks to %v", got)
	}
}
