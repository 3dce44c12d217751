package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// blockedPair are two transactions that want the same sale. The second one waits for the first, which has done its part
// and has not ended.
type blockedPair struct {
	holder pgx.Tx
	waiter chan error
}

// openBlockedPair runs both parts and returns once the second one waits for a lock.
func openBlockedPair(t *testing.T, d *ledgerFixture, first, second func(tx pgx.Tx) error) *blockedPair {
	t.Helper()
	holder, err := d.pool.Begin(saletest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Rollback(context.Background()) }) // the test's own context has ended
	if err := first(holder); err != nil {
		t.Fatal(err)
	}
	r := &blockedPair{holder: holder, waiter: make(chan error, 1)}
	process := make(chan uint32, 1)
	ctx := saletest.Context(t)
	go func() {
		r.waiter <- pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
			process <- tx.Conn().PgConn().PID()
			return second(tx)
		})
	}()
	r.untilItWaits(t, d, <-process)
	return r
}

func (r *blockedPair) untilItWaits(t *testing.T, d *ledgerFixture, pid uint32) {
	t.Helper()
	for deadline := time.Now().Add(saletest.Patience); ; time.Sleep(time.Millisecond) {
		waits := d.number(t, `SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`, pid)
		switch {
		case waits > 0:
			return
		case len(r.waiter) > 0 || time.Now().After(deadline):
			t.Fatal("the second transaction does not wait for the first")
		}
	}
}

func (r *blockedPair) commit(t *testing.T) {
	t.Helper()
	if err := r.holder.Commit(saletest.Context(t)); err != nil {
		t.Fatal(err)
	}
}

// second is how the waiting transaction ended.
func (r *blockedPair) second(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.waiter:
		return err
	case <-time.After(saletest.Patience):
		t.Fatal("the second transaction still waits")
		return nil
	}
}

func TestTheLastUnitGoesToWhoeverCommits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		commits bool
		want    events.Outcome
	}{"the first commits": {true, events.Declined}, "the first rolls back": {false, events.Ordered}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openLedger(t, 1)
			var late events.Decision
			r := openBlockedPair(t, d, func(tx pgx.Tx) error {
				_, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{d.claim(1, 1)})
				return err
			}, func(tx pgx.Tx) (err error) {
				late, err = d.DecideTx(t.Context(), tx, events.Direct, []events.Claim{d.claim(2, 1), d.claim(1, 1)})
				return err
			})
			if c.commits {
				r.commit(t)
			} else if err := r.holder.Rollback(saletest.Context(t)); err != nil {
				t.Fatal(err)
			}
			if err := r.second(t); err != nil {
				t.Fatal(err)
			}
			if v := late.Verdicts[0]; v.Outcome != c.want || !v.Fresh {
				t.Errorf("the other shopper: %+v", v)
			}
			// The first shopper's claim was decided by the first transaction exactly if that committed.
			if v := late.Verdicts[1]; v.Fresh == c.commits || (v.Outcome == events.Ordered) != c.commits {
				t.Errorf("the same claim by the other path: %+v", v)
			}
			d.audit(t)
		})
	}
}

// Pause is a stop button: what is under way counts, nothing that is decided after its commit does.
func TestAPauseWaitsForTheDecisionUnderWay(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	r := openBlockedPair(t, d, func(tx pgx.Tx) error {
		made, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{d.claim(1, 1)})
		if err == nil && made.Verdicts[0].Outcome != events.Ordered {
			err = fmt.Errorf("verdict %+v", made.Verdicts[0])
		}
		return err
	}, func(tx pgx.Tx) error { return d.PauseTx(t.Context(), tx, firstSlug) })
	r.commit(t)
	if err := r.second(t); err != nil {
		t.Fatal(err)
	}
	if v := d.one(t, d.claim(2, 1)); v.Reason != events.ReasonPaused {
		t.Errorf("after the pause: %+v", v)
	}
}

func TestADecisionWaitsForTheMoveUnderWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move   func(d *ledgerFixture, ctx context.Context, tx pgx.Tx) error
		reason sale.Reason
	}{
		"pause": {func(d *ledgerFixture, ctx context.Context, tx pgx.Tx) error { return d.PauseTx(ctx, tx, firstSlug) }, events.ReasonPaused},
		"close": {func(d *ledgerFixture, ctx context.Context, tx pgx.Tx) error { return d.CloseTx(ctx, tx, firstSlug) }, events.ReasonEnded},
		"reset": {func(d *ledgerFixture, ctx context.Context, tx pgx.Tx) error {
			_, err := d.BeginGenerationTx(ctx, tx, firstSlug, KeepTotal)
			return err
		}, events.ReasonGenerationChanged},
		"fewer units": {func(d *ledgerFixture, ctx context.Context, tx pgx.Tx) error {
			_, err := d.SetTotalTx(ctx, tx, firstSlug, 0)
			return err
		}, events.ReasonSoldOut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openLedger(t, 5)
			r := openBlockedPair(t, d, func(tx pgx.Tx) error { return c.move(d, t.Context(), tx) }, func(tx pgx.Tx) error {
				made, err := d.DecideTx(t.Context(), tx, events.Direct, []events.Claim{d.claim(1, 1)})
				if err == nil && made.Verdicts[0].Reason != c.reason {
					t.Errorf("decided after it: %+v, want %s", made.Verdicts[0], c.reason)
				}
				return err
			})
			r.commit(t)
			if err := r.second(t); err != nil {
				t.Fatal(err)
			}
			d.audit(t)
		})
	}
}

// A second operator waits for a moment. The first one may be done by then; else the second is told, and not kept.
func TestASecondOperatorWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	var second sale.Level
	r := openBlockedPair(t, d, func(tx pgx.Tx) error {
		_, err := d.BeginGenerationTx(t.Context(), tx, firstSlug, 7)
		return err
	}, func(tx pgx.Tx) (err error) {
		second, err = d.BeginGenerationTx(t.Context(), tx, firstSlug, KeepTotal)
		return err
	})
	r.commit(t)
	if err := r.second(t); err != nil {
		t.Fatal(err)
	}
	if second.Generation != 3 || second.Total != 7 {
		t.Errorf("the second generation begun: %+v; it did not see the first", second)
	}
	d.read(t)
	if v := d.one(t, d.claim(1, 1)); v.Outcome != events.Ordered {
		t.Errorf("a claim of generation %d: %+v", d.Generation, v)
	}
}

// No stock row can be locked for a sale that does not exist, so both transactions come to a verdict of their own. The
// second one fails, and its retry finds the first one's.
func TestAClaimForNoSaleHasOneVerdictAllTheSame(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	nowhere := saletest.Claim(sale.Key{Sale: d.Sale + 50, Generation: 1}, 1, 1)
	decide := func(tx pgx.Tx) error {
		_, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{nowhere, d.claim(1, 1)})
		return err
	}
	// The real sale's row would make the second wait before it reads; so it only brings the other claim.
	r := openBlockedPair(t, d, decide, func(tx pgx.Tx) error {
		_, err := d.DecideTx(t.Context(), tx, events.Direct, []events.Claim{nowhere})
		return err
	})
	r.commit(t)
	if err := r.second(t); err == nil {
		t.Error("two transactions gave the same claim its first verdict")
	}
	if v := d.one(t, nowhere); v.Fresh || v.Reason != events.ReasonUndecidable {
		t.Errorf("the retry found %+v", v)
	}
}

func TestTransactionsOverSeveralSalesDoNotBlockEachOtherForEver(t *testing.T) {
	t.Parallel()
	const rounds = 25
	a := openLedger(t, 10*rounds)
	b := a.secondSale(t, 10*rounds)
	var both sync.WaitGroup
	for path := range 4 {
		both.Go(func() {
			for i := range int64(rounds) {
				claims := []events.Claim{a.claim(i*4+int64(path), 1), b.claim(i*4+int64(path), 1)}
				if path%2 == 1 {
					claims[0], claims[1] = claims[1], claims[0]
				}
				err := a.try(t, func(tx pgx.Tx) error {
					made, err := a.DecideTx(t.Context(), tx, events.FromLog, claims)
					if err == nil && len(made.Stocks) != 2 {
						err = fmt.Errorf("stocks of both sales: %+v", made.Stocks)
					}
					return err
				})
				if err != nil {
					t.Errorf("round %d of path %d: %v", i, path, err)
				}
			}
		})
	}
	both.Wait()
	for _, d := range []*ledgerFixture{a, b} {
		if l := d.level(t); l.Taken != 4*rounds {
			t.Errorf("%+v, want %d taken", l, 4*rounds)
		}
	}
	a.audit(t)
}
