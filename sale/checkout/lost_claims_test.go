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

func neverSettled(context.Context, int) (int64, bool, error) { return 0, false, nil }

// asksFor looks a claim up, as if nobody had a moment ago, and wants to find it like that.
func (p *process) asksFor(t *testing.T, a sale.Answer, when string, want sale.ClaimStatus) {
	t.Helper()
	p.pendingAnswers.forget(a.ClaimID)
	if got, err := p.Claim(t.Context(), a.ClaimID, a.Position); err != nil || got.State != want {
		t.Errorf("%s: %+v, %v; want %s", when, got, err, want)
	}
}

// A position of the old log lies past the end of the new one, which may never get that far.
func TestAClaimOfALogThatWasReplacedDoesNotWaitForEver(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *memoryServers, p *process) {
		s.log.pause()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		expect(t, a, sale.Pending, "")
		p.asksFor(t, a, "before the ledger reached it", sale.ClaimPending)
		time.Sleep(2 * lostAfter)
		p.asksFor(t, a, "however long that takes", sale.ClaimPending)
		s.log.replace()
		time.Sleep(settledEvery)
		p.asksFor(t, a, "the first read at the new log", sale.ClaimPending)
		time.Sleep(lostAfter - 1)
		p.asksFor(t, a, "too soon for a second look", sale.ClaimPending)
		time.Sleep(time.Nanosecond)
		p.asksFor(t, a, "the second look", sale.ClaimGone)
		p.asksFor(t, a, "asked again", sale.ClaimGone)
		s.log.resume()
		expect(t, p.press("anna"), sale.Bought, "")
	})
}

// The claim may be in the new log as well, at another offset, before the old one's or after.
func TestAClaimThatMayStillBeDecidedIsPending(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *memoryServers, p *process) {
		s.log.pause()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		s.log.replace()
		p.asksFor(t, a, "the first read", sale.ClaimPending)
		time.Sleep(lostAfter)
		again := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		p.asksFor(t, a, "written again", sale.ClaimPending)
		p.asksFor(t, again, "where it is now", sale.ClaimPending)
		s.log.resume()
		time.Sleep(time.Nanosecond)
		p.asksFor(t, a, "decided", sale.ClaimOrdered)
	})
}

// Two answers count only when they are about the same log.
func TestALogThatIsReplacedBetweenTheLooks(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *memoryServers, p *process) {
		a := sale.Answer{ClaimID: uuid.New(), Position: &events.Position{}}
		p.asksFor(t, a, "the first read", sale.ClaimPending)
		time.Sleep(lostAfter)
		s.log.replace()
		p.asksFor(t, a, "the first at another log", sale.ClaimPending)
		time.Sleep(lostAfter)
		p.asksFor(t, a, "the second at that", sale.ClaimGone)
	})
}

func TestWhileTheLogIsAwayNothingIsLost(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *memoryServers, p *process) {
		a := sale.Answer{ClaimID: uuid.New(), Position: &events.Position{}}
		p.asksFor(t, a, "the first read", sale.ClaimPending)
		time.Sleep(lostAfter)
		p.lostClaims.settled = func(context.Context, int) (int64, bool, error) {
			return 0, true, fmt.Errorf("%w: away", events.ErrLog)
		}
		p.asksFor(t, a, "without the log", sale.ClaimPending)
	})
}

func TestDoubtsAreBounded(t *testing.T) {
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
		t.Errorf("%d doubts, want %d", len(l.suspects), mostSuspects)
	}
	now = now.Add(suspectsSwept - 1)
	l.note(kept, suspect{asked: now}, now)
	if _, ok := l.suspect(kept); ok {
		t.Error("searched again at once")
	}
	now = now.Add(1)
	l.note(kept, suspect{asked: now}, now)
	if _, ok := l.suspect(kept); !ok || len(l.suspects) != 1 {
		t.Errorf("%d doubts once the old ones went", len(l.suspects))
	}
}
