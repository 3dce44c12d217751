// Package floor is the least that a durable verdict costs: one claim, one transaction in Postgres, nothing else. `flashsale bench
// --curve` measures it beside the product, on the same server, because no design that says "bought" after a commit can answer
// faster than this.
//
// The statements have the shape of the ledger's: the stock row is locked, the shopper's order is looked for, then the unit is
// taken, the order and its event are written, and the transaction commits. As in the ledger they go in two round trips, with the
// same indexes on the orders and as many bytes in the event. What is missing is everything around it: places, the log, batches.
//
// The package knows only Postgres. Its tables are in a schema of their own, which Close removes.
package floor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connections is how many transactions run at once, like the pool of an ordinary service. They wait for each other at the
	// stock row, so more make it no faster.
	connections = 16
	// eventBytes is the size of an event's payload.
	eventBytes = 400
	// setUpTime bounds the making and the removal of the tables.
	setUpTime = 30 * time.Second
)

// ErrNotDurable means that the server may lose a commit that it has confirmed, by its settings. What a transaction costs there says
// nothing about durable ones.
var ErrNotDurable = errors.New("the server may lose commits")

const (
	sqlTables = `
CREATE TABLE stock (sale_id bigint, generation bigint, total bigint NOT NULL, taken bigint NOT NULL CHECK (taken BETWEEN 0 AND total),
	next_unit bigint NOT NULL, version bigint NOT NULL, PRIMARY KEY (sale_id, generation)) WITH (fillfactor = 10);
CREATE TABLE orders (id uuid PRIMARY KEY, sale_id bigint NOT NULL, generation bigint NOT NULL, user_id bigint NOT NULL,
	username text NOT NULL, unit bigint NOT NULL, attempt int NOT NULL, revision bigint NOT NULL, decided_at timestamptz NOT NULL,
	released_at timestamptz);
CREATE UNIQUE INDEX ON orders (sale_id, generation, user_id) WHERE released_at IS NULL;
CREATE UNIQUE INDEX ON orders (unit, sale_id, generation) WHERE released_at IS NULL;
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sale_id bigint NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(), published_at timestamptz, bundle bytea NOT NULL);
INSERT INTO stock VALUES (1, 1, 1000000000, 0, 1, 1)`

	sqlDurable = `SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'`

	sqlLock  = `SELECT next_unit, version FROM stock WHERE sale_id = 1 AND generation = 1 FOR UPDATE`
	sqlOrder = `SELECT count(*) FROM orders WHERE sale_id = 1 AND generation = 1 AND user_id = $1 AND released_at IS NULL`

	sqlTake = `UPDATE stock SET taken = taken + 1, next_unit = next_unit + 1, version = version + 1
		WHERE sale_id = 1 AND generation = 1 AND version = $1`
	sqlInsert = `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
		VALUES ($1, 1, 1, $2, $3, $4, 1, $5, clock_timestamp())`
	sqlEvent = `INSERT INTO outbox (sale_id, bundle) VALUES (1, $1)`
)

// Floor makes verdicts in a schema of its own. Safe for concurrent use.
type Floor struct {
	pool   *pgxpool.Pool
	schema string
	event  []byte
	next   atomic.Int64 // the shopper who asked last
}

// Open makes the tables on the server of that address. The error is ErrNotDurable if the server may lose commits.
func Open(ctx context.Context, address string) (*Floor, error) {
	ctx, cancel := context.WithTimeout(ctx, setUpTime)
	defer cancel()
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("open the baseline: the address of Postgres cannot be read") // the cause may contain a password
	}
	var random [4]byte
	rand.Read(random[:])
	f := &Floor{schema: "bench_floor_" + hex.EncodeToString(random[:]), event: make([]byte, eventBytes)}
	rand.Read(f.event) // bytes that cannot be compressed
	cfg.MaxConns = connections
	cfg.ConnConfig.RuntimeParams["search_path"] = f.schema
	if f.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("open the baseline: %w", err)
	}
	if err := f.create(ctx); err != nil {
		return nil, fmt.Errorf("open the baseline: %w", errors.Join(err, f.Close(context.WithoutCancel(ctx))))
	}
	return f, nil
}

func (f *Floor) create(ctx context.Context) error {
	var durable bool
	if err := f.pool.QueryRow(ctx, sqlDurable).Scan(&durable); err != nil {
		return err
	}
	if !durable {
		return ErrNotDurable
	}
	_, err := f.pool.Exec(ctx, "CREATE SCHEMA "+f.schema+";"+sqlTables, pgx.QueryExecModeSimpleProtocol)
	return err
}

// Sell gives the next shopper a unit. When it returns nil, the order is committed.
func (f *Floor) Sell(ctx context.Context) error {
	shopper := f.next.Add(1)
	conn, err := f.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var unit, version, orders int64
	reads := &pgx.Batch{}
	reads.BeginTx(pgx.TxOptions{})
	reads.Queue(sqlLock).QueryRow(func(row pgx.Row) error { return row.Scan(&unit, &version) })
	reads.Queue(sqlOrder, shopper).QueryRow(func(row pgx.Row) error { return row.Scan(&orders) })
	sent := conn.SendBatch(ctx, reads)
	err = sent.Close()
	tx := sent.Tx()
	if err == nil && orders > 0 {
		err = fmt.Errorf("shopper %d has an order already", shopper)
	}
	if err == nil {
		err = f.write(ctx, tx, shopper, unit, version)
	}
	if err != nil && tx != nil {
		_ = tx.Rollback(ctx) // it is the first error that counts
	}
	return err
}

// write is the second round trip: the verdict and its commit.
func (f *Floor) write(ctx context.Context, tx pgx.Tx, shopper, unit, version int64) error {
	var id [16]byte
	rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUIDv8, as ids of claims are
	writes := &pgx.Batch{}
	writes.Queue(sqlTake, version)
	writes.Queue(sqlInsert, id, shopper, "shopper_"+strconv.FormatInt(shopper, 10), unit, version+1)
	writes.Queue(sqlEvent, f.event)
	writes.Queue(`commit`).Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, writes).Close()
}

// Close removes the tables.
func (f *Floor) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, setUpTime)
	defer cancel()
	defer f.pool.Close()
	if _, err := f.pool.Exec(ctx, "DROP SCHEMA IF EXISTS "+f.schema+" CASCADE"); err != nil {
		return fmt.Errorf("the schema %s of the baseline is left behind; remove it with DROP SCHEMA %s CASCADE: %w", f.schema, f.schema, err)
	}
	return nil
}
