package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events"
)

const (
	relayTimeout = 5 * time.Second
	// relayRows and relayEvents bound what is published at once; a row may be all events of a transaction.
	relayRows   = 500
	relayEvents = 1000
	relayPoll   = 200 * time.Millisecond
	// relayRest is how long the relay pauses when nothing is left to publish. The servers are free for the ledger
	// meanwhile, and several batches of a busy ledger are then published at once.
	relayRest = 50 * time.Millisecond
	// relayLease is how long a relay that died keeps the others waiting.
	relayLease = 5 * time.Second
	// relayRenew is how often an idle relay renews its lease.
	relayRenew = 1500 * time.Millisecond
	// sweepEvery is how often the relay begins at its position again, for rows whose transactions committed late.
	sweepEvery = time.Second
	// blockedFor is how long a sale waits before its event that can be neither published nor put aside is tried again.
	blockedFor = 10 * time.Second
	keepRows   = time.Hour
	pruneEvery = 10 * time.Second
	pruneBatch = 1000
)

// Run publishes the outbox until ctx ends. Of all processes one does so at a time; the others wait for its lease to end. It
// publishes in the order of the rows and marks each published row. At a failure the rest of that sale waits, so that its order is
// kept; what can never be published goes into quarantine. A row that was published and not marked is published again: at least
// once.
func (o *Outbox) Run(ctx context.Context) error {
	measured := time.Time{}
	var wait events.Backoff
	for ctx.Err() == nil {
		if time.Since(measured) > sweepEvery {
			o.measure(ctx)
			measured = time.Now()
		}
		r, err := o.takeRelay(ctx)
		if err == nil && r != nil {
			// gofail: var relayTaken struct{}
			err = r.work(ctx)
			r.release(ctx)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a cancelled context is the clean stop
		}
		if err != nil {
			o.interrupted.Failed(events.Sole, err)
			_ = wait.Pause(ctx)
			continue
		}
		wait.Reset()
		_ = events.Pause(ctx, time.Second)
	}
	return nil
}

// relay is the work under one lease. It belongs to one goroutine.
type relay struct {
	outbox   *Outbox
	epoch    int64
	position int64
	// head is as far as everything that could be seen is published; rows may still appear between position and head.
	head int64
	// sweeping is true while rows are read from position instead of head.
	sweeping bool
	horizon  horizon
	blocked  map[int64]time.Time
	// outdated is true once a row was met that only a newer program can read.
	outdated bool

	alarmed, swept, renewed, pruned time.Time
}

// horizon is a row number together with a transaction number that was drawn after the row was seen. A transaction that has a row
// up to that number began before that transaction. When all of those are over and their rows are published, the position may
// move up to the row.
type horizon struct {
	row         int64
	transaction uint64
}

// takeRelay returns nil when another process holds the lease.
func (o *Outbox) takeRelay(ctx context.Context) (*relay, error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	r := &relay{outbox: o, blocked: make(map[int64]time.Time), renewed: time.Now()}
	err := o.pool.QueryRow(ctx, sqlTakeRelay, o.holder, relayLease.Seconds()).Scan(&r.epoch, &r.position)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("take the relay's lease: %w", err)
	}
	r.head = r.position
	return r, nil
}

// release ends the lease, so that another process can go on at once. After a failure the lease ends by its time.
func (r *relay) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = r.outbox.pool.Exec(ctx, sqlReleaseRelay, r.epoch)
	r.outbox.metrics.waitingSales.Set(0)
}

// work publishes until ctx ends, the lease is lost or given up, or a server fails; nil only for the lease.
func (r *relay) work(ctx context.Context) error {
	ticker := time.NewTicker(relayPoll)
	defer ticker.Stop()
	for {
		more, err := r.pass(ctx)
		if errors.Is(err, events.ErrFenced) {
			r.outbox.logger.Info("another process relays the outbox now")
			return nil
		}
		if err != nil {
			return err
		}
		r.outbox.interrupted.Recovered(events.Sole)
		if r.offersRelay() {
			return nil
		}
		if more {
			continue
		}
		if err := events.Pause(ctx, relayRest); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.outbox.wake:
		case <-ticker.C:
		}
	}
}

// pass publishes one batch and does what is due; more says that there is another batch already.
func (r *relay) pass(ctx context.Context) (more bool, err error) {
	if time.Since(r.swept) > sweepEvery {
		r.swept, r.sweeping = time.Now(), true
		r.outbox.measure(ctx)
	}
	more, safe, err := r.publishBatch(ctx)
	if err != nil {
		return false, err
	}
	if safe > r.position || time.Since(r.renewed) > relayRenew {
		if err := r.mark(ctx, nil, nil, max(safe, r.position)); err != nil {
			return false, err
		}
	}
	if time.Since(r.pruned) > pruneEvery {
		r.pruned = time.Now()
		return more, r.prune(ctx)
	}
	return more, nil
}

