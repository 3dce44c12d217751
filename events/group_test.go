package events

import (
	"testing"
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
	one, two := w.ledger(LedgerConfig{}), w.ledger(LedgerConfig{})
	w.start(one.Run)
	stop := w.start(two.Run)
	w.eventually("each has half", func() bool { return owns(one) == Partitions/2 && owns(two) == Partitions/2 })
	for p := range Partitions {
		w.append(p, newClaims(3)...)
	}
	for p := range Partitions {
		w.reaches(one, p, 3)
	}
	stop()
	if n := owns(two); n != 0 {
		t.Errorf("who stopped still has %d partitions", n)
	}
	w.eventually("the other has all", func() bool { return owns(one) == Partitions })
	for p := range Partitions {
		w.append(p, newClaims(2)...)
	}
	for p := range Partitions {
		w.reaches(one, p, 5)
	}
	if n := w.count(`SELECT count(*) FROM shop`); n != 5*Partitions {
		t.Errorf("%d verdicts for %d claims", n, 5*Partitions)
	}
	if n := w.count(`SELECT count(*) FROM log_cursors WHERE epoch <> 1`); n != 0 {
		t.Errorf("%d partitions began anew", n)
	}
}
