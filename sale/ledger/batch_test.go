package ledger

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestABatchIsDecidedInTheOrderOfTheLog(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 2)
	s.outbox.drain()
	d := s.decide(events.FromLog, s.claim(1, 11, 1), s.claim(1, 12, 1), s.claim(1, 11, 1), s.claim(1, 13, 1))
	for i, want := range []struct {
		outcome events.Outcome
		unit    int64
		reason  sale.Reason
	}{{events.Ordered, 1, ""}, {events.Ordered, 2, ""}, {events.Ordered, 1, ""}, {events.Declined, 0, events.ReasonSoldOut}} {
		if v := d.Verdicts[i]; v.Outcome != want.outcome || v.Unit != want.unit || v.Reason != want.reason || !v.Fresh || v.At.IsZero() {
			t.Errorf("verdict %d: %+v, want %+v", i, v, want)
		}
	}
	if len(d.Stocks) != 1 || d.Stocks[0].Taken != 2 || d.Stocks[0].Total != 2 {
		t.Errorf("stocks %+v", d.Stocks)
	}
	if got := s.outbox.drain(); got[events.TypeOrderConfirmed] != 2 || got[events.TypeClaimDeclined] != 1 || got[events.TypeStockChanged] != 1 {
		t.Errorf("messages %v", got)
	}
	s.whole()
}

func TestAVerdictIsForEver(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	won, lost := s.decideOne(s.claim(1, 11, 1)), s.decideOne(s.claim(1, 12, 1))
	again := s.decide(events.Direct, s.claim(1, 12, 1), s.claim(1, 11, 1))
	if v := again.Verdicts[1]; v.Fresh || v.Unit != won.Unit || !v.At.Equal(won.At) || v.NextAttempt != 0 || v.Username != "shopper" {
		t.Errorf("the order became %+v, was %+v", v, won)
	}
	if v := again.Verdicts[0]; v.Fresh || v.Reason != lost.Reason || !v.At.Equal(lost.At) || v.NextAttempt != 2 {
		t.Errorf("the decline became %+v, was %+v", v, lost)
	}
	if len(again.Stocks) != 0 {
		t.Errorf("a repeat changed the stock: %+v", again.Stocks)
	}
	s.whole()
}

func TestTheLedgerOwnsTheNumbersOfAttempts(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	s.decideOne(s.claim(1, 11, 1))
	for attempt := 1; attempt <= 3; attempt++ {
		s.decideOne(s.claim(1, 12, attempt))
	}
	if v := s.decideOne(s.claim(1, 12, 1)); v.NextAttempt != 4 {
		t.Errorf("next attempt %d, want 4", v.NextAttempt)
	}
	s.must(s.tx(func(tx pgx.Tx) error {
		_, err := s.CancelTx(t.Context(), tx, s.claim(1, 11, 1).ID)
		return err
	}))
	if v := s.decideOne(s.claim(1, 12, 4)); v.Outcome != events.Ordered || v.Unit != 1 {
		t.Errorf("after the unit came back: %+v", v)
	}
	// An old decline of somebody who owns a unit by now names the order, not another attempt.
	if v := s.decideOne(s.claim(1, 12, 2)); v.OrderID != s.claim(1, 12, 4).ID || v.NextAttempt != 0 {
		t.Errorf("an owner's old decline: %+v", v)
	}
	if v := s.decideOne(s.claim(1, 11, 1)); v.Fresh || v.Outcome != events.Ordered || v.NextAttempt != 2 {
		t.Errorf("a cancelled order: %+v", v)
	}
	if v := s.decideOne(s.claim(1, 12, 5)); v.Reason != events.ReasonAlreadyOwns || v.OrderID != s.claim(1, 12, 4).ID {
		t.Errorf("an owner's further claim: %+v", v)
	}
	s.whole()
}

func TestVerdictsAreFoundAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	won, lost := s.decideOne(s.claim(1, 11, 1)), s.decideOne(s.claim(1, 12, 1))
	found, err := s.Verdicts(t.Context(), []uuid.UUID{won.ClaimID, lost.ClaimID, uuid.New()})
	s.must(err)
	won.Fresh, lost.Fresh, lost.NextAttempt = false, false, 2
	if len(found) != 2 || !slices.Contains(found, won) || !slices.Contains(found, lost) {
		t.Errorf("found %+v, want %+v and %+v", found, won, lost)
	}
}

func TestAClaimForNoSaleIsDeclinedOnce(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	c := saletest.Claim(sale.Key{Sale: 404, Generation: 1}, 1, 1)
	if v := s.decideOne(c); v.Reason != events.ReasonUndecidable || !v.Fresh {
		t.Errorf("first: %+v", v)
	}
	if v := s.decideOne(c); v.Reason != events.ReasonUndecidable || v.Fresh {
		t.Errorf("again: %+v", v)
	}
}

