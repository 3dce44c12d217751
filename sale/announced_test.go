package sale

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"flashsale/events"
)

func TestOnePressOfManyAnnouncesAnOrder(t *testing.T) {
	t.Parallel()
	var a announced
	var said atomic.Int32
	var all sync.WaitGroup
	id := uuid.New()
	for range 50 {
		all.Go(func() {
			if a.first(id) {
				said.Add(1)
			}
		})
	}
	all.Wait()
	if said.Load() != 1 || !a.first(uuid.New()) {
		t.Errorf("%d presses said it", said.Load())
	}
}

func TestAnOrderIsForgottenOnlyAfterManyOthers(t *testing.T) {
	t.Parallel()
	var a announced
	id := uuid.New()
	a.first(id)
	for range mostAnnounced {
		a.first(uuid.New())
	}
	if a.first(id) {
		t.Error("forgotten too early")
	}
	for range 2 * mostAnnounced {
		a.first(uuid.New())
	}
	if n := len(a.recent) + len(a.older); n > 2*mostAnnounced {
		t.Errorf("%d are remembered", n)
	}
}

// Another press found the place held and was quicker: the claim was written, decided and heard of before the press
// that holds the place got on. It bought the unit all the same.
func TestAPressThatWasOvertakenByItsOwnClaim(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *servers, p *process) {
		e := p.board.find("")
		own := &buying{Checkout: p.Checkout, entry: e, shopper: s.names.shopper("anna")}
		own.look()
		own.pressed = own.sale.Now
		s.places.give(saleKey, 1)
		other := p.press("anna")
		expect(t, other, AlreadyBought, "")
		a := own.reserved(context.Background())
		if expect(t, a, Bought, ""); a.Receipt.OrderID != other.Receipt.OrderID || a.ClaimID != a.Receipt.OrderID || a.Receipt.Unit != 1 {
			t.Errorf("got %+v", a)
		}
		expect(t, own.reserved(context.Background()), AlreadyBought, "") // once
		if n := len(s.log.written()); n != 1 {
			t.Errorf("the claim was written %d times", n)
		}
	})
}

// A receipt from before the press is nobody's purchase of now, whatever Redis has forgotten.
func TestAnOldReceiptIsNotBoughtAgain(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *servers, p *process) {
		v := s.ledger.sell(s.names.shopper("anna"), Press{})
		s.places.acts(func(context.Context) error { // she is heard of while Redis is asked
			p.note([]events.Verdict{v}, p.board.shelf.Load())
			return nil
		})
		synctest.Wait()
		wait(&waiter{done: make(chan struct{})}, 10*clockDrift)
		expect(t, p.press("anna"), AlreadyBought, "")
	})
}
