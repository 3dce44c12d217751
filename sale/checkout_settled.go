package sale

import (
	"context"
	"sync"
	"time"
)

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
