package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrFenced means that a fence changed no row, because another process has changed it before. Nothing was
	// committed.
	ErrFenced = errors.New("events: another process has moved on")
	// ErrUnknown means that a commit may or may not have happened, or may yet be lost.
	ErrUnknown = errors.New("events: outcome of the commit unknown")
)

// sqlCommit is the commit as a statement that is sent together with others.
const sqlCommit = `commit`

// Fence is the first statement of a transaction; it must change exactly one row, or nothing happens at all.
type Fence struct {
	SQL  string
	Args []any
}

// Transaction is a transaction of two round trips: its beginning, fence and reads go in the first, its writes and the commit
// in the second. What is between them may use the transaction too. It belongs to one goroutine:
//
//	t := events.NewTransaction(pool, fence)
//	defer t.End(ctx)
//	t.Reads.Queue(...)
//	tx, err := t.Begin(ctx)
//	...
//	t.Writes.Queue(...)
//	err = t.Commit(ctx)
type Transaction struct {
	// Reads are sent by Begin.
	Reads *pgx.Batch
	// Writes are sent by Commit. Nobody looks at their results before the commit, so each must fail if it does not do all it
	// should.
	Writes *pgx.Batch

	pool *pgxpool.Pool
	conn *pgxpool.Conn
	tx   pgx.Tx
}

// NewTransaction returns a transaction that has not begun. It takes its connection from a pool that [WatchNotices] has
// prepared. A nil fence is none.
func NewTransaction(pool *pgxpool.Pool, first *Fence) *Transaction {
	t := &Transaction{Reads: &pgx.Batch{}, Writes: &pgx.Batch{}, pool: pool}
	t.Reads.BeginTx(pgx.TxOptions{})
	if first != nil {
		t.Reads.Queue(first.SQL, first.Args...).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != 1 {
				return ErrFenced
			}
			return nil
		})
	}
	return t
}

// Begin sends the beginning, the fence and the reads. The error is ErrFenced, or any other that means that nothing was done.
func (t *Transaction) Begin(ctx context.Context) (pgx.Tx, error) {
	var err error
	if t.conn, err = t.pool.Acquire(ctx); err != nil {
		return nil, fmt.Errorf("acquire connection: %w", err)
	}
	res := t.conn.SendBatch(ctx, t.Reads)
	err = res.Close()
	t.tx = res.Tx()
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	return t.tx, nil
}

// Commit sends the writes and the commit. It tells "not committed" from ErrUnknown. A server that answers with an ordinary
// error has rolled back. A broken connection, a server going down, or a warning (the wait for the synchronous standby was
// cancelled: the commit is only as safe as this one server, also ErrUnconfirmed) leave it open.
func (t *Transaction) Commit(ctx context.Context) error {
	conn := t.tx.Conn().PgConn()
	delete(conn.CustomData(), warningKey)
	err := t.sendCommit(ctx)
	if err == nil {
		if code, warned := conn.CustomData()[warningKey]; warned {
			return fmt.Errorf("%w: %w (%v)", ErrUnknown, ErrUnconfirmed, code)
		}
		return nil
	}
	var refusal *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR" {
		return fmt.Errorf("commit: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

func (t *Transaction) sendCommit(ctx context.Context) error {
	if t.Writes.Len() == 0 {
		return t.tx.Commit(ctx)
	}
	t.Writes.Queue(sqlCommit).Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return t.tx.SendBatch(ctx, t.Writes).Close()
}

// End rolls back what was not committed and gives the connection back. It is called once, whatever happened before.
func (t *Transaction) End(ctx context.Context) {
	if t.conn == nil {
		return
	}
	defer t.conn.Release()
	// A transaction that has ended, or whose connection is broken, has nothing to roll back.
	if t.tx == nil || t.tx.Conn().IsClosed() || t.tx.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = t.tx.Rollback(ctx)
}

// Transact runs do in a transaction without a fence. The error is do's own, ErrUnknown, or any other that means that nothing
// was committed.
func Transact(ctx context.Context, pool *pgxpool.Pool, do func(pgx.Tx) error) error {
	t := NewTransaction(pool, nil)
	defer t.End(ctx)
	tx, err := t.Begin(ctx)
	if err == nil {
		err = do(tx)
	}
	if err != nil {
		return err
	}
	return t.Commit(ctx)
}

// SQLState is the code of the server's error, or empty.
func SQLState(err error) string {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}
