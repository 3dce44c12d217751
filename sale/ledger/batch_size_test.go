package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestNothingToDecideIsNoDecision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	made := d.decide(t)
	if len(made.Verdicts) != 0 || len(made.Stocks) != 0 || d.level(t).Version != 1 {
		t.Errorf("%+v, stock %+v", made, d.level(t))
	}
}

// The units go to the first claims in the order of the log, and all of them are one change of the stock.
func TestABatchOfAThousand(t *testing.T) {
	t.Parallel()
	const units, shoppers = 600, 1000
	d := openLedger(t, units)
	before := d.outboxRows(t)
	claims := d.claims(1, shoppers)
	claims = append(claims, claims[0], claims[shoppers-1], d.claim(1, 2))
	made := d.decide(t, claims...)
	for i, v := range made.Verdicts[:shoppers] {
		user := int64(i + 1)
		ordered := v.Outcome == events.Ordered && v.Unit == user && v.Reason == ""
		soldOut := v.Outcome == events.Declined && v.Unit == 0 && v.Reason == events.ReasonSoldOut
		if v.UserID != user || v.ClaimID != claims[i].ID || user <= units && !ordered || user > units && !soldOut {
			t.Fatalf("claim %d: %+v", user, v)
		}
	}
	if made.Verdicts[shoppers] != made.Verdicts[0] || made.Verdicts[shoppers+1] != made.Verdicts[shoppers-1] {
		t.Error("a repeat in the batch has another verdict")
	}
	if v := made.Verdicts[shoppers+2]; v.Reason != events.ReasonAlreadyOwns || v.OrderID != claims[0].ID {
		t.Errorf("another attempt of an owner: %+v", v)
	}
	want := []events.Stock{{SaleID: d.Sale, Generation: 1, Total: units, Taken: units, Version: 2}}
	if !slices.Equal(made.Stocks, want) {
		t.Errorf("stocks %+v, want %+v", made.Stocks, want)
	}
	if n := d.number(t, `SELECT count(*) FROM orders WHERE revision = 2 AND released_at IS NULL`); n != units {
		t.Errorf("%d orders of revision 2", n)
	}
	if n := d.number(t, `SELECT count(*) FROM declines`); n != shoppers-units+1 {
		t.Errorf("%d declines", n)
	}
	if n := d.outboxRows(t) - before; n != shoppers+1+1 {
		t.Errorf("%d messages, want one a verdict and one of the stock", n)
	}
	d.audit(t)
}

func TestVerdictsAreAnnouncedInTheSameTransaction(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	before := d.outboxRows(t)
	won, lost := d.claim(1, 1), d.claim(2, 1)
	won.Username, won.Traceparent, lost.Traceparent = "Zoë", "00-won-01", "00-lost-01"
	made := d.decide(t, won, lost)
	told := d.posted(t, before)
	if len(told) != 3 {
		t.Fatalf("%d messages: %+v", len(told), told)
	}
	confirmed, declined, stock := told[0], told[1], told[2]
	if confirmed.Type != events.TypeOrderConfirmed || confirmed.Subject != won.ID.String() || confirmed.Sale != d.Sale ||
		confirmed.Traceparent != won.Traceparent || confirmed.Data["username"] != "Zoë" || confirmed.Data["unit"] != 1.0 ||
		confirmed.Data["order"] != won.ID.String() || confirmed.Data["at"] == nil {
		t.Errorf("confirmed %+v", confirmed)
	}
	if declined.Type != events.TypeClaimDeclined || declined.Subject != lost.ID.String() ||
		declined.Traceparent != lost.Traceparent || declined.Data["reason"] != string(events.ReasonSoldOut) || declined.Data["user"] != 2.0 {
		t.Errorf("declined %+v", declined)
	}
	if stock.Type != events.TypeStockChanged || stock.Subject != firstSlug || stock.Data["taken"] != 1.0 ||
		stock.Data["version"] != float64(made.Stocks[0].Version) {
		t.Errorf("stock %+v", stock)
	}
	// What was decided before is not announced again.
	d.decide(t, won, lost)
	if again := d.posted(t, before+3); len(again) != 0 {
		t.Errorf("announced again: %+v", again)
	}
}

