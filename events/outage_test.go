package events

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An outage is logged when it begins and when it ends, and not at every try.
func TestAnOutageIsLoggedOncePerChange(t *testing.T) {
	t.Parallel()
	errAway := errors.New("away")
	for _, c := range []struct {
		name string
		play func(*Outage)
		want []string
	}{
		{"many tries", func(o *Outage) { o.Failed(1, errAway); o.Failed(1, errAway); o.Failed(1, errAway) }, []string{"begun"}},
		{"nothing failed", func(o *Outage) { o.Recovered(1); o.Recovered(2) }, nil},
		{"fails and recovers", func(o *Outage) { o.Failed(1, errAway); o.Recovered(1); o.Recovered(1) }, []string{"begun", "ended"}},
		{"twice", func(o *Outage) { o.Failed(1, errAway); o.Recovered(1); o.Failed(1, errAway) }, []string{"begun", "ended", "begun"}},
		{"several are one", func(o *Outage) { o.Failed(1, errAway); o.Failed(2, errAway); o.Recovered(1); o.Failed(2, errAway) }, []string{"begun"}},
		{"the last one that recovers ends it", func(o *Outage) { o.Failed(1, errAway); o.Failed(2, errAway); o.Recovered(2); o.Recovered(1) }, []string{"begun", "ended"}},
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

// Operators are told of a failure while it lasts, and for as long after the latest try as it is likely to last.
func TestAnOutageSaysWhatFailsAtTheMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errAway, errFull := errors.New("away"), errors.New("full")
		o := NewOutage(slog.New(slog.DiscardHandler), "begun", "ended")
		is := func(want error) {
			t.Helper()
			if got := o.Failing(); !errors.Is(got, want) {
				t.Errorf("failing: %v, want %v", got, want)
			}
		}
		is(nil)
		o.Failed(1, errAway)
		o.Failed(2, errFull)
		is(errFull)
		o.Recovered(2)
		is(errFull) // the other one still fails
		o.Recovered(1)
		is(nil)
		o.Failed(1, errAway)
		time.Sleep(failingFor)
		is(errAway)
		time.Sleep(time.Second)
		is(nil) // nobody has tried since
		o.Failed(1, errFull)
		is(errFull)
	})
}
