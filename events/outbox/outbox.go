package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// Outbox holds events between the transaction that caused them and the events topic. Safe for concurrent use.
type Outbox struct {
	pool    *pgxpool.Pool
	log     *claimlog.Log
	holder  string
	logger  *slog.Logger
	metrics *metrics
	wake    chan struct{}

	interrupted *events.Outage
	// limit bounds what goes into quarantine, waitFor is how long a sale waits before its event is tried again.
	limit   *events.QuarantineLimit
	waitFor time.Duration
	// offeredAt belongs to Run: when it last offered the relay to a newer program.
	offeredAt time.Time
}

// New returns the outbox of a namespace. The pool may be any; the relay uses one connection of it at a time.
func New(pool *pgxpool.Pool, log *claimlog.Log) *Outbox {
	return &Outbox{pool: pool, log: log, logger: log.Logger(), metrics: newOutboxMetrics(log.Registerer()), holder: uuid.NewString(), wake: make(chan struct{}, 1),
		limit: events.NewQuarantineLimit(discardMax, discardWindow), waitFor: blockedFor,
		interrupted: events.NewOutage(log.Logger(), "the outbox's relay was interrupted", "events of the outbox are published again")}
}

// AppendTx adds events to the outbox in their order, in one statement. Call it while the transaction holds the lock of
// the sale's stock row: that is what keeps the events of one sale in the order of its commits.
func (o *Outbox) AppendTx(ctx context.Context, tx pgx.Tx, messages []events.Message) error {
	batch := &pgx.Batch{}
	if err := o.Queue(batch, messages); err != nil || batch.Len() == 0 {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("append %d events to the outbox: %w", len(messages), err)
	}
	return nil
}

// Queue is AppendTx for a transaction that sends its last statements together. They must be sent under the lock.
func (o *Outbox) Queue(batch *pgx.Batch, messages []events.Message) error {
	if len(messages) == 0 {
		return nil
	}
	bundles, err := bundle(messages)
	if err != nil {
		return err
	}
	if len(bundles) == 1 {
		b := bundles[0]
		batch.Queue(sqlAppendOne, b.sale, b.count, b.bytes)
		return nil
	}
	sales, counts, values := make([]int64, len(bundles)), make([]int32, len(bundles)), make([][]byte, len(bundles))
	for i, b := range bundles {
		sales[i], counts[i], values[i] = b.sale, b.count, b.bytes
	}
	batch.Queue(sqlAppendOutbox, sales, counts, values)
	return nil
}

// Wake tells the relay that there may be something to publish. It never blocks; without it the relay looks by itself
// five times a second.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// waiting is how many events wait to be published, and the age of the oldest of them by Postgres' clock.
func (o *Outbox) waiting(ctx context.Context) (int64, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	var n int64
	var seconds float64
	batch := &pgx.Batch{}
	batch.Queue(sqlRelayPlans)
	batch.Queue(sqlOutboxWaiting).QueryRow(func(found pgx.Row) error { return found.Scan(&n, &seconds) })
	if err := o.pool.SendBatch(ctx, batch).Close(); err != nil {
		return 0, 0, fmt.Errorf("look at the outbox: %w", err)
	}
	return n, time.Duration(seconds * float64(time.Second)), nil
}

// WaitingSince is when the oldest of the events that wait to be published was written, by Postgres' clock. Zero: none waits.
func (o *Outbox) WaitingSince(ctx context.Context) (since time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(sqlRelayPlans)
	batch.Queue(sqlOldestWaiting).QueryRow(func(found pgx.Row) error { return found.Scan(&since) })
	if err := o.pool.SendBatch(ctx, batch).Close(); err != nil {
		return time.Time{}, fmt.Errorf("look at the outbox: %w", err)
	}
	if since.Unix() == 0 {
		return time.Time{}, nil
	}
	return since.UTC(), nil
}

// measure keeps the outbox's metrics.
func (o *Outbox) measure(ctx context.Context) {
	n, age, err := o.waiting(ctx)
	if err != nil {
		return
	}
	o.metrics.unpublished.Set(float64(n))
	o.metrics.oldest.Set(age.Seconds())
	if n == 0 {
		o.interrupted.Recovered(events.Sole) // also when it was another process that published them
	}
}
