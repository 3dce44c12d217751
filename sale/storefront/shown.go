package storefront

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// followEvery is how long a change made elsewhere may stay unseen.
	followEvery = time.Second
	// lookEvery is the least time between two looks that pages ask for.
	lookEvery = 200 * time.Millisecond
)

// Shown is the brand that a process shows. It has it in memory and follows it by version, so that a page asks nobody. It is safe
// for concurrent use.
type Shown struct {
	store   *Store
	log     *slog.Logger
	present atomic.Pointer[Brand]
	// following is held by the one who reads.
	following chan struct{}
	// looked is when Look last read, in Unix nanoseconds.
	looked atomic.Int64
}

// NewShown shows no brand until Refresh or Run has read one.
func NewShown(store *Store, log *slog.Logger) *Shown {
	s := &Shown{store: store, log: log, following: make(chan struct{}, 1)}
	s.present.Store(&Brand{Version: -1})
	return s
}

// Present is the brand to show, never nil. It stays as it is: after a change this returns another one.
func (s *Shown) Present() *Brand { return s.present.Load() }

// Run follows the brand until ctx ends, then returns nil. While it cannot be read, the one of before is shown.
func (s *Shown) Run(ctx context.Context) error {
	tick, failing := time.NewTicker(followEvery), false
	defer tick.Stop()
	for {
		err := s.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			s.log.Warn("the brand cannot be followed; the one of before is shown", "error", err)
		case err == nil && failing:
			s.log.Info("the brand is followed again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Refresh reads the brand if it is another version.
func (s *Shown) Refresh(ctx context.Context) error {
	select {
	case s.following <- struct{}{}:
		defer func() { <-s.following }()
	case <-ctx.Done():
		return fmt.Errorf("follow the brand: %w", ctx.Err())
	}
	version, err := s.store.Version(ctx)
	if err != nil || version == s.Present().Version {
		return err
	}
	b, err := s.store.Brand(ctx)
	if err != nil {
		return err
	}
	s.present.Store(b)
	return nil
}

// Look is Refresh for somebody who asks for a part of a brand that is not here: another process may have shown a newer one. However
// many ask, the database is asked five times a second at most.
func (s *Shown) Look(ctx context.Context) error {
	now, last := time.Now().UnixNano(), s.looked.Load()
	if now-last < int64(lookEvery) || !s.looked.CompareAndSwap(last, now) {
		return nil
	}
	return s.Refresh(ctx)
}
