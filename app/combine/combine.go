// Package combine turns many single calls into few batched ones.
//
// A script call to Redis, a produce to Kafka or a transaction in Postgres costs nearly the same for one item as
// for hundreds. So calls that arrive while a batch is under way form the next batch, with those of goroutines that could run. No call
// waits for others, but with Options.Share: with one caller nothing waits, and the more calls come, the larger the batches are. While a run is under way another one
// begins only with a full batch, because one run for all calls is cheaper than two, or when the oldest call has waited
// for so long that the run may hang. The domains offer plain batch operations and know nothing of this; the wiring puts
// a combiner in front of them.
//
// A combiner is fair and bounded: calls are served in the order they came, at most Queue of them wait, none of them
// for longer than MaxWait, and once one has waited for that long new ones are refused at once until a run ends,
// because answering some in time is better than answering everybody late. A timer keeps both times, so they are also
// true for a call after which no other call comes.
package combine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

var (
	// ErrFull is returned at once when too many calls wait or one has just waited too long, and to that one.
	ErrFull = errors.New("combine: too many calls are waiting")
	// ErrClosed is returned for calls made after Close.
	ErrClosed = errors.New("combine: closed")
	// ErrAnswer is returned to a whole batch when its run did not give one answer per call, or gave none because
	// it left by runtime.Goexit.
	ErrAnswer = errors.New("combine: the run did not answer every call")

	// errRetired is returned to a Group that has looked up a combiner which was dropped meanwhile.
	errRetired = errors.New("combine: retired")
)

// PanicError is what every call of a batch gets when its run panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("combine: the run panicked: %v", e.Value) }

// Options bound a combiner. A zero field means its default.
type Options struct {
	// MaxBatch is the most calls one run gets; 256 by default.
	MaxBatch int
	// InFlight is the most runs at the same time; 2 by default, so that one batch is on its way while another is served.
	InFlight int
	// Queue is the most calls that wait for a run; 10,000 by default.
	Queue int
	// Timeout ends the context of a run; 0 means never, and then the run needs a bound of its own.
	Timeout time.Duration
	// MaxWait is how long a call waits for its run before it gets ErrFull, as do those that come until a run ends;
	// 0 means for ever.
	MaxWait time.Duration
	// Share, when set, is how many processes send such runs to one server, this one included. While there are several and many calls
	// come, a worker gathers calls after its run, so that all processes together make fewer runs (see pauseAfter).
	Share func() int
	// Observe, when set, is called with the size of each batch before it runs. It must be quick.
	Observe func(batch int)
}

// patience is how long the oldest call waits, from the moment it came, before a further run may begin with less than a full
// batch. InFlight bounds that run too.
const patience = 50 * time.Millisecond

func (o Options) withDefaults() Options {
	if o.MaxBatch <= 0 {
		o.MaxBatch = 256
	}
	if o.InFlight <= 0 {
		o.InFlight = 2
	}
	if o.Queue <= 0 {
		o.Queue = 10_000
	}
	return o
}

// Combiner runs single calls in batches. Safe for concurrent use.
type Combiner[In, Out any] struct {
	run     func(ctx context.Context, batch []In) ([]Out, error)
	options Options
	calls   sync.Pool
	batches sync.Pool // of *batch, empty: their memory is used again by the next worker

	mu      sync.Mutex
	waiting queue[In, Out]
	running int
	late    bool          // a call has waited for MaxWait, and no run has ended or begun since
	timer   *time.Timer   // runs onTimer; nil until it is needed
	timerAt time.Time     // when the timer runs next; zero: it is not set
	closed  error         // why new calls are refused: ErrClosed, errRetired
	drained chan struct{} // closed once closed is set and nothing waits or runs
}

// New makes a combiner in front of run, which gets the calls in the order they came and must return one answer
// for each, in the same order, or an error for all of them. It must not keep the batch after it returned, and must
// return soon after its context ends: a run that hangs counts as one in flight.
func New[In, Out any](run func(ctx context.Context, batch []In) ([]Out, error), options Options) *Combiner[In, Out] {
	c := &Combiner[In, Out]{run: run, options: options.withDefaults(), drained: make(chan struct{})}
	c.calls.New = func() any { return &call[In, Out]{done: make(chan struct{}, 1)} }
	c.batches.New = func() any { return &batch[In, Out]{} }
	return c
}

