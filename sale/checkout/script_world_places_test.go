package checkout

import (
	"context"
	"fmt"
	"time"

	"flashsale/sale"
)

// Redis, as a process sees it, and the reconciler, which is not this package's: it does what the one of the inventory
// promises.

func (b *scriptProcess) Reserve(ctx context.Context, k sale.Key, user int64) (place Place, err error) {
	ctx, cancel := context.WithTimeout(ctx, placeTime) // as the combiner and the breaker see to it
	defer cancel()
	var word error
	err = b.ask(ctx, redis, "reserve", user, func() {
		if place, word = b.world.places.Reserve(ctx, k, user); word == nil && place == Full {
			b.world.mu.Lock()
			defer b.world.mu.Unlock()
			b.world.full[user] = append(b.world.full[user], time.Now())
		}
	})
	if err != nil {
		return 0, fmt.Errorf("%w: %w", sale.ErrUnavailable, err)
	}
	return place, word
}

func (b *scriptProcess) Release(ctx context.Context, k sale.Key, users []int64) error {
	return b.ask(ctx, redis, "release", users[0], func() { _ = b.world.places.Release(ctx, k, users) })
}

// Reconcile loads the holders when they are not there, adds owners without a place, and sets the limit.
func (b *scriptProcess) Reconcile(ctx context.Context, k sale.Key) (err error) {
	var owners map[int64]bool
	var total int64
	err = b.ask(ctx, postgres, "owners", k.Generation, func() { owners, total = b.world.owners(k) })
	if err != nil {
		return err
	}
	if owners == nil {
		return fmt.Errorf("generation %d has ended", k.Generation)
	}
	return b.ask(ctx, redis, "load", k.Generation, func() {
		p := b.world.places
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, loaded := p.rooms[k]; !loaded {
			p.holders[k] = make(map[int64]bool)
		}
		p.rooms[k] = int(total)
		for u := range owners {
			p.holders[k][u] = true
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
	for who := range s.ledger.step.Owners {
		if who.Key == k {
			owners[who.User] = true
		}
	}
	return owners, s.ledger.step.Levels[k].Total
}

// holders are those of a generation, and how many there may be.
func (s *scriptWorld) holders(k sale.Key) (all []int64, room int) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	for u := range s.places.holders[k] {
		all = append(all, u)
	}
	return all, s.places.rooms[k]
}

// reconcile keeps the places equal to the ledger, once a second.
func (b *scriptProcess) reconcile(ctx context.Context) {
	ticks := time.NewTicker(time.Second + time.Duration(b.number)*7*time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		b.world.ledger.mu.Lock()
		k := b.world.ledger.row.Key
		b.world.ledger.mu.Unlock()
		b.settlePlaces(ctx, k)
	}
}

// settlePlaces removes holders without an order in two reads two seconds apart, when the log has been read past where it
// ended at the first one. Where nothing has gone wrong there are none: the process gives places back itself.
func (b *scriptProcess) settlePlaces(ctx context.Context, k sale.Key) {
	var holders []int64
	var loaded bool
	if b.ask(ctx, redis, "members", 0, func() { holders, _ = b.world.holders(k); _, loaded = b.world.room(k) }) != nil {
		return
	}
	cursor, end := b.world.progress()
	if b.Reconcile(ctx, k) != nil || !loaded {
		return
	}
	owners, _ := b.world.owners(k)
	seen := make(map[int64]doubtful)
	var lost []int64
	for _, u := range holders {
		if owners == nil || owners[u] {
			continue
		}
		first, before := b.suspects[u]
		switch {
		case !before:
			seen[u] = doubtful{time.Now(), end}
		case cursor >= first.end && time.Since(first.since) >= 2*time.Second && b.world.mayLeak():
			lost = append(lost, u)
		default:
			seen[u] = first
		}
	}
	b.suspects = seen
	if len(lost) > 0 {
		_ = b.Release(ctx, k, lost)
	}
}

func (s *scriptWorld) room(k sale.Key) (int, bool) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	n, loaded := s.places.rooms[k]
	return n, loaded
}

func (s *scriptWorld) progress() (cursor, end int64) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return int64(s.log.cursor), int64(len(s.log.claims))
}

func (s *scriptWorld) mayLeak() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaks
}
