package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// queued is how many fetched records may wait for the ledger: the next batch is fetched while this one commits.
const queued = 2000

// follower reads one partition and brings its records to the ledger in order. It belongs to one goroutine.
type follower struct {
	ledger    *Ledger
	partition int
	place     place
	// passed is told each offset that is durably behind us.
	passed func(partition int, next int64)
}

// run follows the partition until ctx ends. Whatever goes wrong, it takes its seat anew and goes on from there.
func (f *follower) run(ctx context.Context) {
	defer f.ledger.own(f.partition)()
	defer f.ledger.interrupted.Forget(f.partition)
	var wait Backoff
	for ctx.Err() == nil {
		began := f.place
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if !f.place.equal(began) {
			wait.Reset()
		}
		if errors.Is(err, errPoisoned) {
			f.alarm(ctx, err)
			continue
		}
		f.ledger.interrupted.Failed(f.partition, err, "partition", f.partition, "offset", f.place.next)
		_ = wait.Pause(ctx)
	}
}

// alarm stops the partition for a while; the records stay in the log.
func (f *follower) alarm(ctx context.Context, err error) {
	l := f.ledger
	l.log.logger.Error("ALARM: a partition is stopped", "partition", f.partition, "for", l.cfg.PoisonWindow, "error", err)
	gauge := l.log.metrics.stopped.WithLabelValues(strconv.Itoa(f.partition))
	gauge.Set(1)
	l.setStopped(f.partition, true)
	_ = Pause(ctx, l.cfg.PoisonWindow)
	l.setStopped(f.partition, false)
	gauge.Set(0)
}

// follow goes on from the cursor until something fails; the error is never nil.
func (f *follower) follow(ctx context.Context) error {
	var err error
	if f.place, err = f.ledger.seat(ctx, f.partition); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	records := make(chan record, queued)
	fetched := make(chan error, 1)
	go func(offset int64) {
		defer close(records)
		fetched <- f.fetch(ctx, offset, records)
	}(f.place.next)
	err = f.applyAll(ctx, records)
	cancel()
	if fetchErr := <-fetched; err == nil {
		err = fetchErr
	}
	return err
}