// Do adds in to the next batch and waits for its answer. It returns ctx's error when ctx ends first; a call that
// still waited is then taken out and never runs, one whose batch was under way may have had its effect. The run has
// a context of its own, so a caller who leaves does not disturb the others in the batch.
func (c *Combiner[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	var none Out
	if err := ctx.Err(); err != nil {
		return none, err
	}
	p := c.calls.Get().(*call[In, Out])
	p.in = in
	if err := c.enqueue(p); err != nil {
		c.recycle(p)
		return none, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if c.abandon(p) {
			c.recycle(p)
			return none, ctx.Err()
		}
		// The batch is under way and will still write to p, so p is left to the garbage collector.
		select {
		case <-p.done:
			return p.out, p.err
		default:
			return none, ctx.Err()
		}
	}
	out, err := p.out, p.err
	c.recycle(p)
	return out, err
}

// Waiting reports how many calls wait for a run and for how long the oldest has.
func (c *Combiner[In, Out]) Waiting() (calls int, oldest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting.head == nil {
		return 0, 0
	}
	return c.waiting.len, time.Since(c.waiting.head.since)
}

// Close refuses new calls, lets those that wait have their run and returns when the last run has ended. It may be
// called more than once.
func (c *Combiner[In, Out]) Close() {
	c.mu.Lock()
	c.shut(ErrClosed)
	c.mu.Unlock()
	<-c.drained
}

// shut refuses new calls from now on. The caller holds the lock.
func (c *Combiner[In, Out]) shut(why error) {
	if c.closed != nil {
		return
	}
	c.closed = why
	c.checkDrained()
}

func (c *Combiner[In, Out]) checkDrained() {
	if c.closed != nil && c.running == 0 && c.waiting.len == 0 {
		if c.timer != nil {
			c.timer.Stop()
		}
		close(c.drained)
	}
}

// retire shuts the combiner if nothing waits or runs, and says whether it did.
func (c *Combiner[In, Out]) retire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running > 0 || c.waiting.len > 0 {
		return false
	}
	c.shut(errRetired)
	return true
}

func (c *Combiner[In, Out]) enqueue(p *call[In, Out]) error {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return c.closed
	}
	if c.late || c.waiting.len >= c.options.Queue {
		return ErrFull
	}
	p.since = now
	c.waiting.push(p)
	c.dispatch(now)
	return nil
}

// dispatch begins a run for what waits, or sets the timer for the oldest call. The caller holds the lock.
func (c *Combiner[In, Out]) dispatch(now time.Time) {
	if c.running < c.options.InFlight && c.shouldRun(c.running, now) {
		c.running++
		go c.work()
		return
	}
	c.setTimer(now)
}

// shouldRun is true when what waits should go now, with so many other runs under way. The caller holds the lock.
func (c *Combiner[In, Out]) shouldRun(others int, now time.Time) bool {
	if c.waiting.head == nil {
		return false
	}
	return others == 0 || c.waiting.len >= c.options.MaxBatch || now.Sub(c.waiting.head.since) >= patience
}

// abandon takes a waiting call out of the queue; false when its batch has been formed already.
func (c *Combiner[In, Out]) abandon(p *call[In, Out]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting.remove(p)
}

func (c *Combiner[In, Out]) recycle(p *call[In, Out]) {
	var in In
	var out Out
	p.in, p.out, p.err = in, out, nil
	c.calls.Put(p)
}

// work runs batches until what waits needs no run now. A run that panics ends with its batch, and work goes on (see serve).
// One that leaves by runtime.Goexit takes the goroutine with it; another one then goes on with what waits.
func (c *Combiner[In, Out]) work() {
	finished := false
	defer func() {
		if !finished {
			go c.work()
		}
	}()
	b := c.batches.Get().(*batch[In, Out])
	for {
		// Calls of goroutines that could run come first: without this a worker runs as soon as the call that began it waits, and on
		// busy processors most batches are of a few calls. Where nothing else can run it takes no time.
		runtime.Gosched()
		if !c.next(b) {
			break
		}
		if c.options.Observe != nil {
			c.options.Observe(len(b.calls))
		}
		calls, began := len(b.calls), time.Now()
		b.serve(c.run, c.options.Timeout)
		c.ended()
		if c.options.Share != nil && calls >= gatherFrom {
			time.Sleep(pauseAfter(time.Since(began), c.options.Share()))
		}
	}
	c.batches.Put(b)
	finished = true
}

// ended notes that a run has ended, so that calls are taken again.
func (c *Combiner[In, Out]) ended() {
	c.mu.Lock()
	c.late = false
	c.mu.Unlock()
}

// next fills the batch with the oldest calls. It is false, and the worker ends, when there is nothing for it to do.
func (c *Combiner[In, Out]) next(b *batch[In, Out]) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.setTimer(now)
	c.late = false
	if !c.shouldRun(c.running-1, now) {
		c.running--
		c.checkDrained()
		return false
	}
	for len(b.calls) < c.options.MaxBatch && c.waiting.head != nil {
		b.add(c.waiting.pop())
	}
	return true
}

// panicked is the error of a run that panicked. It is called while the panic unwinds, so the stack shows its place.
func panicked(value any) error { return &PanicError{Value: value, Stack: debug.Stack()} }
