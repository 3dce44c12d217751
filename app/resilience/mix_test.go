//go:build unix

package resilience

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stroke is one fault of a mix: what happens to which server, from when to when.
type stroke struct {
	server, fault string
	from, to      time.Duration
}

func (s stroke) String() string {
	return fmt.Sprintf("%s %s %v-%v", s.server, s.fault, s.from.Round(time.Millisecond), s.to.Round(time.Millisecond))
}

// mix draws up to three faults that overlap, no two on one server.
func mix(dice *rand.Rand) []stroke {
	servers := []string{"Redis", "Kafka", "PostgreSQL"}
	dice.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	var drawn []stroke
	for _, server := range servers[:1+dice.IntN(3)] {
		from := time.Duration(dice.IntN(800)) * time.Millisecond
		drawn = append(drawn, stroke{server: server, fault: []string{"refuses", "is late", "is silent"}[dice.IntN(3)],
			from: from, to: from + time.Duration(500+dice.IntN(2000))*time.Millisecond})
	}
	return drawn
}

// inject puts one fault on a wire and returns what takes it away.
func (s stroke) inject(t *testing.T, w *wire) func() {
	t.Helper()
	switch s.fault {
	case "refuses":
		w.refuse()
		return func() { w.accept(t) }
	case "is late":
		w.delay(t, 300)
	default:
		w.swallow(t)
	}
	return w.cure
}

// play lets the faults of a mix happen at their times, one step after the other.
func play(t *testing.T, wires map[string]*wire, drawn []stroke) {
	t.Helper()
	type step struct {
		at time.Duration
		do func()
	}
	var steps []step
	for _, s := range drawn {
		heal := func() {}
		steps = append(steps, step{s.from, func() { heal = s.inject(t, wires[s.server]) }}, step{s.to, func() { heal() }})
	}
	slices.SortFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	began := time.Now()
	for _, one := range steps {
		time.Sleep(one.at - time.Since(began))
		one.do()
	}
}

// numbered reads a number from the environment.
func numbered(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// faultsMixed plays seeded mixes of faults, and operators' actions between them. RESILIENCE_SEED repeats a run,
// RESILIENCE_SCHEDULES says how many mixes there are.
func faultsMixed(t *testing.T, r *report) {
	seed, schedules := numbered(t, "RESILIENCE_SEED", rand.Uint64()), int(numbered(t, "RESILIENCE_SCHEDULES", 20))
	r.note("seed %d, %d schedules", seed, schedules)
	s, kafka := wiredKafka(t)
	wires := map[string]*wire{"Kafka": kafka}
	for name, address := range map[string]*string{"Redis": &s.redis, "PostgreSQL": &s.database} {
		one, err := newWire(strings.ToLower(name), hostOf(t, *address))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(one.refuse)
		*address, wires[name] = through(t, *address, one.address()), one
	}
	units := 250 * schedules
	w := newWorld(t, r, s, units, units+200)
	dice := rand.New(rand.NewPCG(seed, 0))
	for n := range schedules {
		drawn := mix(dice)
		func() {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d, schedule %d: %v", seed, n, drawn)
				}
			}()
			before := w.shoppers.answered.Load()
			l := w.pressing(rate / 2)
			play(t, wires, drawn)
			r.hits += int64(len(drawn))
			healed := time.Now()
			time.Sleep(500 * time.Millisecond)
			l.stop()
			r.pressed += w.shoppers.answered.Load() - before
			w.settled(healed, 60*time.Second)
			w.verified()
			w.assertInPostgres()
			w.act(dice)
		}()
		if t.Failed() {
			return
		}
	}
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry", "409 paused")
}

// act is an operator's action between two mixes: one in three pauses and resumes, one adds a unit.
func (w *world) act(dice *rand.Rand) {
	w.t.Helper()
	switch dice.IntN(3) {
	case 0:
		w.operate("/api/flash-sale/pause", "", http.StatusOK)
		w.operate("/api/flash-sale/resume", "", http.StatusOK)
	case 1:
		w.stock++
		w.operate("/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, w.stock), http.StatusOK)
	}
}
