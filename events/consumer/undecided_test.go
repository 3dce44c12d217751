package consumer

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// A ledger that cannot decide logs that once, however often it tries, and logs when it goes on.
func TestALedgerThatCannotDecideLogsItOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told logText
	w.log = w.openLog(slog.New(slog.NewTextHandler(&told, nil)))
	var tries atomic.Int32
	w.shop.Before = func(events.Source, []events.Claim) error {
		if tries.Add(1) <= 5 {
			return errors.New("the ledger is away")
		}
		return nil
	}
	l := w.ledger(Config{})
	w.append(3, eventstest.NewClaim(1))
	w.follow(l, 3)
	w.reaches(l, 3, 1)
	w.Eventually("the end is logged", func() bool { return told.count("claims of the log are decided again") == 1 })
	if n := told.count("is not decided yet"); n != 1 {
		t.Errorf("logged %d times in %d tries:\n%s", n, tries.Load(), told.String())
	}
}

// logText is what was logged. Safe for concurrent use.
type logText struct {
	mu      sync.Mutex
	written strings.Builder
}

func (o *logText) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written.Write(p)
}

func (o *logText) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written.String()
}

func (o *logText) count(words string) int { return strings.Count(o.String(), words) }

// While a batch cannot be decided, its claims are listed with where the log has them; a close record is no claim.
func TestAClaimThatCannotBeDecidedIsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var away atomic.Bool
	away.Store(true)
	w.shop.Before = func(events.Source, []events.Claim) error {
		if away.Load() {
			return errors.New("the ledger is away")
		}
		return nil
	}
	l := w.ledger(Config{})
	claim := eventstest.NewClaim(1)
	w.append(3, claim)
	w.follow(l, 3)
	w.Eventually("the claim is listed", func() bool {
		list := l.Undecided(time.Now(), time.Millisecond, 10)
		return len(list) == 1 && list[0].ClaimID == claim.ID && list[0].Doing == events.Deciding && *list[0].Position == events.Position{Partition: 3, Offset: 0} &&
			list[0].Username == claim.Username
	})
	if early := l.Undecided(time.Now(), time.Hour, 10); len(early) != 0 {
		t.Errorf("listed although it waits for less than an hour: %+v", early)
	}
	away.Store(false)
	w.reaches(l, 3, 1)
	w.Eventually("nothing is listed", func() bool { return len(l.Undecided(time.Now(), 0, 10)) == 0 })
}
