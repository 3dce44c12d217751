package sale

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// stock is inventory's part of a transaction. LockTx leaves unknown keys out; TakeTx takes exactly n units
// or fails; BeginTx makes the row of a new generation. QueueLock and QueueTake are sent with other statements of the
// transaction; QueueTake refuses what needs another read of the tables.
type stock interface {
	BeginTx(ctx context.Context, tx pgx.Tx, k Key, total, version int64) (Level, error)
	LockTx(ctx context.Context, tx pgx.Tx, keys []Key) ([]Level, error)
	TakeTx(ctx context.Context, tx pgx.Tx, k Key, n int64) ([]int64, Level, error)
	QueueLock(b *pgx.Batch, keys []Key, got func([]Level))
	QueueTake(b *pgx.Batch, locked Level, n int64) ([]int64, Level, bool)
	ReturnTx(ctx context.Context, tx pgx.Tx, k Key, unit int64) (Level, error)
	SetTotalTx(ctx context.Context, tx pgx.Tx, k Key, total int64) (Level, error)
	Levels(ctx context.Context, keys []Key) ([]Level, error)
}

// outbox keeps messages for publication with the caller's transaction.
type outbox interface {
	AppendTx(ctx context.Context, tx pgx.Tx, m []events.Message) error
	Queue(b *pgx.Batch, m []events.Message) error
}

// Place is what Redis says about a shopper and the holders of a sale.
type Place byte

// Reserved: this very call made the shopper a holder. Held: the shopper was one. Full: there is no room.
const (
	Reserved Place = iota
	AlreadyHolder
	Full
)

// reserver gives places. Its errors are ErrMissing, ErrUnavailable, ErrCrowded, or something that wraps them.
type reserver interface {
	Reserve(ctx context.Context, k Key, user int64) (Place, error)
}

// releaser gives the places of declined claims back.
type releaser interface {
	Release(ctx context.Context, k Key, users []int64) error
}

// rebuild loads the holders of a sale from the ledger, once for everybody who asks at the same time.
type rebuild interface {
	Reconcile(ctx context.Context, k Key) error
}

// appender writes a claim to the log; a position means that the log has acknowledged it.
type appender interface {
	Append(ctx context.Context, partition int, c events.Claim) (events.Position, error)
}

// director has a claim decided without the log.
type director interface {
	Decide(ctx context.Context, c events.Claim) (events.Verdict, error)
}

// cursors tell how far the ledger has read the log: the next offset, and when that last moved (Postgres' clock).
type cursors interface {
	Cursor(ctx context.Context, partition int) (offset int64, movedAt time.Time, err error)
}

// Shopper is who may press, as sale needs to know it.
type Shopper struct {
	ID          int64
	Username    string
	MayPurchase bool
}

// shoppers finds shoppers by the normal form of their name or address. Known asks memory only.
type shoppers interface {
	Known(name string) (Shopper, bool)
	Find(ctx context.Context, name string) (Shopper, bool, error)
	// Warm makes the names of these shoppers known, for as long as the process lives.
	Warm(ctx context.Context, ids []int64) error
}
