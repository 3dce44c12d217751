package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// What is only read may be a commit that no other server has: one whose wait for the synchronous standby was
// cancelled, or that this server recovered when it came up alone. Whoever answers with it promises what a failover
// takes back. Where there is such a standby, a look-up is therefore a transaction that writes: its own commit waits for
// the standby, and with it everything that it has seen. Elsewhere it writes nothing.
const (
	sqlProof = `CASE WHEN current_setting('synchronous_standby_names') <> ''
	THEN pg_logical_emit_message(true, 'flashsale look-up', '') END`

	// Both look-ups are among the ledger's statements, whose plans may be kept.
	sqlProvenProbes = sqlKeptProbes + `, ` + sqlProof
)

// prove runs look-ups that a receipt or a refusal may be answered from, in one transaction. Its first statement must
// contain sqlProof. Without an error all that was found is durable.
func (s *Store) prove(ctx context.Context, b *pgx.Batch) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return events.Confirmed(conn.Conn(), func() error { return conn.SendBatch(ctx, b).Close() })
}
