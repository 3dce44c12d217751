package claimlog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"flashsale/events"
)

const (
	// unread is how many records may wait to be taken before a reader stops to get more.
	unread = 2000
	// restTime is for how long after a batch of this process a reader without other processes does not fetch, and restMost how long
	// it goes without a fetch at most. A fetch would bring the same batches once more.
	restTime = 20 * time.Millisecond
	restMost = time.Second
	// earlyMost is how many batches may wait for the one before them. What is not kept is fetched.
	earlyMost = 16
)

// ReaderConfig tunes a Reader. The zero value fetches all the time.
type ReaderConfig struct {
	// Alone, when set, is true while no other process is known to write to the log. Then the reader fetches less while this process
	// writes, and a record of another process waits for restTime at most.
	Alone func() bool
	// Answered, when set, is called after each fetch that was answered.
	Answered func()
}

// Reader reads a partition of the claims log from an offset on, in order and each record once. What this process appends and the
// log acknowledges it takes over as it was sent, if it follows directly on what the reader has; everything else is fetched. A record
// is the same either way. Next belongs to one goroutine.
type Reader struct {
	log       *Log
	partition int
	cfg       ReaderConfig
	cancel    context.CancelFunc
	fetching  sync.WaitGroup

	ready, room, due signal // something to take, room for more, a fetch is due

	mu sync.Mutex
	// queue has the records that wait to be taken; the log's next one after them is at next.
	queue []Record
	next  int64
	// early are acknowledged batches that begin after next, because the one before them is not acknowledged yet or is of another
	// process.
	early [][]Record
	// appending is how many calls of Append are under way.
	appending int
	// wrote is when this process last began to write a batch or had written it, fetched when the last fetch began.
	wrote, fetched time.Time
	err            error // why nothing comes any more
}

// signal wakes one goroutine; a second signal before it looks is the same one.
type signal chan struct{}

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Read begins to read a partition at offset. Every reader has to be closed.
func (l *Log) Read(ctx context.Context, partition int, offset int64, cfg ReaderConfig) *Reader {
	ctx, cancel := context.WithCancel(ctx)
	r := &Reader{log: l, partition: partition, cfg: cfg, cancel: cancel, next: offset,
		ready: make(signal, 1), room: make(signal, 1), due: make(signal, 1)}
	l.readers.add(r)
	r.fetching.Go(func() { r.fail(r.fetch(ctx)) })
	return r
}

// Close ends the reading. What was not taken is lost to this reader only.
func (r *Reader) Close() {
	r.log.readers.remove(r)
	r.cancel()
	r.fetching.Wait()
}

// Next waits for records and returns those that there are, at most so many. After a failure it first returns what came before it.
func (r *Reader) Next(ctx context.Context, most int) ([]Record, error) {
	for {
		taken, err := r.take(most)
		if len(taken) > 0 || err != nil {
			return taken, err
		}
		select {
		case <-r.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *Reader) take(most int) ([]Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil, r.err
	}
	n := min(most, len(r.queue))
	taken := r.queue[:n:n]
	if r.queue = r.queue[n:]; len(r.queue) == 0 {
		r.queue = nil
	}
	r.room.set()
	return taken, nil
}

func (r *Reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	r.ready.set()
}

// fetch gets what this process does not take over, until ctx ends or the log fails.
func (r *Reader) fetch(ctx context.Context) error {
	for {
		offset, err := r.mayFetch(ctx)
		if err != nil {
			return err
		}
		records, err := r.log.Fetch(ctx, r.partition, offset)
		if err != nil {
			r.log.RefreshFor(err)
			return err
		}
		if r.cfg.Answered != nil {
			r.cfg.Answered()
		}
		r.mu.Lock()
		r.add(records)
		r.mu.Unlock()
	}
}

// mayFetch waits until a fetch is of use, and says from where.
func (r *Reader) mayFetch(ctx context.Context) (int64, error) {
	for ctx.Err() == nil {
		offset, rest, full := r.look(time.Now())
		switch {
		case full:
			select {
			case <-r.room:
			case <-ctx.Done():
			}
		case rest > 0:
			timer := time.NewTimer(rest)
			select {
			case <-r.due:
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		default:
			return offset, nil
		}
	}
	return 0, ctx.Err()
}

// look says where the next fetch begins, and why it has to wait: for so long, or until there is room.
func (r *Reader) look(now time.Time) (offset int64, rest time.Duration, full bool) {
	alone := r.cfg.Alone != nil && r.cfg.Alone()
	r.mu.Lock()
	defer r.mu.Unlock()
	full = len(r.queue) >= unread
	gap := len(r.early) > 0 && r.appending == 0
	if alone && !gap {
		rest = min(r.wrote.Add(restTime).Sub(now), r.fetched.Add(restMost).Sub(now))
	}
	if rest <= 0 && !full {
		r.fetched = now
	}
	return r.next, rest, full
}

// add appends those records that the reader does not have yet, and what follows on them. The caller holds the lock.
func (r *Reader) add(records []Record) {
	known := 0
	for known < len(records) && records[known].Offset < r.next {
		known++
	}
	if records = records[known:]; len(records) > 0 {
		r.put(records)
	}
	for len(r.early) > 0 && r.early[0][0].Offset <= r.next {
		follows := r.early[0]
		r.early = slices.Delete(r.early, 0, 1)
		if known := r.next - follows[0].Offset; known < int64(len(follows)) {
			r.put(follows[known:])
			r.log.metrics.handed.Add(float64(len(follows)) - float64(known))
		}
	}
}

func (r *Reader) put(records []Record) {
	if r.queue == nil {
		r.queue = records
	} else {
		r.queue = append(r.queue, records...)
	}
	r.next = records[len(records)-1].Offset + 1
	r.ready.set()
}

// begin notes that this process writes a batch, and says what the reader has before it.
func (r *Reader) begin() (next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.appending++
	r.wrote = time.Now()
	return r.next
}

// end takes over what begin was called for; nothing if it was not acknowledged. Records that have offsets from before they were
// written are in another log than the one that was read.
func (r *Reader) end(before int64, records []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.appending--
	r.wrote = time.Now()
	if len(records) > 0 && r.err == nil {
		r.offer(before, records)
	}
	if len(r.early) > 0 && r.appending == 0 {
		r.due.set()
	}
}

// offer takes records over if they follow on what the reader has, or soon will. The caller holds the lock.
func (r *Reader) offer(before int64, records []Record) {
	first, last := records[0].Offset, records[len(records)-1].Offset
	switch {
	case first < before:
		r.err = fmt.Errorf("%w: a record that was written now is at %d of partition %d, which was read up to %d",
			events.ErrLog, first, r.partition, before)
		r.cancel()
		r.ready.set()
	case last < r.next: // fetched before
	case len(r.queue) >= unread, first > r.next && len(r.early) >= earlyMost: // to be fetched
	default:
		at, _ := slices.BinarySearchFunc(r.early, first, func(b []Record, at int64) int { return cmp.Compare(b[0].Offset, at) })
		r.early = slices.Insert(r.early, at, records)
		r.add(nil)
	}
}
