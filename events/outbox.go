package events

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Outbox holds events between the transaction that caused them and the events topic. Safe for concurrent use.
type Outbox struct {
	pool   *pgxpool.Pool
	log    *Log
	holder string
	wake   chan struct{}

	interrupted *outage
}

// NewOutbox returns the outbox of a namespace. The pool may be any; the relay uses one connection of it at a time.
func NewOutbox(pool *pgxpool.Pool, log *Log) *Outbox {
	return &Outbox{pool: pool, log: log, holder: uuid.NewString(), wake: make(chan struct{}, 1),
		interrupted: newOutage(log.logger, "the outbox's relay was interrupted", "events of the outbox are published again")}
}

// AppendTx adds events to the outbox in their order, in one statement. Call it while the transaction holds the lock of
// the sale's stock row: that is what keeps the events of one sale in the order of its commits.
func (o *Outbox) AppendTx(ctx context.Context, tx pgx.Tx, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	sales := make([]int64, len(messages))
	types, subjects := make([]string, len(messages)), make([]string, len(messages))
	traces, data := make([]string, len(messages)), make([]string, len(messages))
	for i, m := range messages {
		body, err := json.Marshal(m.Data)
		if err != nil {
			return fmt.Errorf("encode event %s of sale %d: %w", m.Type, m.SaleID, err)
		}
		sales[i], types[i], subjects[i], traces[i], data[i] = m.SaleID, m.Type, m.Subject, m.Traceparent, string(body)
	}
	// The transaction must have its number before it draws one for a row: the relay trusts a number once every
	// transaction as old as it is over.
	batch := &pgx.Batch{}
	batch.Queue(sqlOwnTransaction)
	batch.Queue(sqlAppendOutbox, sales, types, subjects, traces, data)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("append %d events to the outbox: %w", len(messages), err)
	}
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

// Unpublished is how many events wait to be published.
func (o *Outbox) Unpublished(ctx context.Context) (int64, error) {
	n, _, err := o.waiting(ctx)
	return n, err
}

// Oldest is the age of the event that has waited longest, by Postgres' clock; zero when none waits.
func (o *Outbox) Oldest(ctx context.Context) (time.Duration, error) {
	_, age, err := o.waiting(ctx)
	return age, err
}

func (o *Outbox) waiting(ctx context.Context) (int64, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	var n int64
	var seconds float64
	if err := o.pool.QueryRow(ctx, sqlOutboxWaiting).Scan(&n, &seconds); err != nil {
		return 0, 0, fmt.Errorf("look at the outbox: %w", err)
	}
	return n, time.Duration(seconds * float64(time.Second)), nil
}

// measure keeps the outbox's metrics.
func (o *Outbox) measure(ctx context.Context) {
	n, age, err := o.waiting(ctx)
	if err != nil {
		return
	}
	o.log.metrics.unpublished.Set(float64(n))
	o.log.metrics.oldest.Set(age.Seconds())
	if n == 0 {
		o.interrupted.over(sole) // also when it was another process that published them
	}
}
