package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
)

const (
	beatEvery = time.Second
	// aliveFor is how old a heartbeat may be, by Postgres' clock.
	aliveFor = 5 * time.Second
	// forgetAfter is when the row of a process that was killed is removed.
	forgetAfter = 10 * time.Minute
	beatTimeout = 2 * time.Second
)

// Heartbeat says that this process lives and counts those that do. Safe for concurrent use.
type Heartbeat struct {
	pool *pgxpool.Pool
	id   string
	live atomic.Int64
}

// NewHeartbeat returns the heartbeat of a process. No other process has the same id.
func NewHeartbeat(pool *pgxpool.Pool, id string) *Heartbeat {
	return &Heartbeat{pool: pool, id: id}
}

// Live is how many processes sent a heartbeat within the last five seconds, this one always included: at least 1. While
// Postgres is away it stays as it was last seen.
func (h *Heartbeat) Live() int { return max(1, int(h.live.Load())) }

// Process is one that sends heartbeats.
type Process struct {
	ID    string
	Since time.Time
}

// livingPause is the time between two looks at the heartbeats.
const livingPause = 250 * time.Millisecond

// Living lists the processes of the schema that is the pool's search_path when at least one is certainly alive: its heartbeat
// came while Living looked. The row of a process that was killed stands still; Living waits until it is too old to count. A
// schema without the table has no processes.
func Living(ctx context.Context, pool *pgxpool.Pool) ([]Process, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*aliveFor)
	defer cancel()
	first := map[string]time.Time{}
	for {
		rows, err := recent(ctx, pool)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		var all []Process
		beats := false
		for _, row := range rows {
			seen, known := first[row.ID]
			if !known {
				first[row.ID] = row.Seen
			}
			beats = beats || known && row.Seen.After(seen)
			all = append(all, Process{row.ID, row.Since})
		}
		if beats {
			return all, nil
		}
		if err := events.Pause(ctx, livingPause); err != nil {
			return nil, err
		}
	}
}

// sign is the newest heartbeat of a process.
type sign struct {
	ID          string
	Since, Seen time.Time
}

// recent are the heartbeats that still count.
func recent(ctx context.Context, pool *pgxpool.Pool) ([]sign, error) {
	rows, err := pool.Query(ctx, sqlRecent, aliveFor.Seconds())
	var signs []sign
	if err == nil {
		signs, err = pgx.CollectRows(rows, pgx.RowToStructByPos[sign])
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == undefinedTable {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the heartbeats: %w", err)
	}
	return signs, nil
}

// undefinedTable is Postgres' code for a table that does not exist.
const undefinedTable = "42P01"

// Run sends a heartbeat each second until ctx ends, then removes its row.
func (h *Heartbeat) Run(ctx context.Context) error {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	defer h.leave(ctx)
	for {
		h.beat(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// beat reports no failure: a process that cannot reach Postgres keeps the last count.
func (h *Heartbeat) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	var n int64
	batch := &pgx.Batch{}
	batch.Queue(sqlBeat, h.id)
	batch.Queue(sqlLive, aliveFor.Seconds()).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
	if err := h.pool.SendBatch(ctx, batch).Close(); err == nil {
		h.live.Store(n)
	}
}

func (h *Heartbeat) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTimeout)
	defer cancel()
	_, _ = h.pool.Exec(ctx, sqlGone, h.id, forgetAfter.Seconds())
}
