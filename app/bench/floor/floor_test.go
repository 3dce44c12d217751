package floor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// connect is a connection that knows nothing of the baseline's own.
func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), embeddedtest.DatabaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func open(t *testing.T) *Floor {
	t.Helper()
	f, err := Open(t.Context(), embeddedtest.DatabaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A verdict of the baseline is one that stays: another connection finds its rows, all of them, and the server has flushed its log
// past the commit when Sell returns.
func TestEachVerdictIsDurable(t *testing.T) {
	t.Parallel()
	f, look := open(t), connect(t)
	var sellers sync.WaitGroup
	for range 40 {
		sellers.Go(func() {
			for range 5 {
				if err := f.Sell(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sellers.Wait()
	var taken, orders, shoppers, distinct, events int64
	err := look.QueryRow(t.Context(), strings.ReplaceAll(`SELECT (SELECT taken FROM @.stock), count(*), count(DISTINCT user_id), count(DISTINCT unit),
		(SELECT count(*) FROM @.outbox WHERE length(bundle) = 400) FROM @.orders`, "@", f.schema)).Scan(&taken, &orders, &shoppers, &distinct, &events)
	if err != nil || taken != 200 || orders != 200 || shoppers != 200 || distinct != 200 || events != 200 {
		t.Errorf("200 verdicts: %d taken, %d orders of %d shoppers with %d units, %d events, %v", taken, orders, shoppers, distinct, events, err)
	}
	for range 5 {
		var written string
		if err := look.QueryRow(t.Context(), `SELECT pg_current_wal_insert_lsn()`).Scan(&written); err != nil {
			t.Fatal(err)
		}
		if err := f.Sell(t.Context()); err != nil {
			t.Fatal(err)
		}
		var flushed bool
		if err := look.QueryRow(t.Context(), `SELECT pg_current_wal_flush_lsn() > $1::pg_lsn`, written).Scan(&flushed); err != nil || !flushed {
			t.Errorf("the commit is not flushed when it is confirmed (%v)", err)
		}
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := look.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, f.schema).Scan(&left); err != nil || left != 0 {
		t.Errorf("the schema is left behind (%v)", err)
	}
}

// A shopper is never given a second unit, whatever asks for one.
func TestAShopperGetsOneUnit(t *testing.T) {
	t.Parallel()
	f, look := open(t), connect(t)
	defer func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if err := f.Sell(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.next.Store(0)
	if err := f.Sell(t.Context()); err == nil {
		t.Error("the first shopper has two units")
	}
	if err := f.Sell(t.Context()); err != nil {
		t.Errorf("the next shopper: %v", err)
	}
	var taken int64
	if err := look.QueryRow(t.Context(), `SELECT taken FROM `+f.schema+`.stock`).Scan(&taken); err != nil || taken != 2 {
		t.Errorf("%d units are taken, %v", taken, err)
	}
}

func TestAServerThatMayLoseCommitsIsRefused(t *testing.T) {
	t.Parallel()
	address := embeddedtest.DatabaseURL(t)
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	f, err := Open(t.Context(), address+separator+"options=-c%20synchronous_commit%3Doff")
	if !errors.Is(err, ErrNotDurable) {
		t.Errorf("got %v", err)
	}
	if err == nil {
		_ = f.Close(t.Context())
	}
}

func TestAnAddressIsNotPutIntoAnError(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.Context(), "postgres://shop:hush@host:notaport/shop"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}