func TestADecisionThatIsRolledBackNeverHappened(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	before, level := d.outboxRows(t), d.level(t)
	lost := errors.New("the connection was lost")
	err := d.try(t, func(tx pgx.Tx) error {
		made, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{d.claim(1, 1), d.claim(2, 1)})
		if err != nil || made.Verdicts[0].Outcome != events.Ordered {
			t.Errorf("%+v, %v", made, err)
		}
		return lost
	})
	if !errors.Is(err, lost) {
		t.Fatal(err)
	}
	rows := d.number(t, `SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM declines)`)
	if rows != 0 || d.outboxRows(t) != before || d.level(t) != level {
		t.Errorf("%d verdicts, %d messages, stock %+v", rows, d.outboxRows(t)-before, d.level(t))
	}
	// So the other shopper may have the unit now.
	if v := d.one(t, d.claim(2, 1)); v.Outcome != events.Ordered || !v.Fresh || v.Unit != 1 {
		t.Errorf("after it: %+v", v)
	}
}

// An outbox that refuses takes the whole decision with it.
func TestNoVerdictWithoutItsMessage(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	d.exec(t, `ALTER TABLE outbox ADD CONSTRAINT refuse CHECK (bundle IS NULL) NOT VALID`)
	err := d.try(t, func(tx pgx.Tx) error {
		_, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{d.claim(1, 1)})
		return err
	})
	if err == nil || d.number(t, `SELECT count(*) FROM orders`) != 0 || d.level(t).Taken != 0 {
		t.Errorf("%v, stock %+v", err, d.level(t))
	}
}

// shortStock keeps one unit of what it takes.
type shortStock struct{ stock }

func (s shortStock) QueueTake(b *pgx.Batch, l sale.Level, n int64) ([]int64, sale.Level, bool) {
	units, l, ok := s.stock.QueueTake(b, l, n)
	return units[1:], l, ok
}

func (s shortStock) TakeTx(ctx context.Context, tx pgx.Tx, k sale.Key, n int64) ([]int64, sale.Level, error) {
	units, l, err := s.stock.TakeTx(ctx, tx, k, n)
	return units[1:], l, err
}

// The ledger does not believe a stock that gives other numbers than it was asked for.
func TestAStockThatGivesTooFewUnitsFailsTheDecision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.stock = shortStock{d.stock}
	err := d.try(t, func(tx pgx.Tx) error {
		_, err := d.DecideTx(t.Context(), tx, events.FromLog, d.claims(1, 3))
		return err
	})
	if err == nil || d.number(t, `SELECT count(*) FROM orders`) != 0 {
		t.Errorf("%v", err)
	}
}

// The tables are the last line: a second live order of a shopper or for a unit cannot be written by anybody.
func TestTheTablesRefuseASecondOwner(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decide(t, d.claims(1, 2)...)
	for what, set := range map[string]string{"shopper": "user_id = 1, unit = 5", "unit": "user_id = 5, unit = 1"} {
		if _, err := d.pool.Exec(t.Context(), fmt.Sprintf(`UPDATE orders SET %s WHERE user_id = 2`, set)); err == nil {
			t.Errorf("two live orders of one %s", what)
		}
	}
}

// A mixed batch: two sales, an old generation, a sale that does not exist, a close record.
func TestABatchMayConcernAnySale(t *testing.T) {
	t.Parallel()
	a := openLedger(t, 5)
	old := a.claim(1, 1)
	a.begin(t, 5)
	b := a.secondSale(t, 1)
	a.do(t, func(tx pgx.Tx) error { return a.CloseTx(t.Context(), tx, "other") })
	version := a.number(t, `SELECT closing_version FROM sales WHERE id = $1`, b.Sale)
	record := events.Claim{Kind: events.KindClose, ID: sale.CloseID(b.secret, 1, version), SaleID: b.Sale, Generation: 1}
	nowhere := saletest.Claim(sale.Key{Sale: 1000, Generation: 1}, 1, 1)
	made := a.decide(t, old, b.claim(1, 1), a.claim(1, 1), record, b.claim(2, 1), nowhere, a.claim(2, 1))
	want := []events.Reason{events.ReasonGenerationChanged, "unit 1", "unit 1", "", events.ReasonEnded, events.ReasonUndecidable, "unit 2"}
	for i, v := range made.Verdicts {
		got := v.Reason
		if v.Outcome == events.Ordered {
			got = events.Reason(fmt.Sprintf("unit %d", v.Unit))
		}
		if got != want[i] {
			t.Errorf("claim %d: %q, want %q", i, got, want[i])
		}
	}
	if !slices.Equal(made.Closed, []int64{b.Sale}) || len(made.Stocks) != 2 || b.state(t) != sale.Closed || a.state(t) != sale.Open {
		t.Errorf("closed %v, stocks %+v", made.Closed, made.Stocks)
	}
	if made.Verdicts[3] != (events.Verdict{}) || made.Verdicts[3].ClaimID != uuid.Nil {
		t.Errorf("the close record has a verdict: %+v", made.Verdicts[3])
	}
	a.audit(t)
}
