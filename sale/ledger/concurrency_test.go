package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestADecisionOnTheLastUnitWaitsForTheOneBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		commits bool
		want    events.Outcome
	}{"the first commits": {true, events.Declined}, "the first rolls back": {false, events.Ordered}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openLedger(t, 1)
			var second events.Decision
			p := openBlockedPair(d, func(tx pgx.Tx) error {
				_, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{d.claim(1, 1)})
				return err
			}, func(tx pgx.Tx) (err error) {
				second, err = d.DecideTx(t.Context(), tx, events.Direct, []events.Claim{d.claim(2, 1), d.claim(1, 1)})
				return err
			})
			if c.commits {
				p.commit()
			} else {
				d.Must(p.first.Rollback(saletest.Context(t)))
			}
			d.Must(p.second())
			if v := second.Verdicts[0]; v.Outcome != c.want || !v.Fresh {
				t.Errorf("the other shopper: %+v", v)
			}
			// The first shopper's claim has a verdict already if the first transaction committed.
			if v := second.Verdicts[1]; v.Fresh == c.commits || (v.Outcome == events.Ordered) != c.commits {
				t.Errorf("the same claim by the other path: %+v", v)
			}
			d.verify()
		})
	}
}

func TestAPauseWaitsForADecision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	p := openBlockedPair(d, func(tx pgx.Tx) error {
		made, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{d.claim(1, 1)})
		if err == nil && made.Verdicts[0].Outcome != events.Ordered {
			err = fmt.Errorf("verdict %+v", made.Verdicts[0])
		}
		return err
	}, func(tx pgx.Tx) error { return d.PauseTx(t.Context(), tx, firstSlug) })
	p.commit()
	d.Must(p.second())
	if v := d.decideOne(d.claim(2, 1)); v.Reason != events.ReasonPaused {
		t.Errorf("after the pause: %+v", v)
	}
}

func TestADecisionWaitsForAnAct(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act    func(d *ledgerFixture, ctx context.Context, tx pgx.Tx) error
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
			p := openBlockedPair(d, func(tx pgx.Tx) error { return c.act(d, t.Context(), tx) }, func(tx pgx.Tx) error {
				made, err := d.DecideTx(t.Context(), tx, events.Direct, []events.Claim{d.claim(1, 1)})
				if err == nil && made.Verdicts[0].Reason != c.reason {
					t.Errorf("decided after it: %+v, want %s", made.Verdicts[0], c.reason)
				}
				return err
			})
			p.commit()
			d.Must(p.second())
			d.verify()
		})
	}
}

func TestASecondResetWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	var second sale.Level
	p := openBlockedPair(d, func(tx pgx.Tx) error {
		_, err := d.BeginGenerationTx(t.Context(), tx, firstSlug, 7)
		return err
	}, func(tx pgx.Tx) (err error) {
		second, err = d.BeginGenerationTx(t.Context(), tx, firstSlug, KeepTotal)
		return err
	})
	p.commit()
	d.Must(p.second())
	if second.Generation != 3 || second.Total != 7 {
		t.Errorf("the second reset began %+v; it did not see the first", second)
	}
	d.read()
	if v := d.decideOne(d.claim(1, 1)); v.Outcome != events.Ordered {
		t.Errorf("a claim of generation %d: %+v", d.key.Generation, v)
	}
}

func TestBatchesOfSeveralSalesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	const rounds = 25
	a := openLedger(t, 10*rounds)
	b := a.secondSale(10 * rounds)
	var both sync.WaitGroup
	for path := range 4 {
		both.Go(func() {
			for i := range int64(rounds) {
				claims := []events.Claim{a.claim(i*4+int64(path), 1), b.claim(i*4+int64(path), 1)}
				if path%2 == 1 {
					claims[0], claims[1] = claims[1], claims[0]
				}
				err := a.Try(func(tx pgx.Tx) error {
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
		if l := d.level(); l.Taken != 4*rounds {
			t.Errorf("%+v, want %d taken", l, 4*rounds)
		}
	}
	a.verify()
}

// The log and the direct path bring the same claims in random batches at the same time.
func TestBothPathsGetTheSameVerdicts(t *testing.T) {
	t.Parallel()
	const shoppers, units, paths = 60, 25, 6
	d := openLedger(t, units)
	var mu sync.Mutex
	given := map[uuid.UUID][]events.Verdict{}
	var all sync.WaitGroup
	for path := range paths {
		all.Go(func() {
			order := rand.Perm(shoppers)
			for batch := range slices.Chunk(order, 1+path*3) {
				claims := make([]events.Claim, len(batch))
				for i, user := range batch {
					claims[i] = d.claim(int64(user+1), 1)
				}
				made := d.decideFrom(events.Source(path%2), claims...)
				mu.Lock()
				for _, v := range made.Verdicts {
					given[v.ClaimID] = append(given[v.ClaimID], v)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	orders := 0
	for id, verdicts := range given {
		fresh := 0
		for _, v := range verdicts {
			if v.Fresh {
				fresh++
			}
			if v.Outcome != verdicts[0].Outcome || v.Unit != verdicts[0].Unit {
				t.Fatalf("claim %s was given %+v and %+v", id, verdicts[0], v)
			}
		}
		if len(verdicts) != paths || fresh != 1 {
			t.Fatalf("claim %s: %d verdicts, %d of them fresh", id, len(verdicts), fresh)
		}
		if verdicts[0].Outcome == events.Ordered {
			orders++
		}
	}
	if orders != units {
		t.Errorf("%d orders for %d units", orders, units)
	}
	d.verify()
}
