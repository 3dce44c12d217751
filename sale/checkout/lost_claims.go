package checkout

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

const (
	// lostAfter is the least time between the two answers by which a claim is lost. It is longer than a write to the log takes
	// to fail, and longer than a broker that has just become leader takes to know its log.
	lostAfter    = 10 * time.Second
	mostSuspects = 10_000
	// suspectKept is how long a suspect is kept at least.
	suspectKept = time.Minute
	// suspectsSwept is the shortest time between two searches for suspects that need not be kept.
	suspectsSwept = time.Second
)

// lostClaims finds the claims that will never be decided, such as those of a log that was emptied or replaced after it had
// acknowledged them. A position of the old log means nothing in the new one. So a claim is lost if it has no verdict
// although the ledger was found twice, lostAfter apart, to have decided all that the partition contained. The question is about
// the partition, and all its claims share the answers.
type lostClaims struct {
	settled    func(ctx context.Context, partition int) (epoch int64, settled bool, err error)
	partitions [events.Partitions]settledQuestions

	mu       sync.Mutex
	suspects map[uuid.UUID]suspect
	swept    time.Time
}

// suspect is a claim without a verdict that was asked for when everything in its partition was decided.
type suspect struct {
	asked time.Time
	// first is when the first such answer was asked for, after asked; zero: there is none yet. An earlier answer does
	// not count, because the claim may have been written after it.
	first time.Time
	epoch int64
}

// lost is true when the claim will never be decided. It is false while the log cannot be asked. The claim may have been decided
// meanwhile, so the caller looks for a verdict again.
func (l *lostClaims) lost(ctx context.Context, id uuid.UUID, partition int) (bool, error) {
	now := time.Now()
	d, known := l.suspect(id)
	if known && !d.first.IsZero() && now.Sub(d.first) < lostAfter {
		return false, nil
	}
	answer := l.partitions[partition].latest(ctx, func(ctx context.Context) (int64, bool, error) { return l.settled(ctx, partition) })
	switch {
	case errors.Is(answer.err, events.ErrLog):
		return false, nil
	case answer.err != nil:
		return false, answer.err
	case !answer.settled:
		return false, nil
	case known && !d.first.IsZero() && d.epoch == answer.epoch && answer.askedAt.Sub(d.first) >= lostAfter:
		return true, nil
	case !known:
		d = suspect{asked: now}
	}
	if !answer.askedAt.Before(d.asked) && (d.first.IsZero() || d.epoch != answer.epoch) {
		d.first, d.epoch = answer.askedAt, answer.epoch
	}
	l.note(id, d, now)
	return false, nil
}

func (l *lostClaims) suspect(id uuid.UUID) (suspect, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.suspects[id]
	return d, ok
}

// note keeps a suspect. If there are too many, the old ones are removed; if none is old, this one is not kept.
func (l *lostClaims) note(id uuid.UUID, d suspect, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suspects == nil {
		l.suspects = make(map[uuid.UUID]suspect)
	}
	if _, known := l.suspects[id]; !known && len(l.suspects) >= mostSuspects {
		l.sweep(now)
		if len(l.suspects) >= mostSuspects {
			return
		}
	}
	l.suspects[id] = d
}

// sweep removes the suspects that have been kept for long. The caller has locked mu.
func (l *lostClaims) sweep(now time.Time) {
	if now.Sub(l.swept) < suspectsSwept {
		return
	}
	l.swept = now
	for id, d := range l.suspects {
		if now.Sub(d.asked) > suspectKept {
			delete(l.suspects, id)
		}
	}
}

const (
	// settledTime bounds the question whether all of a partition is decided.
	settledTime = time.Second
	// settledEvery is the shortest time between two questions about a partition.
	settledEvery = 250 * time.Millisecond
)

// settledAnswer says whether the ledger had decided all that a partition contained. askedAt is before the question; zero:
// nobody has asked.
type settledAnswer struct {
	askedAt time.Time
	epoch   int64
	settled bool
	err     error
}

// settledQuestions are the questions about one partition. There is one at a time, and the next one settledEvery later at the
// earliest; everybody else gets the last answer at once. The zero value is ready.
type settledQuestions struct {
	mu     sync.Mutex
	last   settledAnswer
	asking bool
}

// latest is the last answer. If it is time for a new one, the caller asks; the question goes on when the caller's ctx ends.
func (s *settledQuestions) latest(ctx context.Context, ask func(context.Context) (epoch int64, settled bool, err error)) settledAnswer {
	now := time.Now()
	s.mu.Lock()
	last := s.last
	wait := s.asking || now.Sub(last.askedAt) < settledEvery
	s.asking = s.asking || !wait
	s.mu.Unlock()
	if wait {
		return last
	}
	answer := settledAnswer{askedAt: now}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last, s.asking = answer, false
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settledTime)
	defer cancel()
	answer.epoch, answer.settled, answer.err = ask(ctx)
	return answer
}
