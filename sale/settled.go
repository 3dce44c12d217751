package sale

import (
	"context"
	"sync"
	"time"
)

const (
	// settledTime bounds a look whether all of a partition is decided.
	settledTime = time.Second
	// settledEvery is the shortest time between two looks at a partition.
	settledEvery = 250 * time.Millisecond
)

// settledAnswer is what a look at a partition found: whether the ledger had decided all that the log held. began is
// before the question; zero: nobody has looked.
type settledAnswer struct {
	askedAt time.Time
	epoch   int64
	settled bool
	err     error
}

// settledQuestions are the looks at one partition. However many ask, there is one look at a time, and the next one comes
// settledEvery later at the earliest; everybody else gets the last one at once. The zero value is ready.
type settledQuestions struct {
	mu     sync.Mutex
	last   settledAnswer
	asking bool
}

// latest is the last look, made now by whoever comes when it is time for one. It does not end with whose it is.
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
	look := settledAnswer{askedAt: now}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last, s.asking = look, false
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settledTime)
	defer cancel()
	look.epoch, look.settled, look.err = ask(ctx)
	return look
}
