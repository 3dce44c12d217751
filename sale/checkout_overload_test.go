package sale

import (
	"fmt"
	"testing"
)

// A queue that is too long is no reason to go around it: nobody is asked, and no place is taken.
func TestACrowdIsRefusedAtOnce(t *testing.T) {
	bubble(t, 5, func(t *testing.T, s *memoryServers, p *process) {
		s.ledger.sell(s.names.shopper("cleo"), Press{})
		s.places.fails(fmt.Errorf("%w: 20,000 wait", ErrCrowded))
		if a := p.press("anna"); a.Kind != Overloaded || a.RetryAfter <= 0 {
			t.Errorf("got %s, again after %v", a.Kind, a.RetryAfter)
		}
		if a := p.press("cleo"); a.Kind != AlreadyBought {
			t.Errorf("an owner got %s", a.Kind)
		}
		if s.ledger.step.levels[saleKey].Taken != 1 || p.pending.count.Load() != 0 {
			t.Error("a refused press went on")
		}
	})
}
