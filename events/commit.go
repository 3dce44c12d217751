package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// errRefused means that a fence matched no row: somebody else has moved on.
	errRefused = errors.New("events: fenced off")
	// errUnknown means that a commit may or may not have happened, or may yet be lost.
	errUnknown = errors.New("events: outcome of the commit unknown")
)

// warningKey is where WatchNotices leaves the code of the last warning of a connection.
const warningKey = "flashsale.warning"

// fence is the first statement of a transaction; it must change exactly one row or nothing happens at all.
type fence struct {
	sql  string
	args []any
}

// work is what a transaction does behind its fence. ask queues what is read with the fence; body, called with the answers at
// hand, may use the transaction and queues what is written with the commit. A statement that is queued there must
// fail if it does not do all it should: nobody looks before the commit. Each part may be nil.
type work struct {
	ask  func(reads *pgx.Batch)
	body func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) error
}

// transact runs body in a transaction that begins with the fence (nil: none). See [run].
func transact(ctx context.Context, pool *pgxpool.Pool, first *fence, body func(pgx.Tx) error) error {
	return run(ctx, pool, first, work{body: func(_ context.Context, tx pgx.Tx, _ *pgx.Batch) error { return body(tx) }})
}

// run is a transaction of two round trips: beginning, fence and reads in one, writes and commit in the other. The error is
// errRefused, errUnknown, body's own, or any other that means that nothing was committed.
func run(ctx context.Context, pool *pgxpool.Pool, first *fence, w work) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire connection: %w", err)
	}
	defer conn.Release()
	writes := &pgx.Batch{}
	tx, err := begin(ctx, conn, first, w.ask)
	if err == nil && w.body != nil {
		err = w.body(ctx, tx, writes)
	}
	if err != nil {
		rollback(ctx, tx)
		return err
	}
	if err = commit(ctx, tx, writes); err != nil {
		rollback(ctx, tx)
	}
	return err
}

func begin(ctx context.Context, conn *pgxpool.Conn, first *fence, ask func(*pgx.Batch)) (pgx.Tx, error) {
	batch := &pgx.Batch{}
	batch.BeginTx(pgx.TxOptions{})
	if first != nil {
		batch.Queue(first.sql, first.args...).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != 1 {
				return errRefused
			}
			return nil
		})
	}
	if ask != nil {
		ask(batch)
	}
	res := conn.SendBatch(ctx, batch)
	if err := res.Close(); err != nil {
		return res.Tx(), fmt.Errorf("begin: %w", err)
	}
	return res.Tx(), nil
}

func rollback(ctx context.Context, tx pgx.Tx) {
	// A transaction that has ended, or whose connection is broken, has nothing to roll back.
	if tx == nil || tx.Conn().IsClosed() || tx.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// commit sends the writes and the commit. It tells "not committed" from "nobody knows". A server that answers with an ordinary
// error has rolled back; a broken connection, a server going down, or a warning (the wait for the synchronous standby was
// cancelled: the commit is only as safe as this one server) leave it open.
func commit(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) error {
	conn := tx.Conn().PgConn()
	delete(conn.CustomData(), warningKey)
	err := sendCommit(ctx, tx, writes)
	if err == nil {
		if code, warned := conn.CustomData()[warningKey]; warned {
			return fmt.Errorf("%w: %w (%v)", errUnknown, ErrUnconfirmed, code)
		}
		return nil
	}
	var refusal *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR" {
		return fmt.Errorf("commit: %w", err)
	}
	return fmt.Errorf("%w: %w", errUnknown, err)
}

func sendCommit(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) error {
	if writes.Len() == 0 {
		return tx.Commit(ctx)
	}
	writes.Queue(sqlCommit).Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, writes).Close()
}

// sqlState is the code of the server's error, or empty.
func sqlState(err error) string {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

// permanent is true for errors that the same claim would meet again at every try: bad data (class 22) and violated
// constraints (class 23).
func permanent(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "23")
}
