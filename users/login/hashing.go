package login

import (
	"container/list"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// restTimes is how long the worker rests after each piece of work while a sale is open, in times of what the work took: it takes
	// at most a fifth of one core.
	restTimes = 4
	// maxRest bounds it, for a process that was stopped in the middle of a piece of work.
	maxRest = 5 * time.Second
	// firstCost is what a piece of work is thought to take before one was measured.
	firstCost = 50 * time.Millisecond
	// maxHashWait bounds how long somebody waits who has set no deadline.
	maxHashWait = time.Minute
)

// BusyError means that too many passwords are being checked. Nothing was done.
type BusyError struct {
	// Wait is when it is worth another try.
	Wait time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many passwords are being checked, try again in %s", e.Wait.Round(time.Second))
}

// HashingCounts is what the queue has done since the process started.
type HashingCounts struct {
	// Hashes were made, to check a password or to keep one. Busy were turned away, Left went away before their turn.
	Hashes, Busy, Left uint64
	Waiting            int
}

// hashing is a bounded queue with one worker. Hashing a password is made to take long and to need much memory, so one at a time
// bounds the memory, and one worker is one core at most; while a sale is open it rests, so that those who press the button have
// the processor. Those who wait are served in their order. Somebody who goes away leaves no gap: the place is free at once.
type hashing struct {
	limit int
	open  func() bool
	wake  chan struct{} // has one element when somebody may wait

	mu      sync.Mutex // guards what follows
	waiting list.List  // of *hashTask
	cost    time.Duration
	counts  HashingCounts
}

// hashTask is one piece of work. Everything but place belongs to the worker until done is closed.
type hashTask struct {
	work  func() error
	err   error
	done  chan struct{}
	place *list.Element // nil once it is nobody's turn to wait any more
}

func newHashing(limit int, open func() bool) *hashing {
	return &hashing{limit: limit, open: open, wake: make(chan struct{}, 1), cost: firstCost}
}

// work does the work until ctx ends, then turns away those who wait and returns nil. One Run at a time.
func (h *hashing) work(ctx context.Context) error {
	defer h.turnAway()
	for ctx.Err() == nil {
		t := h.next()
		if t == nil {
			select {
			case <-ctx.Done():
			case <-h.wake:
			}
			continue
		}
		if took := h.perform(t); h.open() {
			restFor(ctx, min(restTimes*took, maxRest))
		}
	}
	return nil
}

func restFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// do has the work done and gives its error. It fails with a *BusyError when the queue is full, and with the error of ctx when that
// ends first: then the work was not done, or nobody waits for its end. Work that was begun is ended, so it must not write to anything
// that the caller reads after an error.
func (h *hashing) do(ctx context.Context, work func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, maxHashWait, &BusyError{Wait: maxHashWait})
	defer cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t, err := h.enter(work)
	if err != nil {
		return err
	}
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		h.leave(t)
		return context.Cause(ctx)
	}
}

func (h *hashing) enter(work func() error) (*hashTask, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting.Len() >= h.limit {
		h.counts.Busy++
		return nil, &BusyError{Wait: h.waitLocked()}
	}
	t := &hashTask{work: work, done: make(chan struct{})}
	t.place = h.waiting.PushBack(t)
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return t, nil
}

func (h *hashing) leave(t *hashTask) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.place != nil {
		h.waiting.Remove(t.place)
		t.place = nil
		h.counts.Left++
	}
}

// next takes the first of those who wait out of the queue; nil when nobody waits.
func (h *hashing) next() *hashTask {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.waiting.Front()
	if first == nil {
		return nil
	}
	t := h.waiting.Remove(first).(*hashTask)
	t.place = nil
	return t
}

// perform does one piece of work and says how long it took. The cost follows slowly, so that one that was interrupted by others
// does not frighten everybody away.
func (h *hashing) perform(t *hashTask) time.Duration {
	start := time.Now()
	t.err = protected(t.work)
	took := time.Since(start)
	h.mu.Lock()
	h.cost += (took - h.cost) / 8
	h.mu.Unlock()
	close(t.done)
	return took
}

// protected turns a panic into an error: what judges passwords is given whatever strangers type, and must not end the process.
func protected(work func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("login: the work on a password failed at %s", debug.Stack()) // not the value: it may have the password
		}
	}()
	return work()
}

func (h *hashing) turnAway() {
	for t := h.next(); t != nil; t = h.next() {
		t.err = &BusyError{Wait: h.Wait()}
		close(t.done)
	}
}

// Wait is how long somebody who comes now is likely to wait.
func (h *hashing) Wait() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waitLocked()
}

func (h *hashing) waitLocked() time.Duration {
	d := time.Duration(h.waiting.Len()+1) * h.cost
	if h.open() {
		d *= 1 + restTimes
	}
	return d
}

// hashed counts one.
func (h *hashing) hashed() {
	h.mu.Lock()
	h.counts.Hashes++
	h.mu.Unlock()
}

func (h *hashing) read() HashingCounts {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.counts
	c.Waiting = h.waiting.Len()
	return c
}
