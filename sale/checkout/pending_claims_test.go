package checkout

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestAVerdictWakesEverybodyOnce(t *testing.T) {
	t.Parallel()
	var w pendingClaims
	id := uuid.New()
	first := w.join(id, saletest.Key())
	var all sync.WaitGroup
	for range 100 {
		c := w.join(id, saletest.Key())
		if c != first {
			t.Fatal("the same claim is pending twice")
		}
		all.Go(func() {
			<-c.done
			if c.verdict.Unit != 5 {
				t.Errorf("verdict %+v", c.verdict)
			}
			w.leave(c)
		})
	}
	w.deliver(&events.Verdict{ClaimID: id, Unit: 5}, nil)
	w.deliver(&events.Verdict{ClaimID: id, Unit: 6}, nil)
	all.Wait()
	w.leave(first)
	if w.waiting(id) || w.count.Load() != 0 {
		t.Errorf("%d claims are still pending", w.count.Load())
	}
}

func TestTheLastRequestRemovesItsClaim(t *testing.T) {
	t.Parallel()
	var w pendingClaims
	a := w.join(uuid.New(), saletest.Key())
	w.join(a.id, saletest.Key())
	w.leave(a)
	if !w.waiting(a.id) {
		t.Error("gone while somebody waits")
	}
	w.leave(a)
	if w.waiting(a.id) || w.count.Load() != 0 {
		t.Error("pending although nobody waits")
	}
}

// A request leaves when its claim has a new entry. That entry stays.
func TestLeavingAfterTheVerdictKeepsANewEntry(t *testing.T) {
	t.Parallel()
	var w pendingClaims
	a := w.join(uuid.New(), saletest.Key())
	w.deliver(&events.Verdict{ClaimID: a.id}, nil)
	b := w.join(a.id, saletest.Key())
	w.leave(a)
	if b == a || !w.waiting(a.id) {
		t.Error("the new entry was removed")
	}
}

func TestTheShareIsBoundedPerSale(t *testing.T) {
	t.Parallel()
	var w pendingClaims
	other := sale.Key{Sale: 8, Generation: 1}
	a, first := w.admit(uuid.New(), saletest.Key(), 2)
	b, _ := w.admit(uuid.New(), saletest.Key(), 2)
	if a == nil || b == nil || !first {
		t.Fatal("the share is not given")
	}
	if c, _ := w.admit(uuid.New(), saletest.Key(), 2); c != nil {
		t.Error("a third claim was admitted")
	}
	if c, again := w.admit(a.id, saletest.Key(), 2); c != a || again {
		t.Error("a claim pending is not joined")
	}
	if c, _ := w.admit(uuid.New(), other, 2); c == nil {
		t.Error("another sale has no share")
	}
	w.deliver(&events.Verdict{ClaimID: a.id}, nil)
	if c, _ := w.admit(uuid.New(), saletest.Key(), 2); c == nil {
		t.Error("a decided claim counts in the share")
	}
	w.leave(b)
	if c, _ := w.admit(uuid.New(), saletest.Key(), 2); c == nil {
		t.Error("a claim that nobody waits for counts in the share")
	}
}

// A claim that the log has may still get a unit, so it counts in the share after its request has left.
func TestAnAcknowledgedClaimKeepsItsShare(t *testing.T) {
	t.Parallel()
	var w pendingClaims
	a, _ := w.admit(uuid.New(), saletest.Key(), 1)
	a.position.Store(&events.Position{Offset: 1})
	w.leave(a)
	if c, _ := w.admit(uuid.New(), saletest.Key(), 1); c != nil {
		t.Fatal("its share was given away")
	}
	now := a.since.Add(time.Second)
	if ids := w.overdue(now, lookUpAfter, 10, false); len(ids) != 0 {
		t.Error("looked up as often as if somebody waited")
	}
	if ids := w.overdue(now, lookUpAfter, 10, true); len(ids) != 1 || ids[0] != a.id {
		t.Errorf("not looked up at all: %v", ids)
	}
	w.overdue(a.since.Add(shareKeptFor+time.Second), lookUpAfter, 10, false)
	if c, _ := w.admit(uuid.New(), saletest.Key(), 1); c == nil {
		t.Error("it is kept for ever")
	}
}

func TestOnlyClaimsThatWaitForLongAreLookedUp(t *testing.T) {
	t.Parallel()
	var w pendingClaims
	for range 20 {
		w.join(uuid.New(), saletest.Key())
	}
	if ids := w.overdue(time.Now(), time.Hour, 100, true); len(ids) != 0 {
		t.Errorf("%d at once", len(ids))
	}
	if ids := w.overdue(time.Now().Add(time.Second), lookUpAfter, 8, true); len(ids) != 8 {
		t.Errorf("%d in one question, want 8", len(ids))
	}
}

// The time of day may be set at any time, so durations are measured.
func TestWhenAClaimWasWrittenIsNoTimeOfDay(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		w := p.pending.join(p.claimOf(s, "anna", 1).ID, s.ledger.row.Key)
		time.Sleep(time.Minute)
		p.readChanges(t)
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		expect(t, a, sale.Pending, "")
		if sent := time.Duration(w.writtenAt.Load() - 1); sent != time.Minute {
			t.Errorf("written %v after it was first waited for", sent)
		}
		p.pending.leave(w)
		if at := w.keptUntil(); at != w.since.Add(time.Minute+resendEvery) {
			t.Errorf("kept until %v", at)
		}
		s.log.resumeConsumer()
		synctest.Wait()
	})
}

func TestAttemptsAreRememberedUntilThereAreTooMany(t *testing.T) {
	t.Parallel()
	var a attempts
	who := sale.ShopperKey{Key: saletest.Key(), User: 1}
	if a.of(who) != 1 {
		t.Error("the first attempt is not 1")
	}
	a.remember(who, 4)
	a.remember(who, 3)
	if a.of(who) != 4 || a.of(sale.ShopperKey{Key: saletest.Key(), User: 2}) != 1 {
		t.Errorf("attempt %d, want 4", a.of(who))
	}
	for user := range int64(mostAttempts) {
		a.remember(sale.ShopperKey{Key: saletest.Key(), User: user + 10}, 2)
	}
	if len(a.next) > mostAttempts {
		t.Errorf("%d are remembered", len(a.next))
	}
}
