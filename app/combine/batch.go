package combine

import (
	"context"
	"fmt"
	"time"
)

// call is one waiting caller. While it is queued it belongs to the queue, then to its batch; it goes back to the
// caller with the signal on done.
type call[In, Out any] struct {
	in    In
	out   Out
	err   error
	since time.Time
	done  chan struct{} // capacity 1: signalling never blocks, even when the caller has left

	queued     bool
	prev, next *call[In, Out]
}

// queue is a linked list, so that a caller who leaves is taken out at once and does not count as one who waits.
type queue[In, Out any] struct {
	head, tail *call[In, Out]
	len        int
}

func (q *queue[In, Out]) push(p *call[In, Out]) {
	p.queued, p.prev, p.next = true, q.tail, nil
	if q.tail == nil {
		q.head = p
	} else {
		q.tail.next = p
	}
	q.tail = p
	q.len++
}

func (q *queue[In, Out]) pop() *call[In, Out] {
	p := q.head
	q.remove(p)
	return p
}

func (q *queue[In, Out]) remove(p *call[In, Out]) bool {
	if !p.queued {
		return false
	}
	if p.prev == nil {
		q.head = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		q.tail = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.queued, p.prev, p.next = false, nil, nil
	q.len--
	return true
}

// batch holds the calls of one run; a worker uses the same one again and again.
type batch[In, Out any] struct {
	calls []*call[In, Out]
	ins   []In
}

func (b *batch[In, Out]) add(p *call[In, Out]) {
	b.calls = append(b.calls, p)
	b.ins = append(b.ins, p.in)
}

// serve runs the batch and answers every call in it, whatever the run does.
func (b *batch[In, Out]) serve(run func(context.Context, []In) ([]Out, error), timeout time.Duration) {
	var outs []Out
	err := fmt.Errorf("%w: it exited its goroutine", ErrAnswer)
	defer func() {
		if value := recover(); value != nil {
			err = panicked(value)
		}
		b.answer(outs, err)
	}()
	ctx, cancel := runContext(timeout)
	defer cancel()
	outs, err = run(ctx, b.ins)
	if err == nil && len(outs) != len(b.calls) {
		err = fmt.Errorf("%w: %d calls, %d answers", ErrAnswer, len(b.calls), len(outs))
	}
}

func runContext(timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), timeout)
}

func (b *batch[In, Out]) answer(outs []Out, err error) {
	for i, p := range b.calls {
		if err == nil {
			p.out = outs[i]
		}
		p.err = err
		p.done <- struct{}{}
	}
	// A worker may idle for long, and keeps the memory of its largest batch: the values of its callers must not stay in it.
	clear(b.calls)
	clear(b.ins)
	b.calls, b.ins = b.calls[:0], b.ins[:0]
}
