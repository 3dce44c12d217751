package mail

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// entry is a mail that is not delivered yet.
type entry struct {
	Message
	due   time.Time // not tried before
	tries int
}

// queue has the mails that wait, the next one due first. It also counts those that a worker has taken, so that one that has to
// be tried again always has its room.
type queue struct {
	limit int
	wake  chan struct{} // has a signal when a worker may find something new

	mu      sync.Mutex // guards what follows
	entries byDue
	taken   int
}

func newQueue(limit int) *queue { return &queue{limit: limit, wake: make(chan struct{}, 1)} }

// add is false when there is no room.
func (q *queue) add(e entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries)+q.taken >= q.limit {
		return false
	}
	heap.Push(&q.entries, e)
	q.signal()
	return true
}

// again puts back a mail that was taken.
func (q *queue) again(e entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
	heap.Push(&q.entries, e)
	q.signal()
}

// done forgets a mail that was taken.
func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
}

// waiting is how many mails are not delivered yet.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.entries) + q.taken
}

func (q *queue) full() bool { return q.waiting() >= q.limit }

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next waits for a mail that is due, at most that long. It is false when there was none, or when ctx has ended.
func (q *queue) next(ctx context.Context, atMost time.Duration) (entry, bool) {
	end := time.Now().Add(atMost)
	for ctx.Err() == nil {
		e, wait, found := q.take(time.Now())
		if found {
			return e, true
		}
		if left := time.Until(end); left <= 0 {
			return entry{}, false
		} else if wait > left {
			wait = left
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return entry{}, false
}

// take is the next mail when it is due, or how long until one is.
func (q *queue) take(now time.Time) (e entry, wait time.Duration, found bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries) == 0 {
		return entry{}, time.Hour, false
	}
	if wait := q.entries[0].due.Sub(now); wait > 0 {
		return entry{}, wait, false
	}
	e = heap.Pop(&q.entries).(entry)
	q.taken++
	if len(q.entries) > 0 {
		q.signal() // another worker takes the next one
	}
	return e, 0, true
}

// byDue is a heap.
type byDue []entry

func (b byDue) Len() int           { return len(b) }
func (b byDue) Less(i, j int) bool { return b[i].due.Before(b[j].due) }
func (b byDue) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

// Push is for package heap.
func (b *byDue) Push(x any) { *b = append(*b, x.(entry)) }

// Pop is for package heap.
func (b *byDue) Pop() any {
	last := len(*b) - 1
	e := (*b)[last]
	(*b)[last] = entry{} // keep no text alive
	*b = (*b)[:last]
	return e
}
