//go:build unix

package resilience

import (
	"context"
	"sync"
	"time"
)

// stockObserver looks at the stock in Postgres all the time, so that it is known afterwards when there was room: an answer
// "sold out" is a lie if the press began long after there was.
type stockObserver struct {
	mu    sync.Mutex
	spans []span
}

// span is a time in which units were left. Units that are taken do not come back in these rows, so there was room at
// every moment between two looks at the same stock that found some.
type span struct {
	generation, total int64
	from, to          time.Time
}

const witnessEvery = 50 * time.Millisecond

// attend looks until the row ends.
func (w *world) attend() {
	w.witness = &stockObserver{}
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() {
		open := false
		for ctx.Err() == nil {
			open = w.seekRoom(ctx, open)
			select {
			case <-ctx.Done():
			case <-time.After(witnessEvery):
			}
		}
	})
	w.t.Cleanup(func() {
		cancel()
		looking.Wait()
	})
}

// seekRoom looks once; open says whether the last span goes on. A server that is away says nothing about the stock.
func (w *world) seekRoom(ctx context.Context, open bool) bool {
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
	see := w.witness
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

// lateness is the longest time for which there had been room when somebody pressed and was told "sold out".
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

// assertHonest is the invariant that only shoppers can check: no "sold out" more than two seconds after there is room,
// and every answer about the sale says for which version of it that holds.
func (w *world) assertHonest() {
	w.t.Helper()
	soldOut, unversioned := w.shoppers.told()
	if unversioned > 0 {
		w.t.Errorf("%d answers did not say which version of the sale they were about", unversioned)
	}
	if w.witness == nil {
		return
	}
	if late := w.witness.lateness(soldOut); late > 0 {
		w.report.within(w.t, `"sold out" although there was room`, late, 2*time.Second)
	}
}
