package saletest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
	"flashsale/events/claimlog"
	eventsoutbox "flashsale/events/outbox"
)

// Outbox is the outbox of package events, which packs messages. It also writes a copy of each message to a table in the same
// transaction, so that tests can read them.
type Outbox struct {
	*eventsoutbox.Outbox
	copies bool
}

// OpenOutbox is the outbox of that database. In a benchmark it writes no copies.
func OpenOutbox(t testing.TB, pool *pgxpool.Pool) Outbox {
	t.Helper()
	if _, measured := t.(*testing.B); measured {
		return Outbox{Outbox: eventsoutbox.New(pool, &claimlog.Log{})}
	}
	if _, err := pool.Exec(t.Context(), `CREATE TABLE copies (id bigint GENERATED ALWAYS AS IDENTITY,
at timestamptz DEFAULT clock_timestamp(), type text, subject text, traceparent text, sale_id bigint, data json)`); err != nil {
		t.Fatal(err)
	}
	return Outbox{eventsoutbox.New(pool, &claimlog.Log{}), true}
}

// AppendTx appends the messages in the transaction.
func (c Outbox) AppendTx(ctx context.Context, tx pgx.Tx, messages []events.Message) error {
	b := &pgx.Batch{}
	if err := c.Queue(b, messages); err != nil || b.Len() == 0 {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

// Queue adds the statements that append the messages.
func (c Outbox) Queue(b *pgx.Batch, messages []events.Message) error {
	for _, m := range messages {
		if !c.copies {
			break
		}
		data, err := json.Marshal(m.Data)
		if err != nil {
			return err
		}
		b.Queue(`INSERT INTO copies (type, subject, traceparent, sale_id, data) VALUES ($1, $2, $3, $4, $5::text::json)`,
			m.Type, m.Subject, m.Traceparent, m.SaleID, string(data))
	}
	return c.Outbox.Queue(b, messages)
}

// Decide decides claims within a transaction, as events/consumer does.
func Decide(ctx context.Context, tx pgx.Tx, prepare func(*pgx.Batch, events.Source, []events.Claim) events.Decide,
	src events.Source, claims []events.Claim,
) (events.Decision, error) {
	reads, writes := &pgx.Batch{}, &pgx.Batch{}
	decide := prepare(reads, src, claims)
	if reads.Len() > 0 {
		if err := tx.SendBatch(ctx, reads).Close(); err != nil {
			return events.Decision{}, err
		}
	}
	d, err := decide(ctx, tx, writes)
	if err == nil && writes.Len() > 0 {
		err = tx.SendBatch(ctx, writes).Close()
	}
	return d, err
}
