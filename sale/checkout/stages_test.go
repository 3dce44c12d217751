package checkout

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/sale"
)

// stagesOf is the time that presses spent in each stage; those that no press was in are not listed.
func stagesOf(t *testing.T, from prometheus.Gatherer) map[string]time.Duration {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	spent := map[string]time.Duration{}
	for _, f := range families {
		if f.GetName() != "flashsale_purchase_stage_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h.GetSampleCount() > 0 {
				spent[m.GetLabel()[0].GetValue()] = time.Duration(h.GetSampleSum()*1e9 + .5).Round(time.Microsecond)
			}
		}
	}
	return spent
}

// sleeps takes that long before every answer.
func sleeps(d time.Duration) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return nil }
}

// A press is timed from its arrival to its answer, and each stage has the time that was spent in it.
func TestStagesOfAPress(t *testing.T) {
	// The claim is decided by a transaction that begins, decides and commits so long after the press.
	decidedAfter := func(begun, decided, committed time.Duration) func(*process, time.Time, events.Decision) {
		return func(p *process, pressed time.Time, d events.Decision) {
			d.Moments = &events.Moments{Begun: pressed.Add(begun), Decided: pressed.Add(decided), Committed: pressed.Add(committed)}
			time.Sleep(time.Until(pressed.Add(90 * ms)))
			p.Decided(d)
		}
	}
	for name, c := range map[string]struct {
		decide func(p *process, pressed time.Time, d events.Decision)
		want   map[string]time.Duration
	}{
		"through all stages": {decidedAfter(45*ms, 60*ms, 85*ms), map[string]time.Duration{
			"places": 10 * ms, "append": 30 * ms, "hand-over": 5 * ms, "decide": 15 * ms, "commit": 25 * ms, "wake": 5 * ms,
		}},
		"begun before the log's acknowledgement": {decidedAfter(35*ms, 60*ms, 85*ms), map[string]time.Duration{
			"places": 10 * ms, "append": 25 * ms, "hand-over": 0, "decide": 25 * ms, "commit": 25 * ms, "wake": 5 * ms,
		}},
		"decided before the press": {decidedAfter(-30*ms, -20*ms, -10*ms), map[string]time.Duration{
			"places": 10 * ms, "append": 30 * ms, "hand-over": 0, "decide": 0, "commit": 0, "wake": 50 * ms,
		}},
		"decided beside the append": {decidedAfter(10*ms, 20*ms, 35*ms), map[string]time.Duration{
			"places": 10 * ms, "append": 5 * ms, "hand-over": 0, "decide": 10 * ms, "commit": 15 * ms, "wake": 50 * ms,
		}},
		"by another process": {func(p *process, pressed time.Time, d events.Decision) {
			time.Sleep(time.Until(pressed.Add(90 * ms)))
			p.receive(d, nil)
		}, map[string]time.Duration{"places": 10 * ms, "append": 30 * ms, "elsewhere": 50 * ms}},
		"by nobody": {func(*process, time.Time, events.Decision) {}, map[string]time.Duration{
			"places": 10 * ms, "append": 30 * ms, "undecided": verdictTime,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, _ *process) {
				registry := prometheus.NewRegistry()
				p := s.process(t, func(d *Deps) { d.Registerer, d.Direct = registry, nil })
				s.places.acts(sleeps(10 * ms))
				s.log.acts(sleeps(30 * ms))
				s.log.pauseConsumer()
				pressed := time.Now()
				answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
				time.Sleep(41 * ms)
				synctest.Wait()
				c.decide(p, pressed, s.ledger.decide(events.FromLog, s.log.written()...))
				<-answer
				took, found := time.Since(pressed), stagesOf(t, registry)
				if !maps.Equal(found, c.want) {
					t.Errorf("spent %v, want %v", found, c.want)
				}
				sum := time.Duration(0)
				for _, spent := range found {
					sum += spent
				}
				if sum != took {
					t.Errorf("the stages are %v together, and the press took %v", sum, took)
				}
			})
		})
	}
}

// A request that joins the claim of another one has no stages of its own, nor has one that is answered without a claim.
func TestOnlyPressesThatWriteTheirClaimHaveStages(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, _ *process) {
		registry := prometheus.NewRegistry()
		p := s.process(t, func(d *Deps) { d.Registerer = registry })
		s.log.acts(sleeps(30 * time.Millisecond))
		first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		<-first
		<-second
		expect(t, p.press("anna"), sale.AlreadyBought, "")
		if found := stagesOf(t, registry); found["append"] != 30*time.Millisecond {
			t.Errorf("three presses, one claim: %v", found)
		}
	})
}
