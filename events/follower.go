package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
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
	defer f.ledger.interrupted.drop(f.partition)
	var wait backoff
	for ctx.Err() == nil {
		began := f.place
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if !f.place.equal(began) {
			wait.reset()
		}
		if errors.Is(err, errPoisoned) {
			f.alarm(ctx, err)
			continue
		}
		f.ledger.interrupted.met(f.partition, err, "partition", f.partition, "offset", f.place.next)
		_ = wait.pause(ctx)
	}
}

// alarm stops the partition for a while; the records stay in the log.
func (f *follower) alarm(ctx context.Context, err error) {
	l := f.ledger
	l.log.logger.Error("ALARM: a partition is stopped", "partition", f.partition, "for", l.cfg.PoisonWindow, "error", err)
	gauge := l.log.metrics.stopped.WithLabelValues(strconv.Itoa(f.partition))
	gauge.Set(1)
	l.setStopped(f.partition, true)
	_ = pause(ctx, l.cfg.PoisonWindow)
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
		f.ledger.interrupted.over(f.partition)
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
		batch := []record{r}
	drain:
		for len(batch) < f.ledger.cfg.BatchMax {
			select {
			case next, ok := <-records:
				if !ok {
					break drain
				}
				batch = append(batch, next)
			default:
				break drain
			}
		}
		if err := f.apply(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// apply decides runs of good records and puts the unreadable ones between them aside.
func (f *follower) apply(ctx context.Context, batch []record) error {
	for len(batch) > 0 {
		n := 0
		for n < len(batch) && batch[n].undecodable == nil {
			n++
		}
		if n > 0 {
			if err := f.decide(ctx, batch[:n]); err != nil {
				return err
			}
			batch = batch[n:]
			continue
		}
		if err := f.quarantine(ctx, batch[0], batch[0].undecodable); err != nil {
			return err
		}
		batch = batch[1:]
	}
	return nil
}

// decide halves a batch that cannot be applied, keeping the order, until the one bad record is found. That one gets a
// second chance first: the direct path may have been deciding the same claim.
func (f *follower) decide(ctx context.Context, batch []record) error {
	err := f.decideTogether(ctx, batch)
	if len(batch) == 1 && permanent(err) {
		err = f.decideTogether(ctx, batch)
	}
	if !permanent(err) {
		return err
	}
	if len(batch) == 1 {
		return f.quarantine(ctx, batch[0], err)
	}
	half := len(batch) / 2
	if err := f.decide(ctx, batch[:half]); err != nil {
		return err
	}
	return f.decide(ctx, batch[half:])
}

func (f *follower) decideTogether(ctx context.Context, batch []record) error {
	claims := decodable(batch)
	return f.settle(ctx, batch, func(reads *pgx.Batch) Ruling { return f.ledger.ask(reads, FromLog, claims) })
}

// settle moves the cursor past the records in the transaction in which work is done, and tries until that is known to
// have happened. It gives up when ctx ends, on a permanent error, and when somebody else moved the cursor.
//
// An unknown commit needs no treatment of its own: the next try's compare-and-swap waits for what is left of it and
// then tells how it ended.
func (f *follower) settle(ctx context.Context, records []record, ask func(*pgx.Batch) Ruling) error {
	target := f.place.after(records)
	defer f.ledger.undecided.drop(f.partition)
	var wait backoff
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		began := time.Now()
		d, err := f.try(ctx, target, ask)
		if errors.Is(err, errRefused) {
			d, err = f.recall(ctx, target, records)
		}
		if err == nil || errors.Is(err, errRefused) || permanent(err) {
			f.ledger.undecided.over(f.partition)
		}
		switch {
		case err == nil:
			// gofail: var claimsCommitted struct{}
			f.place = target
			f.passed(f.partition, target.next)
			f.ledger.decided(FromLog, d, began)
			return nil
		case errors.Is(err, errRefused), permanent(err):
			return err
		}
		f.ledger.undecided.met(f.partition, err, "partition", f.partition, "offset", f.place.next, "records", len(records))
		if err := wait.pause(ctx); err != nil {
			return err
		}
	}
}

// try is one transaction. The end of ctx does not interrupt it: a partition is handed over between batches.
func (f *follower) try(ctx context.Context, target place, ask func(*pgx.Batch) Ruling) (Decision, error) {
	// gofail: var claimsFetched struct{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.ledger.cfg.Timeout)
	defer cancel()
	return f.ledger.decide(ctx, f.ledger.move(f.partition, f.place, target), func(reads *pgx.Batch) Ruling {
		rule := ask(reads)
		return func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (Decision, error) {
			// gofail: var cursorMoved struct{}
			d, err := rule(ctx, tx, writes)
			// gofail: var claimsDecided struct{}
			return d, err
		}
	})
}

// recall looks whether the commit that was refused had already been made, by us (its reply was lost) or by another
// process with the very same records, and reads its verdicts. errRefused: somebody else owns the partition.
func (f *follower) recall(ctx context.Context, target place, records []record) (Decision, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.ledger.cfg.Timeout)
	defer cancel()
	now, err := f.ledger.fenced(ctx, f.partition)
	if err != nil {
		return Decision{}, err
	}
	if !now.equal(target) {
		f.ledger.log.metrics.fenced.Inc()
		return Decision{}, fmt.Errorf("%w: partition %d is at %d, not at %d", errRefused, f.partition, now.next, f.place.next)
	}
	claims := decodable(records)
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

// backoff is the pause between tries: growing, bounded, and different in every process.
type backoff struct{ last time.Duration }

func (b *backoff) reset() { b.last = 0 }

func (b *backoff) pause(ctx context.Context) error {
	b.last = min(2*time.Second, max(20*time.Millisecond, 2*b.last))
	return pause(ctx, b.last/2+rand.N(b.last/2))
}
