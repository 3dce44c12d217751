//go:build unix

package resilience

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const mixed = "seeded mixes of up to three faults, with operators' actions among them"

// TestMixes plays seeded schedules of faults and operators' actions, half of them with one instance and half with
// three. RESILIENCE_SCHEDULES says how many, RESILIENCE_SEED draws others, RESILIENCE_SCHEDULE plays one that is
// written down, with as many instances as RESILIENCE_INSTANCES says. A schedule that fails is played again, in
// processes of their own, to find the smallest part of it that fails.
func TestMixes(t *testing.T) {
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("mixes of faults need real servers: FLASHSALE_TEST_REAL=1")
	}
	if text := os.Getenv("RESILIENCE_SCHEDULE"); text != "" {
		replay(t, text)
		return
	}
	many := numbered(t, "RESILIENCE_SCHEDULES", map[bool]uint64{true: 200, false: 4}[full()])
	seed := numbered(t, "RESILIENCE_SEED", seedOf(present()))
	for _, instances := range []int{3, 1} {
		if !full() && instances == 1 {
			continue
		}
		t.Run(strconv.Itoa(instances), func(t *testing.T) { playAll(t, seed, int(many), instances) })
	}
}

// seedOf depends on the commit in the full run, so that each commit tries other schedules. In the short run it is always the
// same.
func seedOf(now state) uint64 {
	if seed, err := strconv.ParseUint(now.commit[:min(15, len(now.commit))], 16, 64); err == nil && full() {
		return seed
	}
	return 1
}

// playAll plays the schedules whose number says that they are for so many instances, in one world.
func playAll(t *testing.T, seed uint64, many, instances int) {
	var m *mix
	for n := 1; n <= many && !t.Failed(); n++ {
		if full() && (n%2 == 1) != (instances == 3) {
			continue
		}
		r := &report{id: "X1", number: n, fault: mixed, instances: instances}
		recorded(t, strconv.Itoa(n), r, func(inner *testing.T, r *report) {
			if m == nil {
				m = newMix(t, r)
			}
			s := drawn(seed, n, instances)
			defer func() {
				if inner.Failed() {
					explain(inner, r, seed, s)
				}
			}()
			m.play(inner, r, s)
		})
	}
}

// explain logs how to repeat a failure: its seed, its schedule, and the smallest part of it that failed.
func explain(t *testing.T, r *report, seed uint64, s schedule) {
	t.Helper()
	t.Logf("seed %d, schedule %d: %v", seed, r.number, s)
	r.note("seed %d", seed)
	replays := numbered(t, "RESILIENCE_REPLAYS", map[bool]uint64{true: 14, false: 5}[full()])
	smallest := shrink(s, int(replays), func(s schedule) bool { return failsAlone(s, r.instances) })
	if smallest == nil {
		t.Logf("the schedule did not fail when it was played again (at most %d replays)", replays)
		smallest = s
	}
	command := fmt.Sprintf("RESILIENCE_INSTANCES=%d RESILIENCE_SCHEDULE='%v'", r.instances, smallest)
	t.Logf("play it again with %s go test -run TestMixes ./app/resilience", command)
	r.note("again: %s", command)
}

// failsAlone plays a schedule in a process, and so in a world, of its own.
func failsAlone(s schedule, instances int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	again := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestMixes$", "-test.timeout=3m")
	again.Env = append(os.Environ(), "RESILIENCE_SCHEDULE="+s.String(), fmt.Sprintf("RESILIENCE_INSTANCES=%d", instances), "RESILIENCE_RESULTS=")
	out, err := again.CombinedOutput()
	return err != nil && strings.Contains(string(out), "--- FAIL: TestMixes")
}

func replay(t *testing.T, text string) {
	var s schedule
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("RESILIENCE_SCHEDULE: %v", err)
	}
	r := &report{id: "X1", fault: mixed, instances: int(numbered(t, "RESILIENCE_INSTANCES", 3))}
	newMix(t, r).play(t, r, s)
	t.Logf("kept: %s; %v", counted(r.statuses), r.figures)
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

// mix is a world in which anything may happen to any part.
type mix struct {
	*world
	redisServer *server
	wires       map[string]*serverProxy
	actions     sync.WaitGroup
	mu          sync.Mutex
	begun       []int64 // generations that operators were told they began
	gone        []int   // instances that were killed
}

const mixShoppers, mixStock = 200, 80

func newMix(t *testing.T, r *report) *mix {
	t.Helper()
	own, redisServer, _ := ownRedis(t)
	s, kafka := wiredKafka(t)
	s.realRedis = own.realRedis
	m := &mix{redisServer: redisServer, wires: map[string]*serverProxy{onKafka: kafka}}
	for part, real := range map[string]string{onRedis: own.realRedis, onPostgres: s.realDatabase} {
		one, err := newServerProxy(strings.ToLower(part), hostOf(t, real))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(one.refuse)
		m.wires[part] = one
	}
	s.redis, s.database = through(t, s.realRedis, m.wires[onRedis].address()), through(t, s.realDatabase, m.wires[onPostgres].address())
	m.world = newWorld(t, r, s, mixStock, mixShoppers)
	return m
}

