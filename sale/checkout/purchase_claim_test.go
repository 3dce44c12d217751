package checkout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

func TestALogThatDoesNotAcknowledge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		log  func(context.Context) error
		took time.Duration
	}{
		"refuses":           {func(context.Context) error { return errAway }, 0},
		"hangs":             {hangs, appendTime},
		"is slow":           {func(context.Context) error { time.Sleep(appendTime - time.Millisecond); return nil }, appendTime - time.Millisecond},
		"answers just late": {func(ctx context.Context) error { time.Sleep(appendTime + time.Millisecond); return ctx.Err() }, appendTime + time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.log.acts(c.log)
				began := time.Now()
				a := p.press("anna")
				if a.Kind != sale.Bought || time.Since(began) != c.took {
					t.Errorf("got %s after %v, want it bought after %v", a.Kind, time.Since(began), c.took)
				}
				want := 1
				if name == "is slow" {
					want = 0
				}
				if n := s.calls.of("direct"); n != want {
					t.Errorf("the ledger was asked %d times, want %d", n, want)
				}
			})
		})
	}
}

func TestNobodyReadsTheLog(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		time.Sleep(time.Minute)
		p.readChanges(t)
		s.log.pauseConsumer()
		began := time.Now()
		a := p.press("anna")
		if a.Kind != sale.Bought || time.Since(began) != idleTime || s.calls.of("direct") != 1 {
			t.Errorf("got %s after %v with %v", a.Kind, time.Since(began), s.calls.all())
		}
		s.log.resumeConsumer()
		synctest.Wait()
		if at, _ := s.log.position(); at != 1 {
			t.Fatal("the log's copy was not read")
		}
		if again := p.press("anna"); again.Kind != sale.AlreadyBought || again.Receipt != a.Receipt {
			t.Errorf("after the log's copy of the claim: %+v", again)
		}
	})
}

// A ledger that makes progress, but slowly, gets no more work by the direct path.
func TestALogThatIsReadSlowly(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.cursor = func() (int64, time.Time) { return 0, time.Now().Add(-100 * time.Millisecond) }
		s.log.pauseConsumer()
		began := time.Now()
		a := p.press("anna")
		if a.Kind != sale.Pending || time.Since(began) != verdictTime || s.calls.of("direct") != 0 {
			t.Errorf("got %s after %v with %v", a.Kind, time.Since(began), s.calls.all())
		}
		if a.Position == nil || *a.Position != (events.Position{Partition: 3, Offset: 0}) || a.ClaimID != s.log.written()[0].ID {
			t.Errorf("the answer does not say where the claim is: %+v", a)
		}
	})
}

func TestWithoutTheLedger(t *testing.T) {
	t.Parallel()
	t.Run("an acknowledged claim is pending", func(t *testing.T) {
		for name, away := range map[string]func(context.Context) error{"refuses": func(context.Context) error { return errAway }, "hangs": hangs} {
			t.Run(name, func(t *testing.T) {
				inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
					s.log.pauseConsumer()
					s.ledger.acts(away)
					s.ledger.cursorFault.acts(away)
					began := time.Now()
					a := p.press("anna")
					if took := time.Since(began); a.Kind != sale.Pending || took < verdictTime || took > verdictTime+appendTime {
						t.Errorf("got %s after %v", a.Kind, took)
					}
					s.ledger.acts(nil)
					s.log.resumeConsumer()
					synctest.Wait()
					if a := p.press("anna"); a.Kind != sale.AlreadyBought {
						t.Errorf("when the ledger is back: %s", a.Kind)
					}
				})
			})
		}
	})
	t.Run("any other is not bought as far as anybody knows", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.log.acts(hangs)
			s.ledger.acts(hangs)
			began := time.Now()
			a := p.press("anna")
			if took := time.Since(began); a.Kind != sale.Unavailable || took != appendTime+directTime {
				t.Errorf("got %s after %v", a.Kind, took)
			}
			if a.RetryAfter < time.Second || a.RetryAfter >= 2*time.Second || a.Position != nil {
				t.Errorf("answer %+v", a)
			}
		})
	})
}

func TestAVerdictThatComesWhileTheLedgerIsAskedDirectly(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.log.acts(func(context.Context) error { return errAway })
		s.ledger.acts(func(context.Context) error {
			p.Decided(s.ledger.decide(events.Direct, p.claimOf(s, "anna", 1))) // by another process
			return errAway
		})
		if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.Unit != 1 {
			t.Errorf("got %s", a.Kind)
		}
	})
}
