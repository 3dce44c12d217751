package checkout

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

// fewPresses takes so many presses, and lets one look for a receipt.
type fewPresses struct{ left, looks, asked int }

func (f *fewPresses) Take(_ int64, limit sale.PressLimit, _ int64, _ netip.Addr) (sale.PressBudget, time.Duration, bool) {
	f.asked++
	if limit != sale.UsualPressLimit() {
		return 0, time.Hour, false
	}
	f.left--
	return sale.PressesOfNetwork, 3 * time.Second, f.left >= 0
}

func (f *fewPresses) MayLook(int64, int64) bool {
	f.looks--
	return f.looks >= 0
}

func limitedProcess(t *testing.T, s *simulatedServers, f *fewPresses) func(name string) sale.Answer {
	t.Helper()
	p := s.process(t, func(d *Deps) { d.Presses = f })
	return func(name string) sale.Answer {
		return p.Buy(t.Context(), sale.PurchaseRequest{Name: name, From: netip.MustParseAddr("192.0.2.7")})
	}
}

func TestAPressTooOftenReachesNoServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulatedServers(t, 5)
		press := limitedProcess(t, s, &fewPresses{left: 1})
		if a := press("anna"); a.Kind != sale.Bought {
			t.Fatalf("within the limit: %s", a.Kind)
		}
		if a := press("ben"); a.Kind != sale.TooOften || a.Over != sale.PressesOfNetwork || a.RetryAfter != 3*time.Second || a.Sale.ID == 0 || a.Username != "ben" {
			t.Errorf("beyond the limit: %+v", a)
		}
		if a := press("anna"); a.Kind != sale.AlreadyBought {
			t.Errorf("beyond the limit an owner gets %s", a.Kind)
		}
	})
}

// Another process has sold to the shopper, and this one has not heard of it.
func TestAnOwnerBeyondTheLimitIsLookedUpOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulatedServers(t, 5)
		press := limitedProcess(t, s, &fewPresses{looks: 2})
		s.ledger.sell(s.accounts.shopper("cleo"), sale.PurchaseRequest{})
		if a := press("anna"); a.Kind != sale.TooOften {
			t.Errorf("who owns nothing gets %s", a.Kind)
		}
		if a := press("cleo"); a.Kind != sale.AlreadyBought || a.Receipt.Username != "cleo" {
			t.Errorf("an owner gets %s", a.Kind)
		}
		if a := press("anna"); a.Kind != sale.TooOften {
			t.Errorf("without a look: %s", a.Kind)
		}
	})
}

// Not started, ended and sold out are answered from memory, and count for nobody.
func TestAnAnswerFromMemoryHasNoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulatedServers(t, 1)
		f := &fewPresses{left: 1}
		press := limitedProcess(t, s, f)
		press("anna")
		for range 20 {
			if a := press("ben"); a.Reason != sale.ReasonSoldOut {
				t.Fatalf("%s %s", a.Kind, a.Reason)
			}
		}
		if f.asked != 1 {
			t.Errorf("%d presses were counted", f.asked)
		}
	})
}
