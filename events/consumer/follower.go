package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// copiesWait is how long copies of claims that are decided already wait for more of them.
const copiesWait = 100 * time.Millisecond

// follower reads one partition and brings its records to the ledger in order. It belongs to one goroutine.
type follower struct {
	ledger    *Ledger
	partition int
	offset    offset
	// passed is called with each offset up to which everything is durably decided.
	passed func(partition int, next int64)
}

// run follows the partition until ctx ends. After any failure it reads the cursor again and goes on from there.
func (f *follower) run(ctx context.Context) {
	defer f.ledger.own(f.partition)()
	defer f.ledger.interrupted.Forget(f.partition)
	var wait events.Backoff
	for ctx.Err() == nil {
		began := f.offset
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if !f.offset.equal(began) {
			wait.Reset()
		}
		if errors.Is(err, errTooManyBad) {
			f.alarm(ctx, err)
			continue
		}
		f.ledger.interrupted.Failed(f.partition, err, "partition", f.partition, "offset", f.offset.next)
		_ = wait.Pause(ctx)
	}
}

// alarm stops the partition for a while; the records stay in the log.
func (f *follower) alarm(ctx context.Context, err error) {
	l := f.ledger
	l.logger.Error("ALARM: a partition is stopped", "partition", f.partition, "for", l.cfg.QuarantineWindow, "error", err)
	gauge := l.metrics.stopped.WithLabelValues(strconv.Itoa(f.partition))
	gauge.Set(1)
	l.setStopped(f.partition, true)
	_ = events.Pause(ctx, l.cfg.QuarantineWindow)
	l.setStopped(f.partition, false)
	gauge.Set(0)
}

// follow goes on from the cursor until something fails; the error is never nil.
func (f *follower) follow(ctx context.Context) error {
	var err error
	if f.offset, err = f.ledger.resume(ctx, f.partition); err != nil {
		return err
	}
	r := f.ledger.log.Read(ctx, f.partition, f.offset.next, claimlog.ReaderConfig{
		Alone: f.ledger.cfg.Alone, Answered: func() { f.ledger.interrupted.Recovered(f.partition) },
	})
	defer r.Close()
	for {
		records, err := r.Next(ctx, f.ledger.cfg.BatchMax)
		if err == nil {
			err = f.decide(ctx, f.gatherCopies(ctx, records, r.Next))
		}
		if err != nil {
			return err
		}
	}
}

// gatherCopies waits for more records while all that are taken are copies of claims that a process has decided beside the log.
// Each transaction holds the lock of the stock row, which the next purchase needs. A failure of next is found again by the next call.
func (f *follower) gatherCopies(ctx context.Context, taken []claimlog.Record,
	next func(ctx context.Context, most int) ([]claimlog.Record, error)) []claimlog.Record {
	if !f.copies(taken) {
		return taken // nearly all batches of a crowd: no timer for them
	}
	ctx, cancel := context.WithTimeout(ctx, copiesWait)
	defer cancel()
	for more := taken; f.copies(more) && len(taken) < f.ledger.cfg.BatchMax; taken = append(taken, more...) {
		var err error
		if more, err = next(ctx, f.ledger.cfg.BatchMax-len(taken)); err != nil {
			break
		}
	}
	return taken
}

// copies is true when nobody waits for the verdict on any of the records.
func (f *follower) copies(records []claimlog.Record) bool {
	return !slices.ContainsFunc(records, func(r claimlog.Record) bool {
		return r.Undecodable != nil || r.Claim.Kind != events.KindClaim || !r.Claim.Beside
	})
}

