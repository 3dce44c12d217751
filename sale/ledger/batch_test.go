package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestABatchIsDecidedInTheOrderOfTheLog(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 2)
	before := d.PostedCount()
	made := d.decide(d.claim(11, 1), d.claim(12, 1), d.claim(11, 1), d.claim(13, 1))
	for i, want := range []struct {
		outcome events.Outcome
		unit    int64
		reason  sale.Reason
	}{{events.Ordered, 1, ""}, {events.Ordered, 2, ""}, {events.Ordered, 1, ""}, {events.Declined, 0, events.ReasonSoldOut}} {
		if v := made.Verdicts[i]; v.Outcome != want.outcome || v.Unit != want.unit || v.Reason != want.reason || !v.Fresh || v.At.IsZero() {
			t.Errorf("verdict %d: %+v, want %+v", i, v, want)
		}
	}
	if len(made.Stocks) != 1 || made.Stocks[0].Taken != 2 || made.Stocks[0].Total != 2 {
		t.Errorf("stocks %+v", made.Stocks)
	}
	if types := d.PostedTypes(before); types[events.TypeOrderConfirmed] != 2 || types[events.TypeClaimDeclined] != 1 || types[events.TypeStockChanged] != 1 {
		t.Errorf("messages %v", types)
	}
	d.verify()
}

func TestAnEmptyBatchChangesNothing(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	made := d.decide()
	if len(made.Verdicts) != 0 || len(made.Stocks) != 0 || d.level().Version != 1 {
		t.Errorf("%+v, stock %+v", made, d.level())
	}
}

// The stock is changed once for the whole batch.
func TestABatchOfAThousandGivesTheUnitsToItsFirstClaims(t *testing.T) {
	t.Parallel()
	const units, shoppers = 600, 1000
	d := openLedger(t, units)
	before := d.PostedCount()
	claims := d.claims(1, shoppers)
	claims = append(claims, claims[0], claims[shoppers-1], d.claim(1, 2))
	made := d.decide(claims...)
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
	want := []events.Stock{{SaleID: d.key.Sale, Generation: 1, Total: units, Taken: units, Version: 2}}
	if !slices.Equal(made.Stocks, want) {
		t.Errorf("stocks %+v, want %+v", made.Stocks, want)
	}
	if n := d.Number(`SELECT count(*) FROM orders WHERE revision = 2 AND released_at IS NULL`); n != units {
		t.Errorf("%d orders of revision 2", n)
	}
	if n := d.Number(`SELECT count(*) FROM declines`); n != shoppers-units+1 {
		t.Errorf("%d declines", n)
	}
	if n := d.PostedCount() - before; n != shoppers+1+1 {
		t.Errorf("%d messages, want one a verdict and one of the stock", n)
	}
	d.verify()
}

func TestABatchWithTwoSalesAnOldGenerationAnUnknownSaleAndACloseRecord(t *testing.T) {
	t.Parallel()
	a := openLedger(t, 5)
	old := a.claim(1, 1)
	a.begin(5)
	b := a.secondSale(1)
	b.act(b.CloseTx)
	record := b.CloseRecord(b.slug)
	nowhere := saletest.Claim(sale.Key{Sale: 1000, Generation: 1}, 1, 1)
	made := a.decide(old, b.claim(1, 1), a.claim(1, 1), record, b.claim(2, 1), nowhere, a.claim(2, 1))
	want := []events.Reason{events.ReasonGenerationChanged, "unit 1", "unit 1", "", events.ReasonEnded, "", "unit 2"}
	for i, v := range made.Verdicts {
		got := v.Reason
		if v.Outcome == events.Ordered {
			got = events.Reason(fmt.Sprintf("unit %d", v.Unit))
		}
		if got != want[i] {
			t.Errorf("claim %d: %q, want %q", i, got, want[i])
		}
	}
	if !slices.Equal(made.Closed, []int64{b.key.Sale}) || len(made.Stocks) != 2 || b.state() != sale.Closed || a.state() != sale.Open {
		t.Errorf("closed %v, stocks %+v", made.Closed, made.Stocks)
	}
	if made.Verdicts[3] != (events.Verdict{}) || made.Verdicts[3].ClaimID != uuid.Nil {
		t.Errorf("the close record has a verdict: %+v", made.Verdicts[3])
	}
	if want := []events.ForeignClaim{{Index: 5, Why: events.ForeignSale}}; !slices.Equal(made.Foreign, want) {
		t.Errorf("foreign are %v, want %v", made.Foreign, want)
	}
	a.verify()
}

func TestADecisionWithoutTheStockRowFailsAndDoesNotDecline(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	d.Exec(`DELETE FROM stock`)
	err := d.tryDecide(d.claim(1, 1))
	if err == nil || !strings.Contains(err.Error(), "no stock row") {
		t.Errorf("error %v", err)
	}
	if n := d.Number(`SELECT count(*) FROM declines`); n != 0 {
		t.Errorf("%d declines", n)
	}
}

// shortStock gives one unit less than it takes.
type shortStock struct{ stock }

func (s shortStock) QueueTake(b *pgx.Batch, l sale.Level, n int64) ([]int64, sale.Level, bool) {
	units, l, ok := s.stock.QueueTake(b, l, n)
	return units[1:], l, ok
}

func (s shortStock) TakeTx(ctx context.Context, tx pgx.Tx, k sale.Key, n int64) ([]int64, sale.Level, error) {
	units, l, err := s.stock.TakeTx(ctx, tx, k, n)
	return units[1:], l, err
}

func TestAStockThatGivesTooFewUnitsFailsTheDecision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.stock = shortStock{d.stock}
	err := d.tryDecide(d.claims(1, 3)...)
	if err == nil || d.Number(`SELECT count(*) FROM orders`) != 0 {
		t.Errorf("%v", err)
	}
}
