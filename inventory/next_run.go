package inventory

import (
	"context"
	"fmt"
	"slices"
)

// run is one pass that Now asked for, shared by everybody who asked for it before it began.
type run struct {
	done chan struct{}
	err  error
}

// Now reconciles one sale at once: after ErrMissing, and after an operator's act has committed. Callers share runs, but
// each gets one that began after its call, so it has seen whatever the caller did before. A run goes on when its
// callers leave, for 30 s at most. ErrNotCurrent for an older generation.
func (r *Reconciler) Now(ctx context.Context, key Key) error {
	f := r.nextRun(key)
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nextRun is the run of the key that has not begun yet.
func (r *Reconciler) nextRun(key Key) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[key] == nil {
		f := &run{done: make(chan struct{})}
		r.running[key] = f
		go r.makeRuns(key, f)
		return f
	}
	f := r.next[key]
	if f == nil {
		f = &run{done: make(chan struct{})}
		r.next[key] = f
	}
	return f
}

// makeRuns makes the runs of a key one after the other until nobody waits for another.
func (r *Reconciler) makeRuns(key Key, f *run) {
	for f != nil {
		f.err = r.now(key)
		close(f.done)
		r.mu.Lock()
		next := r.next[key]
		delete(r.next, key)
		if next == nil {
			delete(r.running, key)
		} else {
			r.running[key] = next
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
	l := r.readHolders(ctx, key)
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