// decide decides a run of records and passes over those that are foreign. When it cannot be applied, it halves the run, in
// order, until the one bad record is found. That one is tried a second time first, because the direct path may have decided
// the same claim at that moment.
func (f *follower) decide(ctx context.Context, records []claimlog.Record) error {
	b := &batch{records: records, claims: f.claims(records)}
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

// batch is what one transaction of a follower moves the cursor past: records to decide or, with a cause, one record for
// the quarantine.
type batch struct {
	records []claimlog.Record
	claims  []events.Claim
	cause   error
	// foreign are the records that the last try found foreign. sampled says which of them go into quarantine, by offset.
	foreign []foreignRecord
	sampled map[int64]bool
}

// advance moves the cursor past a batch in the transaction that decides it or puts it into quarantine, and tries until
// that is known to have happened. It gives up on a permanent error, when another process has moved the cursor, and when ctx
// ends, but tries once: a process that stops while it gathers copies leaves none of them to the next.
//
// An unknown commit is treated like any failure: the compare-and-swap of the next try waits for what is left of it and
// then shows how it ended.
func (f *follower) advance(ctx context.Context, b *batch) error {
	target := f.offset.after(b.records)
	defer f.ledger.undecided.Forget(f.partition)
	defer f.ledger.decides(f.partition, b)()
	var wait events.Backoff
	for {
		began, done := time.Now(), f.ledger.announced(events.FromLog, b.claims)
		d, err := f.try(ctx, b, target, began)
		if errors.Is(err, events.ErrFenced) {
			d, err = f.recall(ctx, b, target)
		}
		done(d, err)
		if err == nil || errors.Is(err, events.ErrFenced) || permanent(err) {
			f.ledger.undecided.Recovered(f.partition)
		}
		switch {
		case err == nil:
			// gofail: var claimsCommitted struct{}
			f.offset = target
			f.passed(f.partition, target.next)
			if len(b.foreign) > 0 {
				f.ledger.foreign.passed(reasons(b.foreign), "partition", f.partition, "offset", b.foreign[0].Offset)
				d.Verdicts = withVerdict(d.Verdicts)
			}
			f.ledger.decided(events.FromLog, d, began)
			return nil
		case errors.Is(err, events.ErrFenced), permanent(err):
			return err
		}
		f.ledger.undecided.Failed(f.partition, err, "partition", f.partition, "offset", f.offset.next, "records", len(b.records))
		if err := wait.Pause(ctx); err != nil {
			return err
		}
	}
}

// try is one transaction. The end of ctx does not interrupt it: a partition changes its process between batches.
func (f *follower) try(ctx context.Context, b *batch, target offset, began time.Time) (events.Decision, error) {
	// gofail: var claimsFetched struct{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.ledger.cfg.Timeout)
	defer cancel()
	t := events.NewTransaction(f.ledger.pool, f.ledger.move(f.partition, f.offset, target))
	defer t.End(ctx)
	var decide events.Decide
	if b.cause == nil {
		decide = f.ledger.decider.Prepare(t.Reads, events.FromLog, b.claims)
	}
	tx, err := t.Begin(ctx)
	if err != nil {
		return events.Decision{}, err
	}
	// gofail: var cursorMoved struct{}
	var d events.Decision
	if b.cause == nil {
		d, err = decideAll(ctx, tx, t.Writes, decide, b.claims)
		if err == nil {
			b.foreign = foreignIn(b, d)
			f.sample(t.Writes, b)
		}
	} else {
		d, err = f.putAside(ctx, tx, b.records[0], b.cause)
	}
	// gofail: var claimsDecided struct{}
	if err != nil {
		return events.Decision{}, err
	}
	d.Moments = &events.Moments{Begun: began, Decided: time.Now()}
	return d, t.Commit(ctx)
}

// recall checks whether the commit that was refused had already been made, by us (its reply was lost) or by another
// process with the very same records, and reads its verdicts. ErrFenced: another process owns the partition.
func (f *follower) recall(ctx context.Context, b *batch, target offset) (events.Decision, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.ledger.cfg.Timeout)
	defer cancel()
	now, err := f.ledger.fenced(ctx, f.partition)
	if err != nil {
		return events.Decision{}, err
	}
	if !now.equal(target) {
		f.ledger.metrics.fenced.Inc()
		return events.Decision{}, fmt.Errorf("%w: partition %d is at %d, not at %d", events.ErrFenced, f.partition, now.next, f.offset.next)
	}
	claims := f.claims(b.records)
	verdicts, err := f.ledger.decider.Verdicts(ctx, claimIDs(claims))
	if err != nil {
		return events.Decision{}, fmt.Errorf("read verdicts again: %w", err)
	}
	d := events.Decision{Verdicts: verdicts}
	for _, c := range claims {
		if c.Kind == events.KindClose {
			d.Closed = append(d.Closed, c.SaleID)
		}
	}
	return d, nil
}

// claims are the claims and closes of the records that could be read.
func (f *follower) claims(records []claimlog.Record) []events.Claim {
	claims := make([]events.Claim, 0, len(records))
	for i := range records {
		if records[i].Undecodable == nil {
			c := records[i].Claim
			c.Partition = f.partition
			claims = append(claims, c)
		}
	}
	return claims
}

// claimIDs are the ids of those that are claims.
func claimIDs(claims []events.Claim) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(claims))
	for i := range claims {
		if claims[i].Kind == events.KindClaim {
			ids = append(ids, claims[i].ID)
		}
	}
	return ids
}