func TestASaleWithoutItsStockRowFailsInsteadOfSellingOut(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	s.exec(`DELETE FROM stock`)
	err := s.tx(func(tx pgx.Tx) error {
		_, err := s.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{s.claim(1, 1, 1)})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "no stock row") {
		t.Errorf("error %v", err)
	}
}

func TestAnUndecidableClaimIsDeclinedWithoutWhatPostgresCannotHold(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	c := s.claim(1, 1, 1)
	c.Username = "a\x00b"
	if err := s.tx(func(tx pgx.Tx) error {
		_, err := s.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{c})
		return err
	}); err == nil {
		t.Fatal("a name that Postgres cannot store was taken")
	}
	decline := func() (v events.Verdict) {
		s.must(s.tx(func(tx pgx.Tx) (err error) {
			v, err = s.DeclineTx(t.Context(), tx, c, events.ReasonUndecidable)
			return err
		}))
		return v
	}
	if v := decline(); !v.Fresh || v.Reason != events.ReasonUndecidable {
		t.Errorf("declined: %+v", v)
	}
	if v := decline(); v.Fresh || v.Username != "ab" {
		t.Errorf("declined again: %+v", v)
	}
	s.whole()
}

// The log and the direct path bring the same claims in random batches, all at once. Whoever comes first decides,
// and nobody hears anything else.
func TestBothPathsAgreeWhoeverIsFirst(t *testing.T) {
	t.Parallel()
	const shoppers, units, paths = 60, 25, 6
	s := newRealStock(t, units)
	var mu sync.Mutex
	heard := map[uuid.UUID][]events.Verdict{}
	var all sync.WaitGroup
	for path := range paths {
		all.Go(func() {
			order := rand.Perm(shoppers)
			for batch := range slices.Chunk(order, 1+path*3) {
				claims := make([]events.Claim, len(batch))
				for i, user := range batch {
					claims[i] = s.claim(1, int64(user+1), 1)
				}
				d := s.decide(events.Source(path%2), claims...)
				mu.Lock()
				for _, v := range d.Verdicts {
					heard[v.ClaimID] = append(heard[v.ClaimID], v)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	orders := 0
	for id, verdicts := range heard {
		fresh := 0
		for _, v := range verdicts {
			if v.Fresh {
				fresh++
			}
			if v.Outcome != verdicts[0].Outcome || v.Unit != verdicts[0].Unit {
				t.Fatalf("claim %s heard both %+v and %+v", id, verdicts[0], v)
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
	s.whole()
}

func TestReceiptsAreFoundInTheOrderOfTheQuestion(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	k := sale.Key{Sale: s.id, Generation: 1}
	c := s.claim(1, 11, 1)
	c.IdempotencyKey = uuid.New()
	won := s.decideOne(c)
	s.decideOne(s.claim(1, 13, 1))
	found, err := s.LiveReceipts(t.Context(), k, []int64{12, 11, 13})
	s.must(err)
	want := sale.ReceiptOf(&won)
	want.IdempotencyKey, want.KeyKnown = c.IdempotencyKey, true
	if found[0].OrderID != uuid.Nil || found[1] != want || found[2].UserID != 13 {
		t.Errorf("receipts %+v", found)
	}
}

// The look-ups must find rows by the whole key, whatever the planner believes about tables it has no figures for: these
// have grown and were never analysed.
func TestLookUpsProbeTheirIndex(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.exec(`ALTER TABLE orders SET (autovacuum_enabled = false)`)
	s.exec(`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
		SELECT gen_random_uuid(), $1, 1, n, 'shopper', n, 1, n, now() FROM generate_series(1, 5000) n`, s.id)
	users := make([]int64, 500)
	for i := range users {
		users[i] = int64(i * 20)
	}
	s.must(s.tx(func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), sqlProbes); err != nil {
			return err
		}
		for _, q := range []struct {
			sql, index string
			args       []any
		}{
			{sqlOrdersByID, "orders_pkey", []any{[][16]byte{uuid.New()}}},
			{sqlDeclinesByID, "declines_pkey", []any{[][16]byte{uuid.New()}}},
			{sqlLiveOrdersOf, "orders_one_per_shopper", []any{s.id, int64(1), users}},
			{sqlAttempts, "orders_one_per_shopper", []any{s.id, int64(1), users}},
			{sqlAttempts, "orders_released", []any{s.id, int64(1), users}},
			{sqlAttempts, "declines_of_shopper", []any{s.id, int64(1), users}},
		} {
			plan := embeddedtest.Plan(t, tx, "EXPLAIN "+q.sql, q.args...)
			if !strings.Contains(plan, q.index) || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Filter:") {
				t.Errorf("%s\n%s", q.sql, plan)
			}
		}
		return nil
	}))
}
