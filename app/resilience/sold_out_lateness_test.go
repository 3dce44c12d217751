//go:build unix

package resilience

import (
	"context"
	"sync"
	"time"
)

// stockObserver reads the stock in Postgres all the time, so that it is known afterwards when units were left: an answer "sold
// out" is wrong if its request began long after there were some.
type stockObserver struct {
	mu    sync.Mutex
	spans []span
}

// span is a time in which units were left. Units that are taken do not come back in these rows, so units were left at every
// moment between two reads of the same stock that found some.
type span struct {
	generation, total int64
	from, to          time.Time
}

const observeEvery = 50 * time.Millisecond

// observeStock reads the stock until the row ends.
func (w *world) observeStock() {
	w.observer = &stockObserver{}
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() {
		open := false
		for ctx.Err() == nil {
			open = w.readStock(ctx, open)
			select {
			case <-ctx.Done():
			case <-time.After(observeEvery):
			}
		}
	})
	w.t.Cleanup(func() {
		cancel()
		looking.Wait()
	})
}

// readStock reads the stock once and reports whether units are left; open says whether the last span goes on. When the server
// does not answer, nothing is known of the stock and open stays as it is.
func (w *world) readStock(ctx context.Context, open bool) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	asked := time.Now()
	var now span
	var room bool
	err := w.pool.QueryRow(ctx, `SELECT k.generation, k.total, k.taken < k.total FROM stock k
		JOIN sales s ON s.id = k.sale_id AND s.generation = k.generation ORDER BY s.id LIMIT 1`).Scan(&now.generation, &now.total, &room)
	if err != nil {
		return open
	}
	if !room {
		return false
	}
	see := w.observer
	see.mu.Lock()
	defer see.mu.Unlock()
	if n := len(see.spans); open && see.spans[n-1].generation == now.generation && see.spans[n-1].total == now.total {
		see.spans[n-1].to = asked
		return true
	}
	now.from, now.to = time.Now(), asked
	see.spans = append(see.spans, now)
	return true
}

// answerSpan is an answer, which may have become true at any moment between the two.
type answerSpan struct{ pressed, answered time.Time }

// lateness is the longest time for which units had been left when a request began that was answered with "sold out".
func (see *stockObserver) lateness(soldOut []answerSpan) (most time.Duration) {
	see.mu.Lock()
	defer see.mu.Unlock()
	for _, one := range soldOut {
		for _, s := range see.spans {
			if one.pressed.After(s.from) && one.answered.Before(s.to) {
				most = max(most, one.pressed.Sub(s.from))
			}
		}
	}
	return most
}

// assertHonest is the invariant that only shoppers can check: no "sold out" more than two seconds after units are left again,
// and every answer about the sale names the version of the sale.
func (w *world) assertHonest() {
	w.t.Helper()
	soldOut, unversioned := w.shoppers.told()
	if unversioned > 0 {
		w.t.Errorf("%d answers did not say which version of the sale they were about", unversioned)
	}
	if w.observer == nil {
		return
	}
	if late := w.observer.lateness(soldOut); late > 0 {
		w.report.within(w.t, `"sold out" although units were left`, late, 2*time.Second)
	}
}
