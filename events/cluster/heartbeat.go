package cluster

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
