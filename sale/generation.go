package sale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events"
)

// KeepTotal, as the total of BeginGenerationTx, means that of the generation before.
const KeepTotal = -1

// held is a sale whose gate and stock row this transaction holds.
type held struct {
	Key
	slug             string
	state            State
	startsAt, endsAt time.Time
	partition        int
	version          int64
	revision         int64
	closingAt        *time.Time
	now              time.Time
	level            Level
}

// hold takes the sale's gate (one operator at a time; ErrBusy after two seconds), then its stock row, which
// keeps the ledger out until the caller's transaction ends. An empty slug means the current sale. ErrNoSale when there
// is none.
func (s *Store) hold(ctx context.Context, tx pgx.Tx, slug string) (held, error) {
	h, err := s.enter(ctx, tx, slug)
	if err != nil {
		return h, err
	}
	h.level, err = s.lockLevel(ctx, tx, h.Key)
	return h, err
}

// enter takes the sale's gate alone.
func (s *Store) enter(ctx context.Context, tx pgx.Tx, slug string) (held, error) {
	gate, row, args := sqlGate, sqlSaleBySlug, []any{slug}
	if slug == "" {
		gate, row, args = sqlCurrentGate, sqlCurrentSale, nil
	}
	var h held
	var entered int64
	b := &pgx.Batch{}
	b.Queue(sqlLockTimeout)
	b.Queue(gate, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&entered) })
	if err := busy(tx.SendBatch(ctx, b).Close()); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return h, fmt.Errorf("hold sale: %w", err)
	}
	// A statement after the one that waited, so that it sees what the holder before committed.
	err := tx.QueryRow(ctx, row, args...).Scan(&h.Sale, &h.slug, &h.Generation, &h.state, &h.startsAt, &h.endsAt,
		&h.partition, &h.version, &h.revision, &h.closingAt, &h.now)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, ErrNoSale
	}
	if err != nil {
		return h, fmt.Errorf("read sale: %w", err)
	}
	if h.Sale != entered {
		return h, fmt.Errorf("another sale has become the current one: %w", ErrBusy)
	}
	return h, nil
}

func (s *Store) lockLevel(ctx context.Context, tx pgx.Tx, k Key) (Level, error) {
	levels, err := s.stock.LockTx(ctx, tx, []Key{k})
	if err = busy(err); err != nil {
		return Level{}, fmt.Errorf("lock stock: %w", err)
	}
	if len(levels) != 1 {
		return Level{}, fmt.Errorf("sale %d has no stock row", k.Sale)
	}
	return levels[0], nil
}

// busy turns a lock timeout into ErrBusy.
func busy(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "55P03" {
		return ErrBusy
	}
	return err
}

// BeginGenerationTx starts the sale afresh with nothing sold, in O(1) whatever the stock. Orders of the old
// generation stay as they are, its undecided claims will be declined. The sale is open afterwards if now lies
// within its times. It answers with the new stock. Errors: ErrNoSale, ErrBusy.
func (s *Store) BeginGenerationTx(ctx context.Context, tx pgx.Tx, slug string, total int64) (Level, error) {
	h, err := s.hold(ctx, tx, slug)
	if err != nil {
		return Level{}, err
	}
	if total == KeepTotal {
		total = h.level.Total
	}
	next := Key{h.Sale, h.Generation + 1}
	level, err := s.stock.BeginTx(ctx, tx, next, total, h.level.Version+1)
	if err != nil {
		return Level{}, fmt.Errorf("begin stock: %w", err)
	}
	state := stateWithin(h)
	b := &pgx.Batch{}
	b.Queue(sqlEndGeneration, h.Sale, h.Generation)
	b.Queue(sqlInsertGeneration, next.Sale, next.Generation, total)
	b.Queue(sqlNextGeneration, next.Sale, next.Generation, state)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Level{}, fmt.Errorf("begin generation: %w", err)
	}
	// gofail: var generationBegun struct{}
	changed := ChangedSale{Sale: h.Sale, Slug: h.slug, Generation: next.Generation, State: state, Total: total}
	return level, s.outbox.AppendTx(ctx, tx, []events.Message{
		{SaleID: h.Sale, Type: events.TypeGenerationBegun, Subject: h.slug, Data: changed},
		stockChanged(h.slug, level),
	})
}

