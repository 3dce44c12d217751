package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// A read can see a commit that the synchronous standby does not have: its wait for the standby was cancelled, or this server
// recovered it after a restart without the standby. An answer from such a read is a promise that a failover breaks. Where there is
// a synchronous standby, a look-up is therefore a transaction that writes: when the standby has confirmed its commit, it has
// everything that the look-up has seen. Without a standby it writes nothing.
const (
	sqlProof = `CASE WHEN current_setting('synchronous_standby_names') <> ''
	THEN pg_logical_emit_message(true, 'flashsale look-up', '') END`

	// The look-ups by key use statements of the ledger whose plans may be kept.
	sqlProvenProbes = sqlKeptProbes + `, ` + sqlProof
)

// prove runs the look-ups of a batch in one transaction. Without an error everything that they found is durable, so that a
// receipt or a refusal may be answered with it. The first statement of the batch must contain sqlProof.
func (s *Store) prove(ctx context.Context, b *pgx.Batch) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return events.Confirmed(conn.Conn(), func() error { return conn.SendBatch(ctx, b).Close() })
}
