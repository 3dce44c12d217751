package checkout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

func TestRequestsAtTheStart(t *testing.T) {
	t.Parallel()
	const ahead = 500 * time.Millisecond
	// atTheStart has the start pass, the sale not be opened, and one request wait.
	atTheStart := func(name string, test func(t *testing.T, s *simulatedServers, p *process, answer <-chan sale.Answer)) {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.ledger.change(func(row *sale.Row) { row.State, row.StartsAt = sale.Scheduled, time.Now().Add(ahead) })
				p.readChanges(t)
				expect(t, p.press("anna"), sale.Refused, sale.ReasonNotStarted)
				time.Sleep(ahead)
				answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
				synctest.Wait()
				s.ledger.change(func(*sale.Row) {}) // a change that opens nothing
				p.readChanges(t)
				synctest.Wait()
				test(t, s, p, answer)
			})
		})
	}
	atTheStart("it opens", func(t *testing.T, s *simulatedServers, p *process, answer <-chan sale.Answer) {
		s.ledger.change(func(row *sale.Row) { row.State = sale.Open })
		p.readChanges(t)
		expect(t, <-answer, sale.Bought, "")
	})
	atTheStart("it was put off", func(t *testing.T, s *simulatedServers, p *process, answer <-chan sale.Answer) {
		s.ledger.change(func(row *sale.Row) { row.StartsAt = time.Now().Add(time.Hour) })
		p.readChanges(t)
		expect(t, <-answer, sale.Refused, sale.ReasonNotStarted)
	})
	atTheStart("nobody opens it", func(t *testing.T, _ *simulatedServers, _ *process, answer <-chan sale.Answer) {
		began := time.Now()
		expect(t, <-answer, sale.Unavailable, "")
		if time.Since(began) != startTime {
			t.Errorf("after %v, want %v", time.Since(began), startTime)
		}
	})
	atTheStart("the shopper leaves", func(t *testing.T, _ *simulatedServers, p *process, another <-chan sale.Answer) {
		defer func() { <-another }()
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		began := time.Now()
		expect(t, p.Buy(ctx, sale.PurchaseRequest{Name: "ben"}), sale.Unavailable, "")
		if time.Since(began) != time.Millisecond {
			t.Errorf("after %v", time.Since(began))
		}
	})
	atTheStart("the ledger has long been away", func(t *testing.T, _ *simulatedServers, p *process, answer <-chan sale.Answer) {
		<-answer
		time.Sleep(2 * sale.Lease)
		began := time.Now()
		expect(t, p.press("anna"), sale.Unavailable, "")
		expect(t, p.press("barred"), sale.NotAuthorized, "")
		if time.Since(began) != 0 {
			t.Errorf("waited %v for a ledger that does not answer", time.Since(began))
		}
	})
}
