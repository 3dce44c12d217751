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

// settledLook is what a look at a partition found: whether the ledger had decided all that the log held. began is
// before the question; zero: nobody has looked.
type settledLook struct {
	began   time.Time
	epoch   int64
	settled bool
	err     error
}

// settledLooks are the looks at one partition. However many ask, there is one look at a time, and the next one comes
// settledEvery later at the earliest; everybody else gets the last one at once. The zero value is ready.
type settledLooks struct {
	mu      sync.Mutex
	last    settledLook
	looking bool
}

// latest is the last look, made now by whoever comes when it is time for one. It does not end with whose it is.
func (s *settledLooks) latest(ctx context.Context, ask func(context.Context) (epoch int64, settled bool, err error)) settledLook {
	now := time.Now()
	s.mu.Lock()
	last := s.last
	wait := s.looking || now.Sub(last.began) < settledEvery
	s.looking = s.looking || !wait
	s.mu.Unlock()
	if wait {
		return last
	}
	look := settledLook{began: now}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last, s.looking = look, false
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settledTime)
	defer cancel()
	look.epoch, look.settled, look.err = ask(ctx)
	return look
}
