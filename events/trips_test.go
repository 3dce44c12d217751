package events

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// counted counts how often a connection goes from writing to reading: its round trips.
type counted struct {
	net.Conn
	trips *atomic.Int64
	wrote atomic.Bool
}

func (c *counted) Write(b []byte) (int, error) {
	if !c.wrote.Swap(true) {
		c.trips.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wrote.Store(false)
	return n, err
}

// countingPool has one connection whose round trips are counted.
func (w *world) countingPool() (*pgxpool.Pool, *atomic.Int64) {
	w.Helper()
	trips := &atomic.Int64{}
	cfg := w.pool.Config()
	cfg.MaxConns = 1
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &counted{Conn: conn, trips: trips}, err
	}
	pool, err := pgxpool.NewWithConfig(w.Context(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(pool.Close)
	return pool, trips
}

// A transaction goes to the server twice, however much it reads and writes.
func TestATransactionIsTwoRoundTrips(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, trips := w.countingPool()
	for _, statements := range []int{1, 20} {
		once := func() error {
			tr := NewTransaction(pool, &Fence{SQL: `UPDATE outbox_relay SET epoch = epoch + 1`})
			defer tr.End(t.Context())
			for range statements {
				tr.Reads.Queue(`SELECT 1`)
				tr.Writes.Queue(`INSERT INTO shop_commits DEFAULT VALUES`)
			}
			if _, err := tr.Begin(t.Context()); err != nil {
				return err
			}
			return tr.Commit(t.Context())
		}
		if err := once(); err != nil { // the first one prepares the statements
			t.Fatal(err)
		}
		before := trips.Load()
		if err := once(); err != nil {
			t.Fatal(err)
		}
		if n := trips.Load() - before; n != 2 {
			t.Errorf("%d round trips for %d statements", n, statements)
		}
	}
}

// What goes out with the commit has no second chance: if it fails, or says that it changed other rows than it should,
// nothing of the transaction stands, the connection is fit for the next one, and the error is one that is tried again.
func TestAWriteThatFailsTakesTheCommitWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := w.countingPool()
	for what, sql := range map[string]string{
		"too few rows": `WITH done AS (UPDATE shop_commits SET id = DEFAULT WHERE id < 0 RETURNING 1) SELECT must_change(count(*), 1) FROM done`,
		"no table":     `INSERT INTO nothing_there VALUES (1)`,
	} {
		err := func() error {
			tr := NewTransaction(pool, nil)
			defer tr.End(t.Context())
			if _, err := tr.Begin(t.Context()); err != nil {
				return err
			}
			tr.Writes.Queue(`INSERT INTO shop_commits DEFAULT VALUES`)
			tr.Writes.Queue(sql)
			tr.Writes.Queue(`INSERT INTO shop_commits DEFAULT VALUES`)
			return tr.Commit(t.Context())
		}()
		if err == nil || errors.Is(err, ErrUnknown) || permanent(err) {
			t.Errorf("%s: %v", what, err)
		}
		if n := w.count(`SELECT count(*) FROM shop_commits`); n != 0 {
			t.Errorf("%s: %d rows were committed", what, n)
		}
		if err := pool.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
