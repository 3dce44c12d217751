package checkout

import (
	"testing"
	"time"

	"flashsale/sale"
)

// The table of the design: what the answer is while a part fails, how soon it comes, and what it is once the part works again.
func TestAnswersWhileAPartFails(t *testing.T) {
	t.Parallel()
	const latency = 4 * time.Millisecond
	refuse := func(all ...*fault) {
		for _, f := range all {
			f.acts(takesAndFails(latency, errAway))
		}
	}
	redis := func(s *simulatedServers) { refuse(&s.places.fault) }
	kafka := func(s *simulatedServers) { refuse(&s.log.fault) }
	silentKafka := func(s *simulatedServers) { s.log.acts(hangs) }
	postgres := func(s *simulatedServers) { refuse(s.postgresFaults()...) }
	nobodyConsumes := func(s *simulatedServers) { s.log.pauseConsumer() }
	type faults []func(*simulatedServers)
	for name, c := range map[string]struct {
		faults faults
		kind   sale.Kind
		within time.Duration
	}{
		"Redis":                     {faults{redis}, sale.Bought, 100 * time.Millisecond},
		"Kafka refuses":             {faults{kafka}, sale.Bought, 100 * time.Millisecond},
		"Kafka is silent":           {faults{silentKafka}, sale.Bought, 400 * time.Millisecond},
		"nobody consumes":           {faults{nobodyConsumes}, sale.Bought, 600 * time.Millisecond},
		"Redis and Kafka":           {faults{redis, kafka}, sale.Bought, 100 * time.Millisecond},
		"Postgres":                  {faults{postgres}, sale.Pending, 1100 * time.Millisecond},
		"Postgres and Redis":        {faults{postgres, redis}, sale.Pending, 1100 * time.Millisecond},
		"Postgres and Kafka":        {faults{postgres, kafka}, sale.Unavailable, 100 * time.Millisecond},
		"Postgres, Kafka is silent": {faults{postgres, silentKafka}, sale.Unavailable, 400 * time.Millisecond},
		"everything":                {faults{postgres, redis, kafka}, sale.Unavailable, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 5, func(t *testing.T, s *simulatedServers, p *process) {
				s.takes(latency)
				p.runAll(t)
				time.Sleep(time.Second)
				for _, begin := range c.faults {
					begin(s)
				}
				began := time.Now()
				a := p.press("anna")
				expect(t, a, c.kind, "")
				if took := time.Since(began); took > c.within {
					t.Errorf("answered after %v, want %v", took, c.within)
				}
				if c.kind == sale.Pending && a.Position == nil || c.kind == sale.Unavailable && a.RetryAfter <= 0 {
					t.Errorf("answer %+v", a)
				}

				s.takes(latency)
				s.log.resumeConsumer()
				time.Sleep(5 * time.Second)
				last := p.press("anna")
				if last.Kind != sale.Bought && last.Kind != sale.AlreadyBought || s.ledger.taken() != 1 {
					t.Errorf("once the part works again: %s %s, %d taken", last.Kind, last.Reason, s.ledger.taken())
				}
				if c.kind == sale.Pending && last.Receipt.OrderID != a.ClaimID {
					t.Error("the claim that was pending became another order")
				}
				if n := p.pending.count.Load(); n != 0 {
					t.Errorf("%d claims are still pending", n)
				}
			})
		})
	}
}
