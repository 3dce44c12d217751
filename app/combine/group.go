package combine

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Group is a Combiner for each key: calls with the same key share batches, keys do not wait for each other. Keys
// without calls are dropped when the next new key appears, so a group keeps little more than the keys in use.
// Safe for concurrent use; a call with a known key takes no lock that other keys share.
type Group[K comparable, In, Out any] struct {
	run     func(ctx context.Context, key K, batch []In) ([]Out, error)
	options Options
	members sync.Map // K -> *Combiner[In, Out]

	mu     sync.Mutex // guards adding and dropping members
	closed bool
}

// NewGroup makes a group in front of run; each key has the bounds of options to itself. What New says about run
// is true here too.
func NewGroup[K comparable, In, Out any](
	run func(ctx context.Context, key K, batch []In) ([]Out, error), options Options,
) *Group[K, In, Out] {
	return &Group[K, In, Out]{run: run, options: options}
}

// Do adds in to the next batch of its key; see Combiner.Do.
func (g *Group[K, In, Out]) Do(ctx context.Context, key K, in In) (Out, error) {
	for {
		c, err := g.member(key)
		if err != nil {
			var none Out
			return none, err
		}
		out, err := c.Do(ctx, in)
		if errors.Is(err, errRetired) {
			continue
		}
		return out, err
	}
}

// Waiting sums up what waits for all keys; see Combiner.Waiting.
func (g *Group[K, In, Out]) Waiting() (calls int, oldest time.Duration) {
	g.each(func(_ K, c *Combiner[In, Out]) {
		n, age := c.Waiting()
		calls, oldest = calls+n, max(oldest, age)
	})
	return calls, oldest
}

// Close refuses new calls, lets those that wait have their run and returns when the last run has ended.
func (g *Group[K, In, Out]) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.each(func(_ K, c *Combiner[In, Out]) { c.Close() })
}

func (g *Group[K, In, Out]) member(key K) (*Combiner[In, Out], error) {
	if c, ok := g.members.Load(key); ok {
		return c.(*Combiner[In, Out]), nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	if c, ok := g.members.Load(key); ok {
		return c.(*Combiner[In, Out]), nil
	}
	g.dropIdle()
	c := New(func(ctx context.Context, batch []In) ([]Out, error) { return g.run(ctx, key, batch) }, g.options)
	g.members.Store(key, c)
	return c, nil
}

// dropIdle forgets the keys nobody uses. A call that has just looked one up finds it retired and looks again.
func (g *Group[K, In, Out]) dropIdle() {
	g.each(func(key K, c *Combiner[In, Out]) {
		if c.retire() {
			g.members.Delete(key)
		}
	})
}

func (g *Group[K, In, Out]) each(visit func(K, *Combiner[In, Out])) {
	g.members.Range(func(key, c any) bool {
		visit(key.(K), c.(*Combiner[In, Out]))
		return true
	})
}