// fetch fills records until ctx ends or the log fails.
func (f *follower) fetch(ctx context.Context, offset int64, records chan<- record) error {
	for {
		got, err := f.ledger.log.fetch(ctx, f.partition, offset)
		if err != nil {
			f.ledger.log.refreshFor(err)
			return err
		}
		f.ledger.interrupted.Recovered(f.partition)
		for _, r := range got {
			select {
			case records <- r:
				offset = r.offset + 1
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// applyAll takes whatever has been fetched, up to a batch, without waiting for more.
func (f *follower) applyAll(ctx context.Context, records <-chan record) error {
	for r := range records {
		taken := []record{r}
	drain:
		for len(taken) < f.ledger.cfg.BatchMax {
			select {
			case next, ok := <-records:
				if !ok {
					break drain
				}
				taken = append(taken, next)
			default:
				break drain
			}
		}
		if err := f.apply(ctx, taken); err != nil {
			return err
		}
	}
	return nil
}

// apply decides runs of good records and puts the unreadable ones between them aside.
func (f *follower) apply(ctx context.Context, records []record) error {
	for len(records) > 0 {
		n := 0
		for n < len(records) && records[n].undecodable == nil {
			n++
		}
		if n > 0 {
			if err := f.decide(ctx, records[:n]); err != nil {
				return err
			}
			records = records[n:]
			continue
		}
		if err := f.quarantine(ctx, records[0], records[0].undecodable); err != nil {
			return err
		}
		records = records[1:]
	}
	return nil
}

// decide halves a batch that cannot be applied, keeping the order, until the one bad record is found. That one gets a
// second chance first: the direct path may have been deciding the same claim.
func (f *follower) decide(ctx context.Context, records []record) error {
	b := batch{records: records, claims: decodable(records)}
	err := f.advance(ctx, b)
	if len(records) == 1 && permanent(err) {
		err = f.advance(ctx, b)
	}
	if !permanent(err) {
		return err
	}
	if len(records) == 1 {
		return f.quarantine(ctx, records[0], err)
	}
	half := len(records) / 2
	if err := f.decide(ctx, records[:half]); err != nil {
		return err
	}
	return f.decide(ctx, records[half:])
}

// batch is what one transaction of a follower brings behind the cursor: records to decide or, with a cause, one record to put
// aside.
type batch struct {
	records []record
	claims  []Claim
	cause   error
}

// advance moves the cursor past a batch in the transaction that decides it or puts it aside, and tries until that is known to
// have happened. It gives up when ctx ends, on a permanent error, and when somebody else moved the cursor.
//
// An unknown commit needs no treatment of its own: the next try's compare-and-swap waits for what is left of it and
// then tells how it ended.
func (f *follower) advance(ctx context.Context, b batch) error {
	target := f.place.after(b.records)
	defer f.ledger.undecided.Forget(f.partition)
	var wait Backoff
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		began := time.Now()
		d, err := f.try(ctx, b, target)
		if errors.Is(err, ErrFenced) {
			d, err = f.recall(ctx, b, target)
		}
		if err == nil || errors.Is(err, ErrFenced) || permanent(err) {
			f.ledger.undecided.Recovered(f.partition)
		}
		switch {
		case err == nil:
			// gofail: var claimsCommitted struct{}
			f.place = target
			f.passed(f.partition, target.next)
			f.ledger.decided(FromLog, d, began)
			return nil
		case errors.Is(err, ErrFenced), permanent(err):
			return err
		}
		f.ledger.undecided.Failed(f.partition, err, "partition", f.partition, "offset", f.place.next, "records", len(b.records))
		if err := wait.Pause(ctx); err != nil {
			return err
		}
	}
}

// try is one transaction. The end of ctx does not interrupt it: a partition is handed over between batches.
func (f *follower) try(ctx context.Context, b batch, target place) (Decision, error) {
	// gofail: var claimsFetched struct{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.ledger.cfg.Timeout)
	defer cancel()
	t := NewTransaction(f.ledger.pool, f.ledger.move(f.partition, f.place, target))
	defer t.End(ctx)
	var decide Decide
	if b.cause == nil {
		decide = f.ledger.decider.Prepare(t.Reads, FromLog, b.claims)
	}
	tx, err := t.Begin(ctx)
	if err != nil {
		return Decision{}, err
	}
	// gofail: var cursorMoved struct{}
	var d Decision
	if b.cause == nil {
		d, err = decideAll(ctx, tx, t.Writes, decide, b.claims)
	} else {
		d, err = f.putAside(ctx, tx, b.records[0], b.cause)
	}
	// gofail: var claimsDecided struct{}
	if err != nil {
		return Decision{}, err
	}
	return d, t.Commit(ctx)
}

// recall looks whether the commit that was refused had already been made, by us (its reply was lost) or by another
// process with the very same records, and reads its verdicts. ErrFenced: somebody else owns the partition.
func (f *follower) recall(ctx context.Context, b batch, target place) (Decision, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.ledger.cfg.Timeout)
	defer cancel()
	now, err := f.ledger.fenced(ctx, f.partition)
	if err != nil {
		return Decision{}, err
	}
	if !now.equal(target) {
		f.ledger.log.metrics.fenced.Inc()
		return Decision{}, fmt.Errorf("%w: partition %d is at %d, not at %d", ErrFenced, f.partition, now.next, f.place.next)
	}
	claims := decodable(b.records)
	verdicts, err := f.ledger.decider.Verdicts(ctx, claimIDs(claims))
	if err != nil {
		return Decision{}, fmt.Errorf("read verdicts again: %w", err)
	}
	d := Decision{Verdicts: verdicts}
	for _, c := range claims {
		if c.Kind == KindClose {
			d.Closed = append(d.Closed, c.SaleID)
		}
	}
	return d, nil
}