// publishBatch publishes and marks what follows head. safe is the position that is now proven, or zero.
func (r *relay) publishBatch(ctx context.Context) (more bool, safe int64, err error) {
	rows, oldest, err := r.read(ctx)
	if err != nil {
		return false, 0, err
	}
	done, discarded, publishErr := r.publish(ctx, rows)
	if len(done) > 0 {
		// gofail: var eventsPublished struct{}
		if err := r.mark(ctx, done, discarded, r.position); err != nil {
			return false, 0, err
		}
		r.report(discarded)
		// gofail: var eventsMarked struct{}
	}
	full := full(rows)
	if publishErr != nil || len(r.blocked) > 0 {
		r.horizon = horizon{}
		return full && len(done) > 0, 0, publishErr
	}
	if len(rows) > 0 {
		r.head = max(r.head, rows[len(rows)-1].id)
	}
	if full || !r.sweeping {
		return full, 0, nil
	}
	r.sweeping = false
	safe, err = r.advance(ctx, oldest)
	return false, safe, err
}

// full is true when there may be more rows than were read.
func full(rows []row) bool {
	events := 0
	for i := range rows {
		events += rows[i].count
	}
	return len(rows) == relayRows || events >= relayEvents
}

// advance is called when a sweep has published everything it could see. oldest is the oldest transaction that was
// still running before the sweep's last look.
func (r *relay) advance(ctx context.Context, oldest uint64) (safe int64, err error) {
	if r.horizon.row > r.position {
		if oldest < r.horizon.transaction {
			return 0, nil
		}
		safe = r.horizon.row
	}
	r.horizon = horizon{}
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	if err := r.outbox.pool.QueryRow(ctx, sqlNewestRow).Scan(&r.horizon.row); err != nil {
		return 0, fmt.Errorf("read the outbox's end: %w", err)
	}
	if r.horizon.row <= max(r.position, safe) {
		return safe, nil
	}
	if err := r.outbox.pool.QueryRow(ctx, sqlOwnTransaction).Scan(&r.horizon.transaction); err != nil {
		return 0, fmt.Errorf("draw a transaction number: %w", err)
	}
	return safe, nil
}

// read returns the next unpublished rows, and the oldest transaction that was running before they were read.
func (r *relay) read(ctx context.Context) (rows []row, oldest uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	from := r.head
	if r.sweeping {
		from = r.position
	}
	batch := &pgx.Batch{}
	batch.Queue(sqlRelayPlans)
	batch.Queue(sqlOldestTransaction).QueryRow(func(found pgx.Row) error { return found.Scan(&oldest) })
	batch.Queue(sqlUnpublished, from, r.blockedSales(), relayRows, relayEvents).Query(func(found pgx.Rows) (err error) {
		rows, err = pgx.CollectRows(found, scanRow)
		return err
	})
	if err := r.outbox.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, 0, fmt.Errorf("read the outbox: %w", err)
	}
	return rows, oldest, nil
}

// scanRow also reads the older form, in which a row is one event. What it cannot understand is a row too.
func scanRow(found pgx.CollectableRow) (m row, err error) {
	var kind, subject, traceparent, data *string
	if err := found.Scan(&m.id, &m.saleID, &m.createdAt, &m.count, &m.raw, &kind, &subject, &traceparent, &data); err != nil {
		return m, err
	}
	switch {
	case m.raw != nil:
		m.events, m.unreadable = unbundle(m.raw, m.count)
	case kind == nil || subject == nil || traceparent == nil || data == nil || m.count != 1:
		m.unreadable = fmt.Errorf("%w: it is neither a bundle nor an event", errNewerBundle)
	default:
		m.events = []event{{*kind, *subject, *traceparent, []byte(*data)}}
	}
	return m, nil
}

// mark notes rows as published, puts what was not published into quarantine and moves the position, unless another relay has the lease.
func (r *relay) mark(ctx context.Context, ids []int64, discarded []discard, position int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayTimeout)
	defer cancel()
	t := events.NewTransaction(r.outbox.pool, &events.Fence{SQL: sqlMoveRelay, Args: []any{r.epoch, r.position, position, relayLease.Seconds()}})
	defer t.End(ctx)
	if _, err := t.Begin(ctx); err != nil {
		return fmt.Errorf("mark published events: %w", err)
	}
	if len(ids) > 0 {
		t.Writes.Queue(sqlRelayPlans)
		t.Writes.Queue(sqlMarkPublished, ids)
	}
	for _, d := range discarded {
		d.queue(t.Writes, r.outbox.log.EventsID())
	}
	if err := t.Commit(ctx); err != nil {
		return fmt.Errorf("mark published events: %w", err)
	}
	r.position, r.renewed = position, time.Now()
	return nil
}

// prune deletes rows that were published long ago, a few at a time so that no lock is held for long.
func (r *relay) prune(ctx context.Context) error {
	for {
		deleted, err := r.pruneSome(ctx)
		if err != nil {
			return fmt.Errorf("prune the outbox: %w", err)
		}
		if deleted < pruneBatch {
			return nil
		}
	}
}

func (r *relay) pruneSome(ctx context.Context) (deleted int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(sqlRelayPlans)
	batch.Queue(sqlPruneOutbox, r.position, keepRows.Seconds(), pruneBatch).Exec(func(tag pgconn.CommandTag) error {
		deleted = tag.RowsAffected()
		return nil
	})
	err = r.outbox.pool.SendBatch(ctx, batch).Close()
	return deleted, err
}
