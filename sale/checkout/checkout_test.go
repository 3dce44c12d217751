package checkout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// metric is the value of a metric without labels.
func metric(t *testing.T, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestClaimsUnderWayAreCounted(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, _ *process) {
		registry := prometheus.NewRegistry()
		p := s.process(t, func(d *Deps) { d.Registerer = registry })
		s.log.pauseConsumer()
		a, b := p.buyInBackground(sale.PurchaseRequest{Name: "anna"}), p.buyInBackground(sale.PurchaseRequest{Name: "ben"})
		synctest.Wait()
		if n := metric(t, registry, "flashsale_undecided_claims"); n != 2 {
			t.Errorf("%v claims under way, want 2", n)
		}
		<-a
		<-b
		if n := metric(t, registry, "flashsale_undecided_claims"); n != 0 {
			t.Errorf("%v claims under way, want none", n)
		}
	})
}

func TestTheLedgerDecidesThroughTheCheckout(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		claim := p.claimOf(s, "anna", 1)
		d, err := p.DecideTx(t.Context(), nil, events.FromLog, []events.Claim{claim})
		if err != nil || len(d.Verdicts) != 1 || d.Verdicts[0].Unit != 1 {
			t.Errorf("decided %+v, %v", d, err)
		}
		found, err := p.Verdicts(t.Context(), []uuid.UUID{claim.ID, uuid.New()})
		if err != nil || len(found) != 1 || found[0].ClaimID != claim.ID || found[0].Fresh {
			t.Errorf("found %+v, %v", found, err)
		}
		v, err := p.DeclineTx(t.Context(), nil, claim, events.ReasonUndecidable)
		if err != nil || v.Reason != events.ReasonUndecidable {
			t.Errorf("declined %+v, %v", v, err)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, _ *simulatedServers, p *process) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(time.Second)
		stop()
		began := time.Now()
		if err := <-ended; err != nil || time.Since(began) != 0 {
			t.Errorf("ended with %v after %v", err, time.Since(began))
		}
	})
}

// DecideTx is a whole decision within a transaction of the test's own.
func (c *Checkout) DecideTx(ctx context.Context, tx pgx.Tx, src events.Source, claims []events.Claim) (events.Decision, error) {
	return saletest.Decide(ctx, tx, c.Prepare, src, claims)
}
