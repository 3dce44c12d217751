//go:build unix

package resilience

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// soakPlan is what a soak is like.
type soakPlan struct {
	long     time.Duration
	visitors int
	think    time.Duration // on average, between two visits of one shopper
	restart  time.Duration // from one rolling restart to the next
	preset   string        // renews the sale
	renewal  time.Duration
	sampling time.Duration
	good     float64 // percent of the answers, at least
}

// newSoakPlan is the short form, or the long one when FLASHSALE_SOAK gives a time.
func newSoakPlan(t *testing.T) soakPlan {
	t.Helper()
	text := os.Getenv("FLASHSALE_SOAK")
	if text == "" {
		return soakPlan{long: 30 * time.Second, visitors: 100, think: 400 * time.Millisecond, restart: 10 * time.Second,
			preset: "medium", renewal: 4 * time.Second, sampling: 500 * time.Millisecond,
			good: 95} // an instance is stopping nearly all of the time, while clients still have connections to it
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("FLASHSALE_SOAK: %v", err)
	}
	return soakPlan{long: long, visitors: 1000, think: 2500 * time.Millisecond, restart: min(5*time.Minute, long/3),
		preset: "large", renewal: 20 * time.Second, sampling: 5 * time.Second, good: 99.9}
}

// TestSoak has many shoppers use three instances for a long time: they buy, read the status, follow its stream, and open the
// page, while the sale is reset again and again and the instances are restarted one after the other. FLASHSALE_SOAK says how
// long, with a thousand shoppers; without it, half a minute with a hundred.
func TestSoak(t *testing.T) {
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("the soak needs real servers: FLASHSALE_TEST_REAL=1")
	}
	plan := newSoakPlan(t)
	r := &report{id: "soak" + plan.long.String(), fault: fmt.Sprintf("none: %d shoppers, rolling restarts", plan.visitors), instances: 3}
	recorded(t, "3", r, func(t *testing.T, r *report) { soaked(t, r, plan) })
}

func soaked(t *testing.T, r *report, plan soakPlan) {
	w := newWorld(t, r, plain(t), 100, 150)
	s := &soak{world: w, soakPlan: plan, tally: newTally(), clients: newSoakShoppers(t, w, plan)}
	s.history = w.watched(t) // begun before, because an answer may be about a moment ago
	w.operate("/api/flash-sale/stock-preset/"+plan.preset, "", http.StatusOK)
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	for range plan.visitors {
		background.Go(func() { s.visit(ctx) })
	}
	background.Go(func() { s.renew(ctx) })
	background.Go(func() { s.judgeAll(ctx) })
	s.runFor()
	cancel()
	background.Wait()
	s.history.awaitMoment(t)
	s.judge(time.Now())
	w.settled(time.Now(), 60*time.Second)
	w.verified()
	s.conclude()
}

// soak is a long run under way.
type soak struct {
	*world
	soakPlan
	*tally
	clients *soakShoppers
	history *history
	grown   growth
}

// runFor runs for the time of the plan, with restarts, and measures regularly what may grow.
func (s *soak) runFor() {
	s.t.Helper()
	end, next := time.Now().Add(s.long), time.Now().Add(s.restart/2)
	for time.Now().Before(end) || s.report.hits < 2 {
		time.Sleep(s.sampling)
		if time.Now().After(next) {
			s.restartAll()
			next = next.Add(s.restart)
		}
		s.grown.sample(s.world)
	}
}

// restartAll restarts the instances one after the other, each when the one before is ready again.
func (s *soak) restartAll() {
	s.t.Helper()
	for i, p := range s.instances {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		if err := p.stop(ctx); err != nil {
			s.t.Errorf("instance %d ends with %v\n%s", i, err, p.log)
		}
		cancel()
		s.instances[i] = s.again(s.t, p)
		s.eventually(60*time.Second, "the instance is ready again", func() bool {
			return s.shoppers.send(context.Background(), http.MethodGet, s.instances[i].ops+"/readyz", "").Status == http.StatusOK
		})
	}
	s.report.hits++
}

// renew begins a new generation regularly, on the first instance that accepts it.
func (s *soak) renew(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.renewal):
		}
		for attempt := range 2 * len(s.clients.urls) {
			a := s.shoppers.send(ctx, http.MethodPost, s.clients.urls[attempt%len(s.clients.urls)]+"/api/flash-sale/stock-preset/"+s.preset, "")
			if a.Status == http.StatusOK || ctx.Err() != nil {
				break
			}
		}
	}
}

// judgeAll compares the answers with the ledger during the run, so that memory does not grow.
func (s *soak) judgeAll(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
			s.judge(time.Now().Add(-time.Second))
			s.history.forget(time.Now().Add(-time.Minute))
		}
	}
}

// judge compares the answers that came before a time with the ledger.
func (s *soak) judge(before time.Time) {
	answers := s.take(before)
	orders, err := s.ordersByID(answers)
	if err != nil {
		s.t.Error(err)
		return
	}
	if impossible := s.history.impossible(); impossible != "" {
		s.t.Error(impossible)
	}
	for _, wrong := range s.history.wrong(answers, orders) {
		s.untrue(wrong)
	}
}

// conclude notes the figures, and fails the test when they are outside their bounds.
func (s *soak) conclude() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.statuses, s.report.pressed = s.outcomes, s.answers
	good := 100 * float64(s.answers-s.bad) / float64(max(1, s.answers))
	s.report.note("%.3f %% good of %d answers (%.2f %% of them 503), %d visits moved to another instance", good, s.answers,
		100*float64(s.refused)/float64(max(1, s.answers)), s.moved)
	s.report.note("answers on average %.1f ms, median %.1f ms, p99 %.1f ms", s.latency.Mean()/1000, float64(s.latency.ValueAtQuantile(50))/1000,
		float64(s.latency.ValueAtQuantile(99))/1000)
	s.report.note("%d orders in %d generations, %d rolling restarts", s.number("SELECT count(*) FROM orders"), s.number("SELECT max(generation) FROM sales"), s.report.hits)
	if good < s.good {
		s.t.Errorf("%d of %d answers were not good; the first: %v", s.bad, s.answers, s.examples)
	}
	if n := s.outcomes["untrue"]; n > 0 {
		s.t.Errorf("%d answers were not true; the first: %v", n, s.examples)
	}
	if s.latency.Mean() > 1e6 && s.long >= 5*time.Minute {
		s.t.Errorf("an answer took %.1f ms on average, more than ten times its bound of 100 ms", s.latency.Mean()/1000)
	}
	if s.report.hits == 0 || s.outcomes["201"] == 0 || s.outcomes["stream"] == 0 || s.outcomes["page"] == 0 {
		s.t.Errorf("%d rolling restarts, answers %v; the run proves nothing", s.report.hits, s.outcomes)
	}
	s.grown.compare(s.t, s.report)
}

// again starts an instance anew at its old address.
func (w *world) again(t *testing.T, p *process) *process {
	t.Helper()
	return launch(t, p.port, "DATABASE_URL="+w.settings.database, "REDIS_URL="+w.settings.redis, "KAFKA_BROKERS="+w.settings.kafka, "NAMESPACE="+w.namespace)
}

// addresses are where the instances answer, also after they were restarted.
func (w *world) addresses() []string {
	var urls []string
	for _, p := range w.instances {
		urls = append(urls, p.url)
	}
	return urls
}

// starting is a permutation of the addresses that begins anywhere.
func starting(urls []string) []string {
	at := rand.IntN(len(urls))
	return slices.Concat(urls[at:], urls[:at])
}
