package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/sale/saletest"
)

// blockedPair is two transactions of which the second one waits for a lock of the first.
type blockedPair struct {
	*ledgerFixture
	first pgx.Tx
	ended chan error
}

// openBlockedPair does the first part in a transaction that stays open, and the second part in another. It returns when the
// second one waits for a lock.
func openBlockedPair(d *ledgerFixture, first, second func(tx pgx.Tx) error) *blockedPair {
	d.t.Helper()
	ctx := saletest.Context(d.t)
	tx, err := d.Pool.Begin(ctx)
	d.Must(err)
	d.t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // the test's own context has ended
	d.Must(first(tx))
	p := &blockedPair{d, tx, make(chan error, 1)}
	process := make(chan uint32, 1)
	go func() {
		p.ended <- pgx.BeginFunc(ctx, d.Pool, func(tx pgx.Tx) error {
			process <- tx.Conn().PgConn().PID()
			return second(tx)
		})
	}()
	p.awaitLockOf(<-process)
	return p
}

func (p *blockedPair) awaitLockOf(process uint32) {
	p.t.Helper()
	saletest.InTime(p.t, "the second transaction waits for a lock", func() bool {
		if len(p.ended) > 0 {
			p.t.Fatalf("the second transaction did not wait for the first; it ended with %v", <-p.ended)
		}
		return p.Number(`SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`, process) > 0
	})
}

// commit ends the first transaction.
func (p *blockedPair) commit() {
	p.t.Helper()
	p.Must(p.first.Commit(saletest.Context(p.t)))
}

// second is how the second transaction ended.
func (p *blockedPair) second() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(saletest.Patience):
		p.t.Fatal("the second transaction still waits")
		return nil
	}
}
