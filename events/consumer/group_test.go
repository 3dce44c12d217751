package consumer

import (
	"testing"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// owns says how many partitions a ledger follows.
func owns(l *Ledger) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.owned)
}

func TestProcessesShareThePartitionsAndHandThemOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.ledger(Config{}), w.ledger(Config{})
	w.Start(one.Run)
	stop := w.Start(two.Run)
	w.Eventually("each has half", func() bool { return owns(one) == events.Partitions/2 && owns(two) == events.Partitions/2 })
	for p := range events.Partitions {
		w.append(p, eventstest.NewClaims(3)...)
	}
	for p := range events.Partitions {
		w.reaches(one, p, 3)
	}
	stop()
	if n := owns(two); n != 0 {
		t.Errorf("who stopped still has %d partitions", n)
	}
	w.Eventually("the other has all", func() bool { return owns(one) == events.Partitions })
	for p := range events.Partitions {
		w.append(p, eventstest.NewClaims(2)...)
	}
	for p := range events.Partitions {
		w.reaches(one, p, 5)
	}
	if n := w.Count(`SELECT count(*) FROM shop`); n != 5*events.Partitions {
		t.Errorf("%d verdicts for %d claims", n, 5*events.Partitions)
	}
	if n := w.Count(`SELECT count(*) FROM log_cursors WHERE epoch <> 1`); n != 0 {
		t.Errorf("%d partitions began anew", n)
	}
}
