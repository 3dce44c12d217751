package outbox

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// The relay passes a row's number once every transaction as old as the row is over. A transaction that draws a row's
// number before its own number looks younger than the row, so the relay does not wait for it. This test stops one where
// it draws the row's number.
func TestATransactionHasItsNumberBeforeItsRowsHaveTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	holdUp, err := w.Pool.Begin(t.Context())
	if err == nil {
		_, err = holdUp.Exec(t.Context(), `ALTER SEQUENCE outbox_id_seq CACHE 1`)
	}
	if err != nil {
		t.Fatal(err)
	}
	o, pids, appended := New(w.Pool, w.log), make(chan uint32, 1), make(chan error, 1)
	go func() {
		appended <- pgx.BeginFunc(w.Context(), w.Pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(w.Context(), `SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0`); err != nil {
				return err
			}
			pids <- tx.Conn().PgConn().PID()
			return o.AppendTx(w.Context(), tx, numbered(1, 0, 1))
		})
	}()
	pid := <-pids
	w.Eventually("it draws the row's number", func() bool {
		return w.Count(`SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted AND relation = 'outbox_id_seq'::regclass`, pid) == 1
	})
	if n := w.Count(`SELECT count(backend_xid) FROM pg_stat_activity WHERE pid = $1`, pid); n != 1 {
		t.Error("the transaction has no number of its own yet")
	}
	if err := holdUp.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-appended; err != nil {
		t.Error(err)
	}
}
