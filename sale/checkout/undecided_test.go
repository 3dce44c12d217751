package checkout

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// Operators see a claim while its request waits, and after the shopper was told "pending", until the verdict.
func TestAClaimIsListedUntilItsVerdict(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		s.ledger.fails(errAway)
		began := time.Now()
		go p.press("anna")
		time.Sleep(verdictTime / 2)
		waits := p.Undecided(time.Now(), 0, 10)
		if len(waits) != 1 || waits[0].Username != "anna" || waits[0].Doing != events.Answering || waits[0].Position == nil || waits[0].Position.Partition != 3 || !waits[0].Since.Equal(began) || waits[0].UserID == 0 {
			t.Fatalf("while the request waits: %+v", waits)
		}
		if early := p.Undecided(time.Now(), time.Second, 10); len(early) != 0 {
			t.Errorf("listed although it waits for less than a second: %+v", early)
		}
		time.Sleep(buyTime)
		told := p.Undecided(time.Now(), time.Second, 10)
		if len(told) != 1 || told[0].ClaimID != waits[0].ClaimID || told[0].Doing != events.Told || !told[0].Since.Equal(began) || *told[0].Position != *waits[0].Position {
			t.Fatalf("after its shopper was told: %+v", told)
		}
		if n, oldest := p.undecided(time.Now()); n != 1 || oldest != time.Since(began) {
			t.Errorf("%d are counted, the oldest since %v", n, oldest)
		}
		s.ledger.fails(nil)
		s.log.resumeConsumer()
		synctest.Wait()
		if left := p.Undecided(time.Now(), 0, 10); len(left) != 0 {
			t.Errorf("after the verdict: %+v", left)
		}
		if n, oldest := p.undecided(time.Now()); n != 0 || oldest != 0 {
			t.Errorf("after the verdict %d are counted, since %v", n, oldest)
		}
	})
}

// A verdict that nobody told this process of is looked up.
func TestAToldClaimIsLookedUp(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		a := p.press("anna")
		expect(t, a, sale.Bought, "")
		p.told.note(&events.Undecided{ClaimID: a.ClaimID, Since: time.Now()})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(2 * toldLookUps * lookUpAfter)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if left := p.Undecided(time.Now(), 0, 10); len(left) != 0 {
			t.Errorf("listed although it is decided: %+v", left)
		}
	})
}

func TestToldClaimsAreBounded(t *testing.T) {
	t.Parallel()
	var told toldClaims
	now := time.Now()
	for i := range 3 * mostTold {
		told.note(&events.Undecided{ClaimID: uuid.New(), Username: fmt.Sprint(i), Since: now})
	}
	if n := len(told.all(now)); n != mostTold {
		t.Errorf("%d are remembered", n)
	}
	if n := len(told.all(now.Add(toldKept))); n != 0 || told.some.Load() {
		t.Errorf("%d are remembered after %v", n, toldKept)
	}
	told.note(&events.Undecided{ClaimID: uuid.Max, Since: now})
	told.note(&events.Undecided{ClaimID: uuid.Max, Since: now.Add(time.Minute)})
	if all := told.all(now); len(all) != 1 || !all[0].Since.Equal(now) {
		t.Errorf("noted twice: %+v", all)
	}
	if told.forget(uuid.Max); told.some.Load() {
		t.Error("remembered after forget")
	}
}
