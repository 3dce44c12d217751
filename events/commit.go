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

// transact runs body in a transaction that begins with the fence (nil: none), in one round trip. The error is
// errRefused, errUnknown, body's own, or any other that means that nothing was committed.
func transact(ctx context.Context, pool *pgxpool.Pool, first *fence, body func(pgx.Tx) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire connection: %w", err)
	}
	defer conn.Release()
	tx, err := begin(ctx, conn, first)
	if err == nil {
		err = body(tx)
	}
	if err != nil {
		rollback(ctx, tx)
		return err
	}
	return commit(ctx, tx)
}

func begin(ctx context.Context, conn *pgxpool.Conn, first *fence) (pgx.Tx, error) {
	if first == nil {
		return conn.Begin(ctx)
	}
	batch := &pgx.Batch{}
	batch.BeginTx(pgx.TxOptions{})
	batch.Queue(first.sql, first.args...)
	res := conn.SendBatch(ctx, batch)
	_, err := res.Exec()
	var tag pgconn.CommandTag
	if err == nil {
		tag, err = res.Exec()
	}
	if closeErr := res.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return res.Tx(), fmt.Errorf("begin: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return res.Tx(), errRefused
	}
	return res.Tx(), nil
}

func rollback(ctx context.Context, tx pgx.Tx) {
	if tx == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// commit tells "not committed" from "nobody knows". A server that answers with an ordinary error has rolled back; a
// broken connection, a server going down, or a warning (the wait for the synchronous standby was cancelled: the
// commit is only as safe as this one server) leave it open.
func commit(ctx context.Context, tx pgx.Tx) error {
	conn := tx.Conn().PgConn()
	delete(conn.CustomData(), warningKey)
	err := tx.Commit(ctx)
	if err == nil {
		if code, warned := conn.CustomData()[warningKey]; warned {
			return fmt.Errorf("%w: warning %v", errUnknown, code)
		}
		return nil
	}
	var refusal *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR" {
		return fmt.Errorf("commit: %w", err)
	}
	return fmt.Errorf("%w: %w", errUnknown, err)
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
