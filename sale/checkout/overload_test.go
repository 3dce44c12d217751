package checkout

import (
	"fmt"
	"testing"

	"flashsale/sale"
)

// A queue that is too long is no reason to do without a place: no server is asked, and no claim is made.
func TestAPlaceQueueThatIsTooLongIsOverload(t *testing.T) {
	inFakeTime(t, 5, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.sell(s.accounts.shopper("cleo"), sale.PurchaseRequest{})
		s.places.fails(fmt.Errorf("%w: 20,000 wait", sale.ErrTooMany))
		if a := p.press("anna"); a.Kind != sale.Overloaded || a.RetryAfter <= 0 {
			t.Errorf("got %s, again after %v", a.Kind, a.RetryAfter)
		}
		if a := p.press("cleo"); a.Kind != sale.AlreadyBought {
			t.Errorf("an owner got %s", a.Kind)
		}
		if s.ledger.state.Levels[saleKey].Taken != 1 || p.pending.count.Load() != 0 {
			t.Error("a refused request went on")
		}
	})
}
