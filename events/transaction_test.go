package events_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// newWorld has a table that the commits write to.
func newWorld(t *testing.T) *eventstest.World {
	t.Helper()
	w := eventstest.New(t, events.WatchNotices)
	w.Exec(`CREATE TABLE shop_commits (id bigint GENERATED ALWAYS AS IDENTITY)`)
	return w
}

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
func countingPool(w *eventstest.World) (*pgxpool.Pool, *atomic.Int64) {
	w.Helper()
	trips := &atomic.Int64{}
	cfg := w.Pool.Config()
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
	pool, trips := countingPool(w)
	for _, statements := range []int{1, 20} {
		once := func() error {
			tr := events.NewTransaction(pool, &events.Fence{SQL: `UPDATE outbox_relay SET epoch = epoch + 1`})
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

// The writes are sent together with the commit. If one fails, or changes another number of rows than it should, nothing
// of the transaction is committed, the connection can be used for the next one, and the error is one that is tried
// again.
func TestAWriteThatFailsMakesTheCommitFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := countingPool(w)
	for what, sql := range map[string]string{
		"too few rows": `WITH done AS (UPDATE shop_commits SET id = DEFAULT WHERE id < 0 RETURNING 1) SELECT must_change(count(*), 1) FROM done`,
		"no table":     `INSERT INTO nothing_there VALUES (1)`,
	} {
		err := func() error {
			tr := events.NewTransaction(pool, nil)
			defer tr.End(t.Context())
			if _, err := tr.Begin(t.Context()); err != nil {
				return err
			}
			tr.Writes.Queue(`INSERT INTO shop_commits DEFAULT VALUES`)
			tr.Writes.Queue(sql)
			tr.Writes.Queue(`INSERT INTO shop_commits DEFAULT VALUES`)
			return tr.Commit(t.Context())
		}()
		if err == nil || errors.Is(err, events.ErrUnknown) || strings.HasPrefix(events.SQLState(err), "23") {
			t.Errorf("%s: %v", what, err)
		}
		if n := w.Count(`SELECT count(*) FROM shop_commits`); n != 0 {
			t.Errorf("%s: %d rows were committed", what, n)
		}
		if err := pool.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestACommitWithAWarningIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// As Postgres does when the wait for a synchronous standby is cancelled.
	w.Exec(`CREATE TABLE warned_about (id int); CREATE SEQUENCE warned;
		CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $f$
		BEGIN
			IF nextval('warned') <= 1 THEN
				RAISE WARNING 'canceling wait for synchronous replication due to user request';
			END IF;
			RETURN NULL;
		END $f$;
		CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON warned_about DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION warn()`)
	put := func() error {
		return events.Transact(t.Context(), w.Pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO warned_about VALUES (1)`)
			return err
		})
	}
	if err := put(); !errors.Is(err, events.ErrUnknown) {
		t.Errorf("a commit with a warning gave %v", err)
	}
	if err := put(); err != nil {
		t.Errorf("the connection still remembers the warning: %v", err)
	}
}

func TestTransactionLeavesNothingBehindWhenItFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	failure := errors.New("no")
	insert := func(tx pgx.Tx) {
		if _, err := tx.Exec(ctx, `INSERT INTO processes (id) VALUES ('x')`); err != nil {
			t.Error(err)
		}
	}
	if err := events.Transact(ctx, w.Pool, func(tx pgx.Tx) error { insert(tx); return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	begin := func(f *events.Fence) error {
		tr := events.NewTransaction(w.Pool, f)
		defer tr.End(ctx)
		_, err := tr.Begin(ctx)
		return err
	}
	if err := begin(&events.Fence{SQL: `UPDATE processes SET seen_at = now() WHERE id = $1`, Args: []any{"nobody"}}); !errors.Is(err, events.ErrFenced) {
		t.Errorf("a fence without a row gave %v", err)
	}
	if err := begin(&events.Fence{SQL: `UPDATE nothing_there SET x = 1`}); err == nil || errors.Is(err, events.ErrUnknown) {
		t.Errorf("a broken fence gave %v", err)
	}
	if n := w.Count(`SELECT count(*) FROM processes`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	cancelled, cancel := context.WithCancel(ctx)
	err := events.Transact(cancelled, w.Pool, func(tx pgx.Tx) error { insert(tx); cancel(); return nil })
	if err == nil {
		t.Error("a commit under a cancelled context succeeded")
	}
}

func TestDeferredConstraintIsARefusalNotAnUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Pool.Exec(t.Context(), `CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`); err != nil {
		t.Fatal(err)
	}
	err := events.Transact(t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO once VALUES (1), (1)`)
		return err
	})
	if errors.Is(err, events.ErrUnknown) || events.SQLState(err) != "23505" {
		t.Errorf("got %v", err)
	}
}

func TestConfirmedReportsAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, err := w.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	run := func(sql string) error {
		return events.Confirmed(conn.Conn(), func() error { _, err := conn.Exec(t.Context(), sql); return err })
	}
	if err := run(`DO $$ BEGIN RAISE WARNING 'not confirmed'; END $$`); !errors.Is(err, events.ErrUnconfirmed) {
		t.Errorf("a warning gave %v", err)
	}
	if err := run(`DO $$ BEGIN RAISE NOTICE 'by the way'; END $$`); err != nil {
		t.Errorf("a notice after a warning gave %v", err)
	}
	if err := run(`no SQL`); err == nil || errors.Is(err, events.ErrUnconfirmed) {
		t.Errorf("a failure gave %v", err)
	}
}
