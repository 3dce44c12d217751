package checkout

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// expectClaim looks a claim up as if nobody had asked for it, and checks its status.
func (p *process) expectClaim(t *testing.T, a sale.Answer, when string, want sale.ClaimStatus) {
	t.Helper()
	p.pendingAnswers.forget(a.ClaimID)
	if got, err := p.Claim(t.Context(), a.ClaimID, a.Position); err != nil || got.State != want {
		t.Errorf("%s: %+v, %v; want %s", when, got, err, want)
	}
}

// A position of the old log lies past the end of the new one, which may never get that far.
func TestAClaimOfALogThatWasReplacedDoesNotWaitForEver(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		expect(t, a, sale.Pending, "")
		p.expectClaim(t, a, "before the ledger reached it", sale.ClaimPending)
		time.Sleep(2 * lostAfter)
		p.expectClaim(t, a, "however long that takes", sale.ClaimPending)
		s.log.replace()
		time.Sleep(settledEvery)
		p.expectClaim(t, a, "the first read at the new log", sale.ClaimPending)
		time.Sleep(lostAfter - 1)
		p.expectClaim(t, a, "too soon for the second question", sale.ClaimPending)
		time.Sleep(time.Nanosecond)
		p.expectClaim(t, a, "the second question", sale.ClaimGone)
		p.expectClaim(t, a, "asked again", sale.ClaimGone)
		s.log.resumeConsumer()
		expect(t, p.press("anna"), sale.Bought, "")
	})
}

// The claim may be in the new log as well, at another offset, before the old one's or after.
func TestAClaimThatMayStillBeDecidedIsPending(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		s.log.replace()
		p.expectClaim(t, a, "the first read", sale.ClaimPending)
		time.Sleep(lostAfter)
		again := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		p.expectClaim(t, a, "written again", sale.ClaimPending)
		p.expectClaim(t, again, "where it is now", sale.ClaimPending)
		s.log.resumeConsumer()
		time.Sleep(time.Nanosecond)
		p.expectClaim(t, a, "decided", sale.ClaimOrdered)
	})
}

// Two answers count only when they are about the same log.
func TestALogThatIsReplacedBetweenTheQuestions(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		a := sale.Answer{ClaimID: uuid.New(), Position: &events.Position{}}
		p.expectClaim(t, a, "the first read", sale.ClaimPending)
		time.Sleep(lostAfter)
		s.log.replace()
		p.expectClaim(t, a, "the first at another log", sale.ClaimPending)
		time.Sleep(lostAfter)
		p.expectClaim(t, a, "the second at that", sale.ClaimGone)
	})
}

func TestNoClaimIsLostWhileTheLogIsAway(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		a := sale.Answer{ClaimID: uuid.New(), Position: &events.Position{}}
		p.expectClaim(t, a, "the first read", sale.ClaimPending)
		time.Sleep(lostAfter)
		p.lostClaims.settled = func(context.Context, int) (int64, bool, error) {
			return 0, true, fmt.Errorf("%w: away", events.ErrLog)
		}
		p.expectClaim(t, a, "without the log", sale.ClaimPending)
	})
}

func TestSuspectClaimsAreBounded(t *testing.T) {
	t.Parallel()
	var l lostClaims
	now := time.Now()
	kept := uuid.New()
	for range mostSuspects {
		l.note(kept, suspect{asked: now}, now)
		kept = uuid.New()
	}
	now = now.Add(suspectKept)
	l.note(kept, suspect{asked: now}, now)
	if _, ok := l.suspect(kept); ok || len(l.suspects) != mostSuspects {
		t.Errorf("%d suspects, want %d", len(l.suspects), mostSuspects)
	}
	now = now.Add(suspectsSwept - 1)
	l.note(kept, suspect{asked: now}, now)
	if _, ok := l.suspect(kept); ok {
		t.Error("searched again at once")
	}
	now = now.Add(1)
	l.note(kept, suspect{asked: now}, now)
	if _, ok := l.suspect(kept); !ok || len(l.suspects) != 1 {
		t.Errorf("%d suspects once the old ones went", len(l.suspects))
	}
}
