package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events"
	"flashsale/sale"
)

// KeepTotal, as the total of BeginGenerationTx, means that of the generation before.
const KeepTotal = -1

// lockedSale is a sale whose gate and stock row this transaction has locked.
type lockedSale struct {
	sale.Key
	slug             string
	state            sale.State
	startsAt, endsAt time.Time
	partition        int
	version          int64
	revision         int64
	closingAt        *time.Time
	now              time.Time
	level            sale.Level
}

// lockSale locks the sale's gate, then its stock row, which keeps the ledger out until the caller's transaction ends. An empty
// slug means the current sale. Errors: ErrNoSale, ErrBusy.
func (s *Store) lockSale(ctx context.Context, tx pgx.Tx, slug string) (lockedSale, error) {
	h, err := s.lockGate(ctx, tx, slug)
	if err != nil {
		return h, err
	}
	h.level, err = s.lockStock(ctx, tx, h.Key)
	return h, err
}

// lockGate locks the sale's gate: one operator at a time, ErrBusy after two seconds. ErrNoSale when there is no sale of that
// slug.
func (s *Store) lockGate(ctx context.Context, tx pgx.Tx, slug string) (lockedSale, error) {
	gate, row, args := sqlGate, sqlSaleBySlug, []any{slug}
	if slug == "" {
		gate, row, args = sqlCurrentGate, sqlCurrentSale, nil
	}
	var h lockedSale
	var entered int64
	b := &pgx.Batch{}
	b.Queue(sqlLockTimeout)
	b.Queue(gate, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&entered) })
	if err := busy(tx.SendBatch(ctx, b).Close()); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return h, fmt.Errorf("lock sale: %w", err)
	}
	// A statement after the one that waited, so that it sees what the transaction before it committed.
	err := tx.QueryRow(ctx, row, args...).Scan(&h.Sale, &h.slug, &h.Generation, &h.state, &h.startsAt, &h.endsAt,
		&h.partition, &h.version, &h.revision, &h.closingAt, &h.now)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, sale.ErrNoSale
	}
	if err != nil {
		return h, fmt.Errorf("read sale: %w", err)
	}
	if h.Sale != entered {
		return h, fmt.Errorf("another sale has become the current one: %w", sale.ErrBusy)
	}
	return h, nil
}

// lockStock waits for the ledger, for two seconds at most, and keeps it out of that generation until the transaction ends.
// Whoever needs the rows of two generations locks both together: the ledger goes by their numbers, ascending.
func (s *Store) lockStock(ctx context.Context, tx pgx.Tx, k sale.Key) (sale.Level, error) {
	levels, err := s.stock.LockTx(ctx, tx, []sale.Key{k})
	if err = busy(err); err != nil {
		return sale.Level{}, fmt.Errorf("lock stock: %w", err)
	}
	if len(levels) != 1 {
		return sale.Level{}, fmt.Errorf("generation %d of sale %d has no stock row", k.Generation, k.Sale)
	}
	return levels[0], nil
}

// busy turns a lock that was not got in time, and a deadlock, into ErrBusy: the same act may be tried again.
func busy(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "55P03" || refused.Code == "40P01") {
		return fmt.Errorf("%w: %w", sale.ErrBusy, err)
	}
	return err
}

// BeginGenerationTx starts the sale afresh with nothing sold, in O(1) whatever the stock. Orders of the old
// generation stay as they are, its undecided claims will be declined. The sale is open afterwards if now lies
// within its times. It answers with the new stock. Errors: ErrNoSale, ErrBusy.
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

// stateWithin is the state that fits the sale's times. A draft stays one: nobody has announced it.
func stateWithin(h lockedSale) sale.State {
	switch h.state {
	case sale.Draft:
		return sale.Draft
	case sale.Scheduled, sale.Open, sale.Paused, sale.Closing, sale.Closed:
	}
	switch {
	case h.now.Before(h.startsAt):
		return sale.Scheduled
	case h.now.Before(h.endsAt):
		return sale.Open
	}
	return sale.Closed
}

func stockChanged(slug string, l sale.Level) events.Message {
	return events.Message{SaleID: l.Sale, Type: events.TypeStockChanged, Subject: slug, Data: events.Stock{
		SaleID: l.Sale, Generation: l.Generation, Total: l.Total, Taken: l.Taken, Version: l.Version,
	}}
}

// SetTotalTx changes the stock of the present generation. Errors: ErrBelowSold, ErrNoSale, ErrBusy.
func (s *Store) SetTotalTx(ctx context.Context, tx pgx.Tx, slug string, total int64) (sale.Level, error) {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return sale.Level{}, err
	}
	if total < h.level.Taken {
		return sale.Level{}, fmt.Errorf("%d units are sold: %w", h.level.Taken, sale.ErrBelowSold)
	}
	level, err := s.stock.SetTotalTx(ctx, tx, h.Key, total)
	if err != nil {
		return sale.Level{}, fmt.Errorf("set stock: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlTouch, h.Sale); err != nil {
		return sale.Level{}, fmt.Errorf("set stock: %w", err)
	}
	return level, s.outbox.AppendTx(ctx, tx, []events.Message{stockChanged(h.slug, level)})
}
