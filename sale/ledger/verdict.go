package ledger

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// verdictOf is the verdict that an order is.
func verdictOf(o *sale.OrderRow) events.Verdict {
	v := events.Verdict{
		ClaimID: o.OrderID, SaleID: o.SaleID, Generation: o.Generation, UserID: o.UserID, Username: o.Username,
		Attempt: o.Attempt, Outcome: events.Ordered, Unit: o.Unit, At: o.DecidedAt, PressedAt: o.PressedAt,
		RequestID: o.RequestID, Revision: o.Revision,
	}
	if !o.Live {
		// Not zero: nextAttempts looks up the right number for verdicts that have one.
		v.NextAttempt = o.Attempt + 1
	}
	return v
}

func scanDecline(row pgx.CollectableRow) (events.Verdict, error) {
	v := events.Verdict{Outcome: events.Declined}
	var reason string
	err := row.Scan(&v.ClaimID, &v.SaleID, &v.Generation, &v.UserID, &v.Username, &v.Attempt, &reason, &v.At)
	v.Reason, v.At = events.ParseReason(reason), v.At.UTC()
	v.NextAttempt = v.Attempt + 1
	return v, err
}

// Verdicts looks up the verdicts on these claims, in no particular order. Claims without a verdict are left out. One
// call reads them all in two round trips at most. None of the verdicts is Fresh, and all are durable.
func (s *Store) Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error) {
	found := make(map[uuid.UUID]*events.Verdict, len(ids))
	raw := make(column[key], len(ids))
	for i, id := range ids {
		raw[i] = key(id)
	}
	r := ledgerReads{state: BatchState{Verdicts: found}}
	b := &pgx.Batch{}
	b.Queue(sqlProvenProbes)
	r.queueVerdicts(b, raw)
	if err := s.prove(ctx, b); err != nil {
		return nil, fmt.Errorf("look up verdicts: %w", err)
	}
	if err := nextAttempts(ctx, s.pool, found, nil); err != nil {
		return nil, fmt.Errorf("look up attempts: %w", err)
	}
	verdicts := make([]events.Verdict, 0, len(found))
	for _, v := range found {
		verdicts = append(verdicts, *v)
	}
	return verdicts, nil
}

type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// nextAttempts completes the declines and the cancelled orders. With a live order of the shopper (owners; nil:
// not known) the verdict gets that order's id, otherwise the number of the next attempt: one more than the highest with a verdict.
func nextAttempts(ctx context.Context, db batcher, verdicts map[uuid.UUID]*events.Verdict, owners map[sale.ShopperKey]uuid.UUID) error {
	again := make(map[sale.ShopperKey][]*events.Verdict)
	users := make(map[sale.Key][]int64)
	for _, v := range verdicts {
		if v.NextAttempt == 0 {
			continue
		}
		who := sale.ShopperKey{Key: sale.Key{Sale: v.SaleID, Generation: v.Generation}, User: v.UserID}
		if order, ok := owners[who]; ok {
			v.OrderID, v.NextAttempt = order, 0
			continue
		}
		if len(again[who]) == 0 {
			users[who.Key] = append(users[who.Key], who.User)
		}
		again[who] = append(again[who], v)
	}
	if len(again) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(sqlProbes)
	for k, of := range users {
		b.Queue(sqlAttempts, k.Sale, k.Generation, of).Query(func(rows pgx.Rows) error {
			var user int64
			var highest int
			_, err := pgx.ForEachRow(rows, []any{&user, &highest}, func() error {
				for _, v := range again[sale.ShopperKey{Key: k, User: user}] {
					v.NextAttempt = highest + 1
				}
				return nil
			})
			return err
		})
	}
	return db.SendBatch(ctx, b).Close()
}
