package checkout

import (
	"sync"
	"testing"
	"time"

	"flashsale/events"
)

// A request that is woken, or that finds its claim no longer pending, finds the receipt and the figures in memory. So a verdict
// is delivered only after both are there. Here one of them cannot be written for a while.
func TestAVerdictIsDeliveredAfterItsReceiptAndItsStock(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]func(p *process) sync.Locker{
		"the receipt": func(p *process) sync.Locker { return &p.catalog.find("").receipts.mu },
		"the stock":   func(p *process) sync.Locker { return &p.catalog.replacing },
	} {
		for how, arrives := range map[string]func(t *testing.T, p *process, d events.Decision){
			"announced": func(_ *testing.T, p *process, d events.Decision) { go p.apply(d, p.metrics.told) },
			"looked up": func(t *testing.T, p *process, _ events.Decision) { p.run(t) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				s := newSimulatedServers(t, 2)
				p := s.process(t)
				claim := p.claimOf(s, "anna", 1)
				w := p.pending.join(claim.ID, saleKey)
				locked := lock(p)
				locked.Lock()
				arrives(t, p, s.ledger.decide(events.FromLog, claim))
				select {
				case <-w.done:
					t.Errorf("the verdict was delivered before %s", name)
				case <-time.After(3 * lookUpAfter):
				}
				locked.Unlock()
				<-w.done
				_, cached := p.catalog.find("").receipts.receipt(saleKey, s.accounts.shopper("anna"))
				if now, _ := p.catalog.Snapshot(""); !cached || now.Taken != 1 {
					t.Errorf("receipt %v, %d taken", cached, now.Taken)
				}
			})
		}
	}
}
