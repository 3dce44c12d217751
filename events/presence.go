package events

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
	// forgetAfter is when the row of a process that died without a word is removed.
	forgetAfter = 10 * time.Minute
	beatTimeout = 2 * time.Second
)

// Presence says that this process lives and counts those that do. Safe for concurrent use.
type Presence struct {
	pool *pgxpool.Pool
	id   string
	live atomic.Int64
}

// NewPresence returns the presence of a process whose id no other has.
func NewPresence(pool *pgxpool.Pool, id string) *Presence {
	return &Presence{pool: pool, id: id}
}

// Live is how many processes gave a sign within the last five seconds, this one always included: at least 1. While
// Postgres is away it stays as it was last seen.
func (p *Presence) Live() int { return max(1, int(p.live.Load())) }

// Run gives a sign each second until ctx ends, then takes its row away.
func (p *Presence) Run(ctx context.Context) error {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	defer p.leave(ctx)
	for {
		p.beat(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// beat is silent about failures: who cannot reach Postgres keeps the last count.
func (p *Presence) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	var n int64
	batch := &pgx.Batch{}
	batch.Queue(sqlBeat, p.id)
	batch.Queue(sqlLive, aliveFor.Seconds()).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
	if err := p.pool.SendBatch(ctx, batch).Close(); err == nil {
		p.live.Store(n)
	}
}

func (p *Presence) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTimeout)
	defer cancel()
	_, _ = p.pool.Exec(ctx, sqlGone, p.id, forgetAfter.Seconds())
}