// stateWithin is the state that fits the sale's times. A draft stays one: nobody has announced it.
func stateWithin(h held) State {
	switch {
	case h.state == Draft:
		return Draft
	case h.now.Before(h.startsAt):
		return Scheduled
	case h.now.Before(h.endsAt):
		return Open
	default:
		return Closed
	}
}

func stockChanged(slug string, l Level) events.Message {
	return events.Message{SaleID: l.Sale, Type: events.TypeStockChanged, Subject: slug, Data: events.Stock{
		SaleID: l.Sale, Generation: l.Generation, Total: l.Total, Taken: l.Taken, Version: l.Version,
	}}
}

// SetTotalTx changes the stock of the present generation. Errors: ErrBelowSold, ErrNoSale, ErrBusy.
func (s *Store) SetTotalTx(ctx context.Context, tx pgx.Tx, slug string, total int64) (Level, error) {
	h, err := s.hold(ctx, tx, slug)
	if err != nil {
		return Level{}, err
	}
	if total < h.level.Taken {
		return Level{}, fmt.Errorf("%d units are sold: %w", h.level.Taken, ErrBelowSold)
	}
	level, err := s.stock.SetTotalTx(ctx, tx, h.Key, total)
	if err != nil {
		return Level{}, fmt.Errorf("set stock: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlTouch, h.Sale); err != nil {
		return Level{}, fmt.Errorf("set stock: %w", err)
	}
	return level, s.outbox.AppendTx(ctx, tx, []events.Message{stockChanged(h.slug, level)})
}

// CancelledOrder is the data of an order.cancelled event.
type CancelledOrder struct {
	Order      string `json:"order"`
	Sale       int64  `json:"sale"`
	Generation int64  `json:"generation"`
	User       int64  `json:"user"`
	Unit       int64  `json:"unit"`
}

// CancelTx takes an order back: its unit returns to the stock and the shopper may press again. The order stays
// readable. Of an older generation too, so the digest of that is made anew; record it in the audit log.
// Errors: ErrNoOrder, ErrBusy.
func (s *Store) CancelTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Receipt, error) {
	slug, generation, err := placeOf(ctx, tx, id)
	if err != nil {
		return Receipt{}, err
	}
	h, err := s.hold(ctx, tx, slug)
	if err != nil {
		return Receipt{}, err
	}
	o, err := liveOrder(ctx, tx, id)
	if err != nil {
		return Receipt{}, err
	}
	level, err := s.stock.ReturnTx(ctx, tx, Key{h.Sale, generation}, o.Unit)
	if err != nil {
		return Receipt{}, fmt.Errorf("return unit: %w", err)
	}
	b := &pgx.Batch{}
	b.Queue(sqlCancel, id, level.Version).Exec(exactly(1, "cancelled orders"))
	b.Queue(sqlForgetDigest, h.Sale, generation)
	b.Queue(sqlTouch, h.Sale)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Receipt{}, fmt.Errorf("cancel order: %w", err)
	}
	gone := CancelledOrder{id.String(), o.SaleID, o.Generation, o.UserID, o.Unit}
	return o.Receipt, s.outbox.AppendTx(ctx, tx, []events.Message{
		{SaleID: h.Sale, Type: events.TypeOrderCancelled, Subject: id.String(), Data: gone},
		stockChanged(slug, level),
	})
}

// placeOf finds the sale and the generation of an order. From then on the transaction probes orders by key.
func placeOf(ctx context.Context, tx pgx.Tx, id uuid.UUID) (slug string, generation int64, err error) {
	b := &pgx.Batch{}
	b.Queue(sqlProbes)
	b.Queue(sqlOrderSale, id).QueryRow(func(row pgx.Row) error { return row.Scan(&slug, &generation) })
	err = tx.SendBatch(ctx, b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return "", 0, ErrNoOrder
	}
	if err != nil {
		return "", 0, fmt.Errorf("find order: %w", err)
	}
	return slug, generation, nil
}

func liveOrder(ctx context.Context, tx pgx.Tx, id uuid.UUID) (order, error) {
	rows, err := tx.Query(ctx, sqlOrdersByID, [][16]byte{id})
	if err != nil {
		return order{}, fmt.Errorf("read order: %w", err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOrder)
	if err != nil {
		return order{}, fmt.Errorf("read order: %w", err)
	}
	if !o.live {
		return order{}, ErrNoOrder
	}
	return o, nil
}
