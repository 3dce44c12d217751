package checkout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// claimStatus asks what became of a claim.
func (p *process) claimStatus(t *testing.T, id uuid.UUID, at *events.Position) sale.ClaimStatus {
	t.Helper()
	got, err := p.Claim(t.Context(), id, at)
	if err != nil {
		t.Fatal(err)
	}
	return got.State
}

func TestAPendingClaimIsAnsweredFromMemoryForAMoment(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		expect(t, a, sale.Pending, "")
		time.Sleep(resendEvery) // nobody waits for it any more
		for range 1000 {
			if got := p.claimStatus(t, a.ClaimID, a.Position); got != sale.ClaimPending {
				t.Fatalf("it is %s", got)
			}
		}
		if n := s.calls.of("verdicts"); n != 1 {
			t.Errorf("%d questions for a thousand who asked within a moment", n)
		}
		time.Sleep(askAgain)
		p.claimStatus(t, a.ClaimID, a.Position)
		if n := s.calls.of("verdicts"); n != 2 {
			t.Errorf("%d questions, want another one after the moment", n)
		}
		s.log.resumeConsumer()
		synctest.Wait()
		if got := p.claimStatus(t, a.ClaimID, a.Position); got != sale.ClaimOrdered {
			t.Errorf("decided within the moment, and it is %s", got)
		}
	})
}

// The request that was answered "pending" has looked the claim up a moment ago.
func TestTheFirstPollAfterARequestIsAnsweredFromMemory(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		s.ledger.fails(errAway)
		a := p.press("anna")
		expect(t, a, sale.Pending, "")
		before := s.calls.of("verdicts")
		if got := p.claimStatus(t, a.ClaimID, a.Position); got != sale.ClaimPending {
			t.Errorf("it is %s", got)
		}
		if n := s.calls.of("verdicts") - before; n != 0 {
			t.Errorf("%d questions", n)
		}
		s.ledger.fails(nil)
		s.log.resumeConsumer()
		synctest.Wait()
	})
}

func TestAClaimStaysPendingWhileTheLedgerIsAway(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.pauseConsumer()
		a := p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true})
		time.Sleep(resendEvery)
		for name, away := range map[string]func(context.Context) error{
			"refuses": func(context.Context) error { return errAway }, "is silent": hangs,
		} {
			s.ledger.acts(away)
			began := time.Now()
			if got := p.claimStatus(t, a.ClaimID, a.Position); got != sale.ClaimPending {
				t.Errorf("the ledger %s, and it is %s", name, got)
			}
			if took := time.Since(began); took > lookupTime {
				t.Errorf("the ledger %s, and the answer took %v", name, took)
			}
			if _, err := p.Claim(t.Context(), uuid.New(), a.Position); err == nil {
				t.Errorf("the ledger %s, and a claim that nobody has asked for is known", name)
			}
		}
		s.ledger.fails(errAway)
		time.Sleep(pendingKept)
		if _, err := p.Claim(t.Context(), a.ClaimID, a.Position); !errors.Is(err, errAway) {
			t.Errorf("after %v: %v", pendingKept, err)
		}
		s.ledger.fails(nil)
		s.log.resumeConsumer()
		synctest.Wait()
	})
}

func TestPendingAnswersAreBounded(t *testing.T) {
	t.Parallel()
	var p pendingAnswers
	now := time.Now()
	first := uuid.New()
	p.note(first, now)
	for range 3 * mostPending {
		p.note(uuid.New(), now)
	}
	if n := len(p.recent) + len(p.earlier); n > 2*mostPending {
		t.Errorf("%d are remembered", n)
	}
	if _, known := p.age(first, now); known {
		t.Error("the oldest is still remembered")
	}
	late := uuid.New()
	p.note(late, now.Add(2*pendingKept))
	p.note(uuid.New(), now.Add(3*pendingKept))
	if age, known := p.age(late, now.Add(3*pendingKept)); !known || age != pendingKept {
		t.Errorf("known %v since %v", known, age)
	}
	p.forget(late)
	if _, known := p.age(late, now); known {
		t.Error("remembered after forget")
	}
}

// One question about a partition serves the claims of all shoppers.
func TestTheQuestionAboutAPartitionIsShared(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		questions := 0
		p.lostClaims.settled = func(_ context.Context, partition int) (int64, bool, error) {
			if partition == 3 {
				questions++
			}
			return 1, true, nil
		}
		ids := make([]uuid.UUID, 2000)
		for i := range ids {
			ids[i] = uuid.New()
		}
		poll := func(want sale.ClaimStatus) {
			t.Helper()
			for _, id := range ids {
				p.pendingAnswers.forget(id)
				time.Sleep(time.Nanosecond)
				if got := p.claimStatus(t, id, &events.Position{Partition: 3}); got != want {
					t.Fatalf("it is %s, want %s", got, want)
				}
			}
		}
		poll(sale.ClaimPending) // one of them asks first, before the others came
		time.Sleep(settledEvery)
		poll(sale.ClaimPending) // and this question is the first for all the others
		time.Sleep(lostAfter)
		poll(sale.ClaimGone)
		if questions != 3 {
			t.Errorf("%d questions about the partition for %d claims, want 3", questions, len(ids))
		}
	})
}

// A question from before the claim was asked for says nothing about it: the claim may have been written since.
func TestAnAnswerFromBeforeTheClaimDoesNotCount(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		at := &events.Position{Partition: 3}
		p.claimStatus(t, uuid.New(), at) // asks about the partition
		time.Sleep(settledEvery - 1)
		a := sale.Answer{ClaimID: uuid.New(), Position: at}
		p.expectClaim(t, a, "after somebody else's question", sale.ClaimPending)
		time.Sleep(lostAfter)
		p.expectClaim(t, a, "its first question", sale.ClaimPending)
		time.Sleep(lostAfter - 1)
		p.expectClaim(t, a, "too soon", sale.ClaimPending)
		time.Sleep(time.Nanosecond)
		p.expectClaim(t, a, "its second question", sale.ClaimGone)
	})
}

// Nobody waits for a question that somebody else asked.
func TestAQuestionThatHangsDelaysNobody(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		p.lostClaims.settled = func(ctx context.Context, _ int) (int64, bool, error) {
			return 0, false, fmt.Errorf("%w: %w", events.ErrLog, hangs(ctx))
		}
		began, at := time.Now(), &events.Position{Partition: 3}
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan time.Duration, 1)
		go func() {
			_, _ = p.Claim(ctx, uuid.New(), at)
			done <- time.Since(began)
		}()
		synctest.Wait()
		leave()
		for range 100 {
			if got := p.claimStatus(t, uuid.New(), at); got != sale.ClaimPending {
				t.Errorf("it is %s", got)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the others waited for %v", took)
		}
		if took := <-done; took != settledTime {
			t.Errorf("whoever asks is bounded by %v, and took %v", settledTime, took)
		}
	})
}
