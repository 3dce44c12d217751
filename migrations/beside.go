package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// A migration runs beside purchases. What it locks, others wait for: also while it only waits for a lock itself, because whoever comes
// after it stands behind it. So it waits lockPatience at most, lets the others pass, and tries again. And what takes long on a
// large table, which is building an index, is done while it is written to.

const (
	// lockPatience is how long a statement may wait for a lock.
	lockPatience = 100 * time.Millisecond
	// lockPause is between two tries, of which there are lockTries for one migration: a minute and a half in all.
	lockPause = 200 * time.Millisecond
	lockTries = 300
	// codeLockTaken is Postgres' lock_not_available.
	codeLockTaken = "55P03"
)

// openBeside opens connections whose statements wait for no lock longer than lockPatience.
func openBeside(pool *pgxpool.Pool) *sql.DB {
	cfg := pool.Config().ConnConfig.Copy()
	cfg.RuntimeParams["lock_timeout"] = fmt.Sprint(lockPatience.Milliseconds())
	return stdlib.OpenDB(*cfg)
}

func lockTaken(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == codeLockTaken
}

// longLocked says what to do about a lock that was not free in time.
func longLocked(err error) error {
	if !lockTaken(err) {
		return err
	}
	return fmt.Errorf("a long transaction keeps what the migration has to lock; nothing of it was done: end that transaction (pg_stat_activity), and try again: %w", err)
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(lockPause):
		return nil
	}
}

// concurrently are migrations that build an index on a table that may be large, in the form in which purchases do not wait for it. What
// they make is the same. The index is dropped first, because a building that was cut off leaves one that is of no use. Building waits for
// the transactions of others, for which the limit of locks is too short; they do not wait for it.
func concurrently() map[string]string {
	return map[string]string{"00030_order_list.sql": `-- +goose NO TRANSACTION
-- +goose Up
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS orders_cancelled;
CREATE INDEX CONCURRENTLY orders_cancelled ON orders (sale_id, generation, unit, id) WHERE state = 'cancelled';
RESET lock_timeout;

-- +goose Down
DROP INDEX orders_cancelled;
`}
}

// filesFor are the migrations as they are, and in the other form for a schema that has orders.
func filesFor(ctx context.Context, pool *pgxpool.Pool) (fs.FS, error) {
	var there, some bool
	err := pool.QueryRow(ctx, `SELECT to_regclass('orders') IS NOT NULL`).Scan(&there)
	if err == nil && there {
		err = pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM orders)`).Scan(&some)
	}
	if err != nil {
		return nil, fmt.Errorf("look for orders: %w", err)
	}
	if !some {
		return files, nil
	}
	return besideOrders{files}, nil
}

// besideOrders has some files in another form.
type besideOrders struct{ embed.FS }

func (b besideOrders) Open(name string) (fs.File, error) {
	f, err := b.FS.Open(name)
	if other, ok := concurrently()[name]; ok && err == nil {
		return inOtherForm{f, strings.NewReader(other)}, nil
	}
	return f, err
}

func (b besideOrders) ReadFile(name string) ([]byte, error) {
	if other, ok := concurrently()[name]; ok {
		return []byte(other), nil
	}
	return b.FS.ReadFile(name)
}

type inOtherForm struct {
	fs.File
	text *strings.Reader
}

func (f inOtherForm) Read(b []byte) (int, error) { return f.text.Read(b) }
