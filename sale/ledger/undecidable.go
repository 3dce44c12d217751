package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// DeclineTx declines a claim that the ledger cannot decide, because the content of the claim makes the statements fail. A
// claim that has a verdict already keeps it. The claim's texts are stored without the bytes that Postgres cannot store.
func (s *Store) DeclineTx(ctx context.Context, tx pgx.Tx, c events.Claim, reason events.Reason) (events.Verdict, error) {
	if _, err := s.stock.LockTx(ctx, tx, []sale.Key{keyOf(&c)}); err != nil {
		return events.Verdict{}, fmt.Errorf("lock stock: %w", err)
	}
	found := make(map[uuid.UUID]*events.Verdict, 1)
	r := ledgerReads{state: BatchState{Verdicts: found}}
	b := &pgx.Batch{}
	b.Queue(sqlProbes).QueryRow(r.clock)
	r.queueVerdicts(b, column[key]{key(c.ID)})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return events.Verdict{}, fmt.Errorf("read the ledger: %w", err)
	}
	if v := found[c.ID]; v != nil {
		return *v, nil
	}
	now := r.state.Now
	c.Username, c.Traceparent = storable(c.Username), storable(c.Traceparent)
	v := events.Verdict{
		ClaimID: c.ID, SaleID: c.SaleID, Generation: c.Generation, UserID: c.UserID, Username: c.Username,
		Attempt: c.Attempt, Outcome: events.Declined, Reason: reason, At: now, Fresh: true, RequestID: c.RequestID,
	}
	made := BatchResult{Declined: []NewVerdict{{&c, &v}}}
	writes := &pgx.Batch{}
	write(writes, &r.state, made)
	if err := s.outbox.Queue(writes, announcements(made, nil, nil)); err != nil {
		return v, fmt.Errorf("announce the decline: %w", err)
	}
	if err := tx.SendBatch(ctx, writes).Close(); err != nil {
		return v, fmt.Errorf("write the decline: %w", err)
	}
	return v, nil
}

// storable is the text without the bytes that a text column refuses: NUL, and what is not UTF-8.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}
