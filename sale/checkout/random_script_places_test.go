package checkout

import (
	"context"
	"fmt"
	"time"

	"flashsale/sale"
)

// The places, as the process reaches them, and the reconciler, which is not this package's: it does what the one of package
// inventory promises.

func (p *scriptProcess) Reserve(ctx context.Context, k sale.Key, user int64) (place Place, err error) {
	ctx, cancel := context.WithTimeout(ctx, placeTime) // as the combiner and the breaker see to it
	defer cancel()
	var answer error
	err = p.ask(ctx, redis, "reserve", user, func() {
		if place, answer = p.world.places.Reserve(ctx, k, user); answer == nil && place == Full {
			p.world.mu.Lock()
			defer p.world.mu.Unlock()
			p.world.full[user] = append(p.world.full[user], time.Now())
		}
	})
	if err != nil {
		return 0, fmt.Errorf("%w: %w", sale.ErrUnavailable, err)
	}
	return place, answer
}

func (p *scriptProcess) Release(ctx context.Context, k sale.Key, users []int64) error {
	return p.ask(ctx, redis, "release", users[0], func() { _ = p.world.places.Release(ctx, k, users) })
}

// Reconcile loads the holders when they are not there, adds owners without a place, and sets the limit.
func (p *scriptProcess) Reconcile(ctx context.Context, k sale.Key) (err error) {
	var owners map[int64]bool
	var total int64
	err = p.ask(ctx, postgres, "owners", k.Generation, func() { owners, total = p.world.owners(k) })
	if err != nil {
		return err
	}
	if owners == nil {
		return fmt.Errorf("generation %d has ended", k.Generation)
	}
	return p.ask(ctx, redis, "load", k.Generation, func() {
		places := p.world.places
		places.mu.Lock()
		defer places.mu.Unlock()
		if _, loaded := places.limits[k]; !loaded {
			places.holders[k] = make(map[int64]bool)
		}
		places.limits[k] = int(total)
		for u := range owners {
			places.holders[k][u] = true
		}
	})
}

// owners are those of the present generation; nil when that is another one.
func (s *scriptWorld) owners(k sale.Key) (map[int64]bool, int64) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if k != s.ledger.row.Key {
		return nil, 0
	}
	owners := make(map[int64]bool)
	for who := range s.ledger.state.Owners {
		if who.Key == k {
			owners[who.User] = true
		}
	}
	return owners, s.ledger.state.Levels[k].Total
}

// holders are those of a generation, and how many there may be.
func (s *scriptWorld) holders(k sale.Key) (all []int64, limit int) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	for u := range s.places.holders[k] {
		all = append(all, u)
	}
	return all, s.places.limits[k]
}

// reconcile keeps the places equal to the ledger, once a second.
func (p *scriptProcess) reconcile(ctx context.Context) {
	ticks := time.NewTicker(time.Second + time.Duration(p.number)*7*time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		p.world.ledger.mu.Lock()
		k := p.world.ledger.row.Key
		p.world.ledger.mu.Unlock()
		p.settlePlaces(ctx, k)
	}
}

// settlePlaces removes holders without an order in two reads two seconds apart, when the log has been read past where it
// ended at the first one. If nothing has failed there are none, because the process itself gives places back.
func (p *scriptProcess) settlePlaces(ctx context.Context, k sale.Key) {
	var holders []int64
	var loaded bool
	if p.ask(ctx, redis, "members", 0, func() { holders, _ = p.world.holders(k); _, loaded = p.world.limit(k) }) != nil {
		return
	}
	cursor, end := p.world.progress()
	if p.Reconcile(ctx, k) != nil || !loaded {
		return
	}
	owners, _ := p.world.owners(k)
	seen := make(map[int64]suspectHolder)
	var lost []int64
	for _, u := range holders {
		if owners == nil || owners[u] {
			continue
		}
		first, before := p.suspects[u]
		switch {
		case !before:
			seen[u] = suspectHolder{time.Now(), end}
		case cursor >= first.end && time.Since(first.since) >= 2*time.Second && p.world.mayFreePlaces():
			lost = append(lost, u)
		default:
			seen[u] = first
		}
	}
	p.suspects = seen
	if len(lost) > 0 {
		_ = p.Release(ctx, k, lost)
	}
}

func (s *scriptWorld) limit(k sale.Key) (int, bool) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	n, loaded := s.places.limits[k]
	return n, loaded
}

func (s *scriptWorld) progress() (cursor, end int64) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return int64(s.log.cursor), int64(len(s.log.claims))
}

// mayFreePlaces is true once something has failed. Until then the reconciler frees none, so that a check finds a place that a
// process forgot to give back.
func (s *scriptWorld) mayFreePlaces() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unplaced
}
