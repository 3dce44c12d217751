package checkout

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

func TestAReceiptIsFoundByName(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		v := s.ledger.sell(s.accounts.shopper("dora"), sale.PurchaseRequest{})
		p.press("anna")
		for name, unit := range map[string]int64{"anna": 2, "dora": 1, "ben": 0, "nobody": 0} {
			r, ok, err := p.Receipt(t.Context(), "flash", name)
			if err != nil || ok != (unit > 0) || r.Unit != unit {
				t.Errorf("%s: %+v, %v, %v; want unit %d", name, r, ok, err, unit)
			}
		}
		if n := s.calls.of("receipts"); n != 2 {
			t.Errorf("%d look-ups, want those of dora and ben", n)
		}
		if _, _, err := p.Receipt(t.Context(), "another", "anna"); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("another sale: %v", err)
		}
		all, err := p.Receipts(t.Context(), "", []int64{1, 2, 4})
		if err != nil || len(all) != 2 || all[4].OrderID != v.ClaimID || all[1].Unit != 2 {
			t.Errorf("receipts %+v, %v", all, err)
		}
		if _, err := p.Receipts(t.Context(), "another", nil); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("receipts of another sale: %v", err)
		}
	})
}

func TestAReceiptThatCannotBeLookedUp(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		p.press("anna")
		s.ledger.fails(errAway)
		s.accounts.fails(errAway)
		if r, ok, err := p.Receipt(t.Context(), "", "anna"); !ok || err != nil || r.Unit != 1 {
			t.Errorf("one in memory: %+v, %v, %v", r, ok, err)
		}
		for _, name := range []string{"ben", "dora"} {
			if _, ok, err := p.Receipt(t.Context(), "", name); ok || !errors.Is(err, errAway) {
				t.Errorf("%s: %v, %v: want an error", name, ok, err)
			}
		}
		if _, err := p.Receipts(t.Context(), "", []int64{2}); !errors.Is(err, errAway) {
			t.Errorf("many: %v", err)
		}
	})
}

func TestWhatBecameOfAClaim(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		b := p.Buy(t.Context(), sale.PurchaseRequest{Name: "ben", Async: true}) // no place is left
		state := func(id uuid.UUID, at *events.Position) sale.ClaimState {
			t.Helper()
			got, err := p.Claim(t.Context(), id, at)
			if err != nil {
				t.Error(err)
			}
			return got
		}
		expect(t, b, sale.Refused, sale.ReasonAllClaimed)
		if got := state(a.ClaimID, a.Position); got != (sale.ClaimState{State: sale.ClaimPending}) {
			t.Errorf("before the ledger reached it: %+v", got)
		}
		time.Sleep(resendEvery)
		if got := state(a.ClaimID, nil); got.State != sale.ClaimGone {
			t.Errorf("without its position: %+v", got)
		}
		s.log.resumeConsumer()
		synctest.Wait()
		got := state(a.ClaimID, a.Position)
		if got.State != sale.ClaimOrdered || got.Receipt.Unit != 1 || got.Username != "anna" || got.At.IsZero() {
			t.Errorf("ordered: %+v", got)
		}
		late := p.claimOf(s, "ben", 1)
		s.ledger.decide(events.Direct, late)
		got = state(late.ID, nil)
		if got.State != sale.ClaimDeclined || got.Reason != sale.ReasonSoldOut || got.Username != "ben" || got.Receipt.Unit != 0 {
			t.Errorf("declined: %+v", got)
		}
	})
}

func TestAClaimThatARequestWaitsForIsPending(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		synctest.Wait()
		if got, err := p.Claim(t.Context(), p.claimOf(s, "anna", 1).ID, nil); err != nil || got.State != sale.ClaimPending {
			t.Errorf("%+v, %v", got, err)
		}
		s.log.resumeConsumer()
		<-answer
	})
}

// The ledger may decide between the question for a verdict and the question for the log. Such a claim is not "gone".
func TestAClaimDecidedBetweenTwoQuestions(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		claim := p.claimOf(s, "anna", 1)
		if got, err := p.Claim(t.Context(), claim.ID, &events.Position{}); err != nil || got.State != sale.ClaimPending {
			t.Fatalf("the first read: %+v, %v", got, err)
		}
		time.Sleep(lostAfter)
		p.lostClaims.settled = func(context.Context, int) (int64, bool, error) {
			s.ledger.decide(events.FromLog, claim)
			return 0, true, nil
		}
		if got, err := p.Claim(t.Context(), claim.ID, &events.Position{}); err != nil || got.State != sale.ClaimOrdered {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestAClaimThatCannotBeLookedUp(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.fails(errAway)
		if got, err := p.Claim(t.Context(), uuid.New(), &events.Position{}); !errors.Is(err, errAway) || got.State != "" {
			t.Errorf("%+v, %v", got, err)
		}
		s.ledger.fails(nil)
		p.lostClaims.settled = func(context.Context, int) (int64, bool, error) { return 0, false, errAway }
		if got, err := p.Claim(t.Context(), uuid.New(), &events.Position{}); !errors.Is(err, errAway) || got.State != "" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