// play does everything in the schedule to a new generation while shoppers buy, and then compares every answer with Postgres.
func (m *mix) play(t *testing.T, r *report, s schedule) {
	outer := m.t
	m.t, m.report = t, r
	defer func() { m.t = outer }()
	history := m.watched(t) // from before, as an answer may tell of a moment ago
	m.fresh(t)
	b := newReceiptHistory(m.shoppers, history)
	l := m.random()
	m.run(t, s)
	before := m.shoppers.answered.Load()
	for _, i := range m.gone {
		m.instances[i] = m.again(outer, m.instances[i]) // it lives as long as the world
	}
	m.gone = nil
	healed := time.Now()
	m.eventually(30*time.Second, "shoppers are answered after the faults", func() bool { return m.shoppers.answered.Load() > before+workers })
	l.stop()
	r.pressed = before
	m.resumed()
	m.settled(healed, 60*time.Second)
	m.verified()
	m.judge(t, b)
	m.generationsBegun(t)
	m.sellRest(t)
	m.verified()
	m.judge(t, b)
	m.assertScheduleOutcomes(t, s)
}

// fresh begins a generation that nobody has bought from.
func (m *mix) fresh(t *testing.T) {
	t.Helper()
	m.shoppers = newShoppers(t)
	m.resumed()
	m.operate("/api/flash-sale/reset", `{"resetToSmallStock":false}`, http.StatusOK)
	m.operate("/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, mixStock), http.StatusOK)
	m.awaitTotal(mixStock)
}

// random is a load of randomly drawn shoppers.
func (m *mix) random() *load {
	m.next = m.shopperCount
	return m.pressing(rate)
}

// run does what the schedule says, each thing at its time. Operators do not wait for one another.
func (m *mix) run(t *testing.T, s schedule) {
	t.Helper()
	type step struct {
		at time.Duration
		do func()
	}
	var steps []step
	for _, one := range s {
		end := func() {}
		steps = append(steps, step{one.begin(), func() { end = m.begin(t, one) }})
		if one.To > 0 {
			steps = append(steps, step{one.end(), func() { end() }})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	began := time.Now()
	for _, one := range steps {
		time.Sleep(one.at - time.Since(began))
		one.do()
		m.report.hits++
	}
	m.actions.Wait()
}

// begin begins a step, and returns the function that ends it.
func (m *mix) begin(t *testing.T, s scheduleStep) (end func()) {
	t.Helper()
	switch {
	case s.On == onOperator:
		return m.act(t, s)
	case s.On == onInstance:
		return m.killOrFreeze(s)
	case s.What == isFlushed:
		if err := m.redis.Do(context.Background(), m.redis.B().Flushall().Build()).Error(); err != nil {
			t.Errorf("flush: %v", err)
		}
		return func() {}
	case s.What == isKilled:
		_ = m.redisServer.stop(syscall.SIGKILL)
		return func() {
			if err := m.redisServer.start(); err != nil {
				t.Errorf("Redis does not come back: %v", err)
			}
		}
	}
	wire := m.wires[s.On]
	switch s.What {
	case refuses:
		wire.refuse()
		return func() { wire.accept(t) }
	case isLate:
		wire.delay(t, 300)
	default:
		wire.silence(t)
	}
	return wire.restore
}

// killOrFreeze kills or freezes an instance. A killed one is started again after all other faults have ended, because it needs
// its servers to start.
func (m *mix) killOrFreeze(s scheduleStep) (end func()) {
	victim := m.instances[s.N%len(m.instances)]
	if s.What == isKilled {
		victim.kill()
		m.gone = append(m.gone, s.N%len(m.instances))
		return func() {}
	}
	_ = victim.cmd.Process.Signal(syscall.SIGSTOP)
	return func() { _ = victim.cmd.Process.Signal(syscall.SIGCONT) }
}

// sellRest has every shopper ask until all units are sold, each once.
func (m *mix) sellRest(t *testing.T) {
	t.Helper()
	total := m.total()
	m.eventually(60*time.Second, fmt.Sprintf("all %d units are sold", total), func() bool {
		names := make(chan string, m.shopperCount)
		for _, n := range rand.Perm(m.shopperCount) {
			names <- m.name(n + 1)
		}
		close(names)
		var pressing sync.WaitGroup
		for range 16 {
			pressing.Go(func() {
				for name := range names {
					m.shoppers.press(context.Background(), m.anywhere(), name)
				}
			})
		}
		pressing.Wait()
		return m.number("SELECT count(*) FROM orders WHERE released_at IS NULL AND generation = (SELECT max(generation) FROM sales)") == total
	})
}

// assertScheduleOutcomes allows the outcomes that the steps of the schedule explain, and no others.
func (m *mix) assertScheduleOutcomes(t *testing.T, s schedule) {
	t.Helper()
	allowed := append(ordinary(), "503 overloaded", "503 not-bought-retry", "409 paused", "409 generation-changed")
	if s.hits(onInstance, isKilled) {
		allowed = append(allowed, "reset", "refused")
	}
	seen := m.shoppers.tally()
	for outcome, n := range seen {
		if !slices.Contains(allowed, outcome) {
			t.Errorf("%d answers were %q, which nothing in the schedule explains", n, outcome)
		}
	}
	m.report.statuses = seen
	if n := m.shoppers.twice(); n > 0 {
		t.Errorf("%d receipts came as 201 twice", n)
	}
}
