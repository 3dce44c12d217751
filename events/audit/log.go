package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Log is the log of what operators did. The table refuses changes to what it holds. Safe for concurrent use.
type Log struct{ pool *pgxpool.Pool }

// New returns the audit log of the pool's schema.
func New(pool *pgxpool.Pool) *Log { return &Log{pool: pool} }

// Entry is one act of an operator: who did what to what, from where and by what.
type Entry struct {
	Actor string
	// Network is the address of the client, empty for a command.
	Network string
	// Means is "session", "token NAME", "command" or "demo mode".
	Means   string
	Action  string
	Subject string
	// Detail is kept as JSON.
	Detail any
}

// Recorded is an entry as it was written. ID and At are given by Postgres; Detail is JSON.
type Recorded struct {
	ID      int64
	At      time.Time
	Actor   string
	Network string
	Means   string
	Action  string
	Subject string
	Detail  json.RawMessage
}

// RecordTx writes an entry in the transaction of the act itself: neither is there without the other.
func (l *Log) RecordTx(ctx context.Context, tx pgx.Tx, e Entry) error {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("encode audit entry %s: %w", e.Action, err)
	}
	if _, err := tx.Exec(ctx, sqlRecord, e.Actor, e.Network, e.Means, e.Action, e.Subject, string(detail)); err != nil {
		return fmt.Errorf("record audit entry %s: %w", e.Action, err)
	}
	return nil
}

// Recent returns the newest n entries, newest first.
func (l *Log) Recent(ctx context.Context, n int) ([]Recorded, error) {
	rows, err := l.pool.Query(ctx, sqlRecent, n)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	entries, err := pgx.CollectRows(rows, scanRecorded)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return entries, nil
}
