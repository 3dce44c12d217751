package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Sight is what one server of Postgres shows of a schema: which one it is, and how new. A server that follows another one has all that
// the other had committed before its Beat, because it replays commits in their order.
type Sight struct {
	// System and Database tell the database from every other one: the server's system identifier, which its standbys have too, and the
	// number of the database, which a standby has from its primary.
	System, Database int64
	// Standby is true for a server that follows another one.
	Standby bool
	// Now is the server's clock.
	Now time.Time
	// Table is the number of the table of heartbeats, which a standby has from its primary too; another one is that of another schema.
	Table int64
	// Beat is the newest heartbeat of any process, by the clock of the server that took it.
	Beat time.Time
}

// ErrNoSchema means that a server does not have the schema, or not yet. The Sight then has no table and no heartbeat.
var ErrNoSchema = errors.New("cluster: the server has no such schema")

// Look asks the server of a pool, whose search_path is the schema.
func Look(ctx context.Context, pool *pgxpool.Pool) (Sight, error) {
	found, err := look(ctx, pool, sqlSight)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != undefinedTable {
		return found, err
	}
	if found, err = look(ctx, pool, sqlPlace); err == nil {
		err = ErrNoSchema
	}
	return found, err
}

func look(ctx context.Context, pool *pgxpool.Pool, sql string) (Sight, error) {
	rows, err := pool.Query(ctx, sql)
	var found Sight
	if err == nil {
		found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Sight])
	}
	if err != nil {
		return Sight{}, fmt.Errorf("read the newest heartbeat: %w", err)
	}
	return found, nil
}
