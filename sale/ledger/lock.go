package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/sale"
)

// LockSaleTx reads a sale, and nobody else can change it until the transaction ends: it locks the sale's gate and its stock
// row, so that no claim is decided either. An empty slug means the current sale, by the same rule as Catalog.Snapshot; Slug of
// the answer says which sale that is. It sees what the transaction has written. Errors: ErrNoSale, and ErrBusy when another
// act has locked the sale or has made another sale the current one.
func (s *Store) LockSaleTx(ctx context.Context, tx pgx.Tx, slug string) (sale.Snapshot, error) {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return sale.Snapshot{}, err
	}
	return h.snapshot(), nil
}

// LockOrderTx is LockSaleTx for the sale of an order, and reads the order too. It locks the gate, then the row of the order's
// generation, and only then the stock rows of that generation and of the present one. The lock of the generation may have to
// wait for a long digest, and claims are decided meanwhile. Both stock rows are locked together, in the order that decisions
// use. Errors: ErrNoOrder, ErrBusy.
func (s *Store) LockOrderTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (sale.Snapshot, sale.Order, error) {
	o, err := s.OrderTx(ctx, tx, id)
	if err != nil {
		return sale.Snapshot{}, o, err
	}
	h, err := s.lockGate(ctx, tx, o.Slug)
	if err != nil {
		return sale.Snapshot{}, o, err
	}
	if err := lockGeneration(ctx, tx, sale.Key{Sale: o.SaleID, Generation: o.Generation}); err != nil {
		return sale.Snapshot{}, o, err
	}
	levels, err := s.stock.LockTx(ctx, tx, []sale.Key{{Sale: o.SaleID, Generation: o.Generation}, h.Key})
	if err = busy(err); err != nil {
		return sale.Snapshot{}, o, fmt.Errorf("lock stock: %w", err)
	}
	for _, l := range levels {
		if l.Key() == h.Key {
			h.level = l
		}
	}
	// Read it again under the locks: it may have been cancelled meanwhile.
	o, err = s.OrderTx(ctx, tx, id)
	return h.snapshot(), o, err
}

// lockedSale is a sale as it is after this transaction has locked its gate. level is set once the stock row is locked too.
type lockedSale struct {
	sale.Key
	slug             string
	state            sale.State
	startsAt, endsAt time.Time
	partition        int
	version          int64
	revision         int64
	closingAt        *time.Time
	limit            sale.PressLimit
	zone             string
	archived         bool
	message          string
	texts            sale.Texts
	now              time.Time
	level            sale.Level
}

func (h lockedSale) snapshot() sale.Snapshot {
	return sale.Snapshot{
		ID: h.Sale, Slug: h.slug, Generation: h.Generation, State: h.state, Partition: h.partition,
		StartsAt: h.startsAt.UTC(), EndsAt: h.endsAt.UTC(), Total: h.level.Total, Taken: h.level.Taken,
		Version: h.version + h.level.Version, Revision: h.revision, Limit: h.limit, Message: h.message, Now: h.now.UTC(),
		Zone: h.zone, Archived: h.archived, Texts: &h.texts,
	}
}

// lockSale locks the sale's gate, then its stock row, so that no claim of it is decided until the caller's transaction ends. An
// empty slug means the current sale. Errors: ErrNoSale, ErrBusy.
func (s *Store) lockSale(ctx context.Context, tx pgx.Tx, slug string) (lockedSale, error) {
	h, err := s.lockGate(ctx, tx, slug)
	if err != nil {
		return h, err
	}
	h.level, err = s.lockStock(ctx, tx, h.Key)
	return h, err
}

// lockGate locks the sale's gate. The gate is the sale's row in products; whoever changes the sale locks it first, so that there
// is one change at a time. Errors: ErrNoSale, and ErrBusy after two seconds.
func (s *Store) lockGate(ctx context.Context, tx pgx.Tx, slug string) (lockedSale, error) {
	gate, row, args := sqlGate, sqlSaleBySlug, []any{slug}
	if slug == "" {
		gate, row, args = sqlCurrentGate, sqlCurrentSale, nil
	}
	var h lockedSale
	var locked int64
	b := &pgx.Batch{}
	b.Queue(sqlLockTimeout)
	b.Queue(gate, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&locked) })
	if err := busy(tx.SendBatch(ctx, b).Close()); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return h, fmt.Errorf("lock sale: %w", err)
	}
	// A statement of its own after the lock: it sees what was committed while the lock was awaited.
	err := tx.QueryRow(ctx, row, args...).Scan(&h.Sale, &h.slug, &h.Generation, &h.state, &h.startsAt, &h.endsAt,
		&h.partition, &h.version, &h.revision, &h.closingAt, &h.now,
		&h.limit.AccountRate, &h.limit.AccountBurst, &h.limit.NetworkRate, &h.limit.NetworkBurst, &h.message, &h.texts, &h.zone, &h.archived)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, sale.ErrNoSale
	}
	if err != nil {
		return h, fmt.Errorf("read sale: %w", err)
	}
	if h.Sale != locked {
		return h, fmt.Errorf("another sale is the current one now: %w", sale.ErrBusy)
	}
	return h, nil
}

// lockStock locks the stock row of a generation, so that no claim of it is decided until the transaction ends. It waits for the
// decision that is under way, for two seconds at most. Who needs the rows of two generations has to lock both in one call,
// which locks them by number ascending, as decisions do.
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

// busy adds ErrBusy to the errors of a lock that was not got in time and of a deadlock: the same act may be tried again.
func busy(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "55P03" || refused.Code == "40P01") {
		return fmt.Errorf("%w: %w", sale.ErrBusy, err)
	}
	return err
}

// lockGeneration locks a generation's row, so that its digest cannot be computed. It waits for a digest that is being computed.
func lockGeneration(ctx context.Context, tx pgx.Tx, k sale.Key) error {
	if _, err := tx.Exec(ctx, sqlLockGeneration, k.Sale, k.Generation); err != nil {
		return fmt.Errorf("lock generation: %w", busy(err))
	}
	return nil
}
