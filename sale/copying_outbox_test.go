package sale

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

// copyingOutbox is the true outbox, which packs what it is given; it leaves a copy of each message in a table, with the same
// transaction, for tests to read.
type copyingOutbox struct{ *eventsoutbox.Outbox }

func openOutbox(t testing.TB, pool *pgxpool.Pool) outbox {
	t.Helper()
	if _, measured := t.(*testing.B); measured {
		return eventsoutbox.New(pool, &claimlog.Log{})
	}
	if _, err := pool.Exec(t.Context(), `CREATE TABLE copies (id bigint GENERATED ALWAYS AS IDENTITY,
at timestamptz DEFAULT clock_timestamp(), type text, subject text, traceparent text, sale_id bigint, data json)`); err != nil {
		t.Fatal(err)
	}
	return copyingOutbox{eventsoutbox.New(pool, &claimlog.Log{})}
}

func (c copyingOutbox) AppendTx(ctx context.Context, tx pgx.Tx, messages []events.Message) error {
	b := &pgx.Batch{}
	if err := c.Queue(b, messages); err != nil || b.Len() == 0 {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

func (c copyingOutbox) Queue(b *pgx.Batch, messages []events.Message) error {
	for _, m := range messages {
		data, err := json.Marshal(m.Data)
		if err != nil {
			return err
		}
		b.Queue(`INSERT INTO copies (type, subject, traceparent, sale_id, data) VALUES ($1, $2, $3, $4, $5::text::json)`,
			m.Type, m.Subject, m.Traceparent, m.SaleID, string(data))
	}
	return c.Outbox.Queue(b, messages)
}

// DecideTx is a whole decision within a transaction of the test's own.
func (s *Store) DecideTx(ctx context.Context, tx pgx.Tx, src events.Source, claims []events.Claim) (events.Decision, error) {
	return decideTx(ctx, tx, s.Prepare, src, claims)
}

// DecideTx is a whole decision within a transaction of the test's own.
func (c *Checkout) DecideTx(ctx context.Context, tx pgx.Tx, src events.Source, claims []events.Claim) (events.Decision, error) {
	return decideTx(ctx, tx, c.Prepare, src, claims)
}

func decideTx(ctx context.Context, tx pgx.Tx, ask func(*pgx.Batch, events.Source, []events.Claim) events.Decide,
	src events.Source, claims []events.Claim,
) (events.Decision, error) {
	reads, writes := &pgx.Batch{}, &pgx.Batch{}
	rule := ask(reads, src, claims)
	if reads.Len() > 0 {
		if err := tx.SendBatch(ctx, reads).Close(); err != nil {
			return events.Decision{}, err
		}
	}
	d, err := rule(ctx, tx, writes)
	if err == nil && writes.Len() > 0 {
		err = tx.SendBatch(ctx, writes).Close()
	}
	return d, err
}
