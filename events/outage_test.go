package events

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// An outage is told when it begins and when it ends, and not at every try.
func TestAnOutageIsToldOncePerChange(t *testing.T) {
	t.Parallel()
	errAway := errors.New("away")
	for _, c := range []struct {
		name string
		play func(*Outage)
		want []string
	}{
		{"many tries", func(o *Outage) { o.Failed(1, errAway); o.Failed(1, errAway); o.Failed(1, errAway) }, []string{"begun"}},
		{"nothing failed", func(o *Outage) { o.Recovered(1); o.Recovered(2) }, nil},
		{"there and back", func(o *Outage) { o.Failed(1, errAway); o.Recovered(1); o.Recovered(1) }, []string{"begun", "ended"}},
		{"twice", func(o *Outage) { o.Failed(1, errAway); o.Recovered(1); o.Failed(1, errAway) }, []string{"begun", "ended", "begun"}},
		{"several are one", func(o *Outage) { o.Failed(1, errAway); o.Failed(2, errAway); o.Recovered(1); o.Failed(2, errAway) }, []string{"begun"}},
		{"the last one back ends it", func(o *Outage) { o.Failed(1, errAway); o.Failed(2, errAway); o.Recovered(2); o.Recovered(1) }, []string{"begun", "ended"}},
		{"who stops trying has no success", func(o *Outage) { o.Failed(1, errAway); o.Forget(1) }, []string{"begun"}},
		{"who stops trying leaves the others", func(o *Outage) { o.Failed(1, errAway); o.Failed(2, errAway); o.Forget(1); o.Recovered(2) }, []string{"begun", "ended"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var written bytes.Buffer
			c.play(NewOutage(slog.New(slog.NewTextHandler(&written, nil)), "begun", "ended"))
			var told []string
			for line := range strings.Lines(written.String()) {
				_, after, _ := strings.Cut(line, "msg=")
				told = append(told, strings.Fields(after)[0])
			}
			if strings.Join(told, " ") != strings.Join(c.want, " ") {
				t.Errorf("told %v, want %v", told, c.want)
			}
		})
	}
}

// A ledger that cannot decide says so once, however often it tries, and says when it goes on.
func TestALedgerThatCannotDecideSaysSoOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told telling
	w.log.logger = slog.New(slog.NewTextHandler(&told, nil))
	var tries atomic.Int32
	w.shop.before = func(Source, []Claim) error {
		if tries.Add(1) <= 5 {
			return errors.New("the ledger is away")
		}
		return nil
	}
	l := w.ledger(LedgerConfig{})
	w.append(3, newClaim(1))
	w.follow(l, 3)
	w.reaches(l, 3, 1)
	w.eventually("the end is told", func() bool { return told.count("claims of the log are decided again") == 1 })
	if n := told.count("is not decided yet"); n != 1 {
		t.Errorf("told %d times in %d tries:\n%s", n, tries.Load(), told.String())
	}
}

// telling is what was logged. Safe for concurrent use.
type telling struct {
	mu      sync.Mutex
	written strings.Builder
}

func (o *telling) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written.Write(p)
}

func (o *telling) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written.String()
}

func (o *telling) count(words string) int { return strings.Count(o.String(), words) }
