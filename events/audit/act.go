package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// ErrOutcomeUnknown means that nobody knows whether an act was carried out: its commit was sent, and neither the answer
// nor a later look shows how it ended.
var ErrOutcomeUnknown = errors.New("events: nobody knows whether the act was committed")

const (
	// settleTime is for how long the outcome of an act whose commit got no answer is looked for.
	settleTime  = 3 * time.Second
	settleEvery = 50 * time.Millisecond
	// lockTime bounds each wait of an act for what another transaction has locked.
	lockTime = 2 * time.Second
)

// Act runs an operator's act in a transaction of its own. Without an error it is committed; ErrOutcomeUnknown leaves that
// open; any other error means that nothing was done. When the connection is lost during the commit, the server is asked
// what became of the transaction. A statement that waits for a lock longer than two seconds fails with SQLSTATE 55P03.
func (l *Log) Act(ctx context.Context, do func(tx pgx.Tx) error) error {
	var id string
	err := events.Transact(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockTime, strconv.FormatInt(lockTime.Milliseconds(), 10)); err != nil {
			return fmt.Errorf("bound the waits for locks: %w", err)
		}
		if err := do(tx); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlThisTransaction).Scan(&id); err != nil {
			return fmt.Errorf("number of the transaction: %w", err)
		}
		return ctx.Err()
	})
	switch {
	case !errors.Is(err, events.ErrUnknown):
		return err
	case errors.Is(err, events.ErrUnconfirmed):
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return l.settle(ctx, id, err)
}

// settle finds out how a transaction whose commit got no answer has ended. lost is why there was no answer.
func (l *Log) settle(ctx context.Context, id string, lost error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	for {
		status, err := l.transactionEnd(ctx, id)
		switch {
		case err == nil && status == "committed":
			return nil
		case err == nil && status == "aborted":
			return fmt.Errorf("the act was not committed: %w", lost)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, errors.Join(lost, err))
		case <-time.After(settleEvery):
		}
	}
}

// transactionEnd is "committed", "aborted", "in progress", or empty for a transaction of long ago.
func (l *Log) transactionEnd(ctx context.Context, id string) (status string, err error) {
	err = events.Transact(ctx, l.pool, func(tx pgx.Tx) error {
		var proof string
		return tx.QueryRow(ctx, sqlTransactionEnd, id).Scan(&status, &proof)
	})
	return status, err
}
