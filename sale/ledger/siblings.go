package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// stock is inventory's part of a transaction. BeginTx makes the row of a new generation. LockTx leaves out keys without a row.
// TakeTx takes exactly n units or fails. QueueLock and QueueTake queue statements that the caller sends with others. QueueTake
// answers false, and queues nothing, when it needs another read of the tables first: then use TakeTx.
type stock interface {
	BeginTx(ctx context.Context, tx pgx.Tx, k sale.Key, total, version int64) (sale.Level, error)
	LockTx(ctx context.Context, tx pgx.Tx, keys []sale.Key) ([]sale.Level, error)
	TakeTx(ctx context.Context, tx pgx.Tx, k sale.Key, n int64) ([]int64, sale.Level, error)
	QueueLock(b *pgx.Batch, keys []sale.Key, got func([]sale.Level))
	QueueTake(b *pgx.Batch, locked sale.Level, n int64) ([]int64, sale.Level, bool)
	ReturnTx(ctx context.Context, tx pgx.Tx, k sale.Key, unit int64) (sale.Level, error)
	SetTotalTx(ctx context.Context, tx pgx.Tx, k sale.Key, total int64) (sale.Level, error)
	Levels(ctx context.Context, keys []sale.Key) ([]sale.Level, error)
}

// outbox stores messages in the caller's transaction, for publication after its commit.
type outbox interface {
	AppendTx(ctx context.Context, tx pgx.Tx, m []events.Message) error
	Queue(b *pgx.Batch, m []events.Message) error
}
