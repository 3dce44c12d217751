package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// KeepTotal, given to BeginGenerationTx, means the total of the generation before.
const KeepTotal = -1

// BeginGenerationTx starts a new generation of the sale with nothing sold, in O(1) for any stock. Orders of the generation
// before stay as they are, and its undecided claims get declined. The sale is open afterwards if it is between its start and
// its end. It answers with the new stock. Errors: ErrNoSale, ErrBusy.
func (s *Store) BeginGenerationTx(ctx context.Context, tx pgx.Tx, slug string, total int64) (sale.Level, error) {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return sale.Level{}, err
	}
	if total == KeepTotal {
		total = h.level.Total
	}
	next := sale.Key{Sale: h.Sale, Generation: h.Generation + 1}
	level, err := s.stock.BeginTx(ctx, tx, next, total, h.level.Version+1)
	if err != nil {
		return sale.Level{}, fmt.Errorf("begin stock: %w", err)
	}
	state := stateWithin(h)
	b := &pgx.Batch{}
	b.Queue(sqlEndGeneration, h.Sale, h.Generation)
	b.Queue(sqlInsertGeneration, next.Sale, next.Generation, total)
	b.Queue(sqlNextGeneration, next.Sale, next.Generation, state)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return sale.Level{}, fmt.Errorf("begin generation: %w", err)
	}
	// gofail: var generationBegun struct{}
	changed := events.ChangedSale{Sale: h.Sale, Slug: h.slug, Generation: next.Generation, State: string(state), Total: total}
	return level, s.outbox.AppendTx(ctx, tx, []events.Message{
		{SaleID: h.Sale, Type: events.TypeGenerationBegun, Subject: h.slug, Data: changed},
		stockChanged(h.slug, level),
	})
}
