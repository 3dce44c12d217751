package inventory

import (
	"context"
	"fmt"
	"slices"
)

// flight is one run of Now, shared by everybody who asked for it before it began.
type flight struct {
	done chan struct{}
	err  error
}

// Now reconciles one sale at once: after ErrMissing, and after an operator's action has committed. Callers share
// runs, but each gets one that began after its call, so it has seen whatever the caller did before. A run goes on
// when its callers leave, for 30 s at most. ErrNotCurrent for an older generation.
func (r *Reconciler) Now(ctx context.Context, key Key) error {
	f := r.board(key)
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// board returns a flight of the key that has not begun yet.
func (r *Reconciler) board(key Key) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flights[key] == nil {
		f := &flight{done: make(chan struct{})}
		r.flights[key] = f
		go r.fly(key, f)
		return f
	}
	f := r.joining[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		r.joining[key] = f
	}
	return f
}

// fly makes the flights of a key one after the other until nobody waits for another.
func (r *Reconciler) fly(key Key, f *flight) {
	for f != nil {
		f.err = r.now(key)
		close(f.done)
		r.mu.Lock()
		next := r.joining[key]
		delete(r.joining, key)
		if next == nil {
			delete(r.flights, key)
		} else {
			r.flights[key] = next
		}
		r.mu.Unlock()
		f = next
	}
}

func (r *Reconciler) now(key Key) error {
	ctx, cancel := context.WithTimeout(context.Background(), nowWithin)
	defer cancel()
	current, err := r.ledger.Current(ctx)
	if err != nil {
		return fmt.Errorf("list current generations: %w", err)
	}
	if !slices.Contains(current, key) {
		return ErrNotCurrent
	}
	rec := r.sale(key)
	select {
	case rec.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-rec.busy }()
	l := r.look(ctx, key)
	levels, err := r.store.Levels(ctx, []Key{key})
	if err != nil {
		return err
	}
	if len(levels) == 0 {
		return ErrUnknown
	}
	r.observe(l, levels[0])
	return rec.pass(ctx, l, levels[0])
}
