package checkout

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

const ms = time.Millisecond

// slowly makes a process whose log and whose direct path take so long. The consumer reads nothing until the test has it read.
func (s *simulatedServers) slowly(t *testing.T, log, direct time.Duration, change ...func(*Deps)) *process {
	t.Helper()
	p := s.process(t, append([]func(*Deps){func(d *Deps) { d.Direct = slowDirector{s.ledger, direct} }}, change...)...)
	s.ledger.mu.Lock()
	s.ledger.decided = p.Decided
	s.ledger.mu.Unlock()
	p.run(t)
	s.log.acts(sleeps(log))
	s.log.pauseConsumer()
	synctest.Wait() // its workers wait for claims
	return p
}

// besideAfter is whether the claim of that answer, which the log has last, was written as one that is decided beside it.
func (s *simulatedServers) besideAfter(t *testing.T, a sale.Answer) bool {
	t.Helper()
	expect(t, a, sale.Bought, "")
	written := s.log.written()
	last := written[len(written)-1]
	if last.ID != a.ClaimID {
		t.Fatalf("the log has %v last, not %s", last, a.ClaimID)
	}
	return last.Beside
}

// slowDirector decides after that time.
type slowDirector struct {
	director
	takes time.Duration
}

func (d slowDirector) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	if err := wait(ctx, d.takes); err != nil {
		return events.Verdict{}, err
	}
	return d.director.Decide(ctx, c)
}

// In a quiet process the log and the ledger take a claim at the same time: the answer comes after the longer of the two, has the
// ledger's verdict, and the log has the claim.
func TestAQuietPressWaitsForTheLongerOfLogAndLedger(t *testing.T) {
	for name, takes := range map[string]struct{ log, direct time.Duration }{
		"the ledger is slower": {30 * ms, 40 * ms}, "the log is slower": {40 * ms, 30 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, _ *process) {
				p := s.slowly(t, takes.log, takes.direct)
				began := time.Now()
				a := p.press("anna")
				expect(t, a, sale.Bought, "")
				if took := time.Since(began); took != 40*ms {
					t.Errorf("answered after %v", took)
				}
				if written := s.log.written(); len(written) != 1 || written[0].ID != a.ClaimID || !written[0].Beside {
					t.Errorf("the log has %v", written)
				}
				s.log.resumeConsumer()
				synctest.Wait()
				if n := s.ledger.taken(); n != 1 {
					t.Errorf("the log's copy has met the verdict, and %d units are taken", n)
				}
				expect(t, p.press("anna"), sale.AlreadyBought, "")
			})
		})
	}
}

// The verdict of a claim whose direct decision fails comes through the log.
func TestADirectDecisionThatFailsLeavesTheClaimToTheLog(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, _ *process) {
		p := s.slowly(t, 30*ms, 0, func(d *Deps) { d.Direct = refusingDirector{} })
		s.log.resumeConsumer()
		began := time.Now()
		expect(t, p.press("anna"), sale.Bought, "")
		if took := time.Since(began); took != 30*ms {
			t.Errorf("answered after %v", took)
		}
	})
}

type refusingDirector struct{}

func (refusingDirector) Decide(context.Context, events.Claim) (events.Verdict, error) {
	return events.Verdict{}, errAway
}

// While many claims are pending, the next ones are decided through the log, though all who decide at once are free again: transactions
// of a few claims would be in the way of the log's larger ones.
func TestABusyProcessDecidesThroughTheLog(t *testing.T) {
	const crowd = 3 * quietClaims
	inFakeTime(t, crowd+1, func(t *testing.T, s *simulatedServers, _ *process) {
		s.addShoppers(crowd)
		p := s.slowly(t, 40*ms, ms)
		s.log.resumeConsumer()
		var kinds map[sale.Kind]int
		var all sync.WaitGroup
		all.Go(func() {
			kinds, _ = p.buyAll(crowd, func(i int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: shopperName(i)} })
		})
		time.Sleep(5 * ms)
		before := s.calls.of("direct")
		expect(t, p.press("anna"), sale.Bought, "")
		all.Wait()
		if kinds[sale.Bought] != crowd {
			t.Errorf("answers: %v", kinds)
		}
		if n := s.calls.of("direct"); before == 0 || before > quietClaims || n != before {
			t.Errorf("%d claims of a crowd were decided directly, then %d more", before, n-before)
		}
	})
}

// When a crowd has its verdicts, nothing is pending for a moment. The first of its next presses are not decided directly: with four
// processes a third of all transactions came from that. How many are a crowd depends on how many processes press on the same row.
func TestAProcessIsQuietSomeTimeAfterACrowd(t *testing.T) {
	for processes, crowd := range map[int]int{0: quietClaims, 1: quietClaims, 2: quietOfTwo} {
		for more := range 2 {
			t.Run(fmt.Sprintf("%d processes, %d", processes, crowd+more), func(t *testing.T) {
				inFakeTime(t, 2*quietClaims, func(t *testing.T, s *simulatedServers, _ *process) {
					s.addShoppers(2 * quietClaims)
					p := s.slowly(t, 30*ms, 10*ms, func(d *Deps) { d.Live = func() int { return processes } })
					s.log.resumeConsumer()
					p.buyAll(crowd+more, func(i int) sale.PurchaseRequest { return sale.PurchaseRequest{Name: shopperName(i)} })
					first := s.besideAfter(t, p.press(shopperName(quietClaims+2)))
					time.Sleep(quietAfter)
					later := s.besideAfter(t, p.press(shopperName(quietClaims+3)))
					if first != (more == 0) || !later {
						t.Errorf("decided directly right after the crowd: %v, and in a quiet process: %v", first, later)
					}
				})
			})
		}
	}
}

func TestWhatIsNotDecidedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Deps)
		ends    time.Duration
		request sale.PurchaseRequest
		want    sale.Kind
	}{
		"without a direct path":        {change: func(d *Deps) { d.Direct = nil }, want: sale.Bought},
		"a request that does not wait": {request: sale.PurchaseRequest{Async: true}, want: sale.Pending},
		"shortly before the end":       {ends: atOnceUntil - ms, want: sale.Bought},
		"beside two other processes":   {change: func(d *Deps) { d.Live = func() int { return 3 } }, want: sale.Bought},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, _ *process) {
				p := s.slowly(t, 30*ms, 0, func(d *Deps) {
					if c.change != nil {
						c.change(d)
					}
				})
				if c.ends > 0 {
					s.ledger.change(func(row *sale.Row) { row.EndsAt = time.Now().Add(c.ends) })
					p.readChanges(t)
				}
				s.log.resumeConsumer()
				c.request.Name = "anna"
				expect(t, p.Buy(t.Context(), c.request), c.want, "")
				if n := s.calls.of("direct"); n != 0 || s.log.written()[0].Beside {
					t.Errorf("%d direct decisions, and the log has %v", n, s.log.written())
				}
			})
		})
	}
}

// Of two requests of one shopper, only the one that took the place has the claim decided.
func TestAHolderHasTheClaimDecidedOnce(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, _ *process) {
		p := s.slowly(t, 30*ms, 40*ms)
		first := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		time.Sleep(5 * ms)
		second := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
		expect(t, <-first, sale.Bought, "")
		expect(t, <-second, sale.AlreadyBought, "")
		if n := s.calls.of("direct"); n != 1 {
			t.Errorf("%d direct decisions", n)
		}
	})
}
