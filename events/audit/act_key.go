package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	// ErrKeyRunning means that an act with this key is under way.
	ErrKeyRunning = errors.New("events: an act with this key is under way")
	// ErrKeyReused means that this key was given to another act.
	ErrKeyReused = errors.New("events: this key was given to another act")
)

// keyLife is how long the answer of an act is kept under its key.
const keyLife = 24 * time.Hour

// ActKey is what an operator's act is known by, so that a repeat of it is answered and not done again. The zero value is
// an act without a key.
type ActKey struct {
	// Principal is who acts; each has keys of its own.
	Principal string
	// Key is the client's.
	Key string
	// Route is the address as the route table has it, for people who read the table act_keys.
	Route string
	// Digest tells one request from another.
	Digest [32]byte
}

// AnswerTx is the answer that an act with this key was given within the last day. When there is none, the caller is the only
// one who may act under the key until its transaction ends. Errors: ErrKeyRunning, ErrKeyReused.
func (l *Log) AnswerTx(ctx context.Context, tx pgx.Tx, k ActKey) (answer []byte, found bool, err error) {
	if k.Key == "" {
		return nil, false, nil
	}
	var alone bool
	if err := tx.QueryRow(ctx, sqlKeyLock, k.Principal, k.Key).Scan(&alone); err != nil {
		return nil, false, fmt.Errorf("lock the act's key: %w", err)
	}
	if !alone {
		return nil, false, ErrKeyRunning
	}
	// A statement after the one that locked, so that it sees what the act that had the key before has committed.
	var digest []byte
	err = tx.QueryRow(ctx, sqlKeyed, k.Principal, k.Key, keyLife.Seconds()).Scan(&digest, &answer)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("look for the act's key: %w", err)
	case !bytes.Equal(digest, k.Digest[:]):
		return nil, false, ErrKeyReused
	}
	return answer, true, nil
}

// LingerTx lets the transaction of an act be idle for up to d while other transactions do the act's work. The
// transaction must lock nothing that others wait for except the act's key. The connection's own limit is shorter; it
// exists for a process that is stopped while it has a stock row locked.
func (l *Log) LingerTx(ctx context.Context, tx pgx.Tx, d time.Duration) error {
	if _, err := tx.Exec(ctx, sqlLinger, strconv.FormatInt(d.Milliseconds(), 10)); err != nil {
		return fmt.Errorf("let the act's transaction be idle: %w", err)
	}
	return nil
}

// KeepTx keeps the answer of an act under its key, in the transaction of the act itself, and removes some that are older than
// a day. Without a key it does nothing.
func (l *Log) KeepTx(ctx context.Context, tx pgx.Tx, k ActKey, answer []byte) error {
	if k.Key == "" {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(sqlPruneKeys, keyLife.Seconds())
	b.Queue(sqlKeepKey, k.Principal, k.Key, k.Route, k.Digest[:], answer)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("keep the act's answer: %w", err)
	}
	return nil
}
