package ledger

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestReceiptsHaveTheOrderOfTheShoppersAskedFor(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	c := d.claim(11, 1)
	c.IdempotencyKey = uuid.New()
	won := d.decideOne(c)
	d.decideOne(d.claim(13, 1))
	found, err := d.LiveReceipts(t.Context(), d.key, []int64{12, 11, 13})
	d.Must(err)
	want := sale.ReceiptOf(&won)
	want.IdempotencyKey, want.KeyKnown = c.IdempotencyKey, true
	if found[0].OrderID != uuid.Nil || found[1] != want || found[2].UserID != 13 {
		t.Errorf("receipts %+v", found)
	}
}

func TestReceiptsAreThoseOfLiveOrdersOnly(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	made := d.decide(d.claims(1, 4)...)
	d.cancel(made.Verdicts[0].ClaimID)
	receipts, err := d.LiveReceipts(saletest.Context(t), d.key, []int64{4, 3, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	var units []int64
	for _, r := range receipts {
		units = append(units, r.Unit)
	}
	if !slices.Equal(units, []int64{0, 3, 0, 2, 3}) {
		t.Errorf("units %v", units)
	}
	if r := receipts[1]; r.OrderID != made.Verdicts[2].ClaimID || r.UserID != 3 || !r.At.Equal(made.Verdicts[2].PressedAt) || r.Attempt != 1 {
		t.Errorf("receipt %+v of %+v", r, made.Verdicts[2])
	}
	if made.Verdicts[3].Outcome != events.Declined {
		t.Error("the fourth shopper was to lose")
	}
}

// A shopper sees the own orders of all sales and generations, cancelled ones too, and nobody else's.
func TestAShopperSeesTheOwnOrders(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	first := d.decideOne(d.claim(11, 1))
	d.decideOne(d.claim(12, 1))
	d.cancel(first.ClaimID)
	again := d.decideOne(d.claim(11, 2))
	list, err := d.OrdersOf(t.Context(), 11, 10)
	d.Must(err)
	if len(list) != 2 || list[0].OrderID != again.ClaimID || list[1].OrderID != first.ClaimID {
		t.Fatalf("%+v", list)
	}
	if !list[0].CancelledAt.IsZero() || list[1].CancelledAt.IsZero() || list[0].Slug == "" || list[0].Product == "" || list[1].Product != list[0].Product || list[0].Unit != again.Unit || !list[0].At.Equal(again.PressedAt) {
		t.Errorf("%+v of %+v", list, again)
	}
	if seen, err := d.OrdersSeen(t.Context(), 11, 10); err != nil || !reflect.DeepEqual(seen, list) {
		t.Errorf("operators see %+v, %v", seen, err)
	}
	if list, err = d.OrdersOf(t.Context(), 11, 1); err != nil || len(list) != 1 || list[0].OrderID != again.ClaimID {
		t.Errorf("of one: %+v %v", list, err)
	}
	if list, err = d.OrdersOf(t.Context(), 13, 10); err != nil || len(list) != 0 {
		t.Errorf("of somebody without orders: %+v %v", list, err)
	}
}

// The receipt caches read what has changed since the revision that they know.
func TestOrdersSinceARevisionAreTheNewAndTheCancelledOnes(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	first := d.decide(d.claims(1, 2)...)
	since := func(revision int64) (live, cancelled []int64) {
		t.Helper()
		changed, err := d.OrdersSince(saletest.Context(t), d.key, revision)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range changed {
			if o.Live {
				live = append(live, o.UserID)
			} else {
				cancelled = append(cancelled, o.UserID)
			}
		}
		slices.Sort(live)
		return live, cancelled
	}
	revision := first.Stocks[0].Version
	d.decide(d.claims(3, 3)...)
	if live, cancelled := since(revision); !slices.Equal(live, []int64{3}) || cancelled != nil {
		t.Errorf("one more order: %v, %v", live, cancelled)
	}
	d.cancel(first.Verdicts[0].ClaimID)
	if live, cancelled := since(revision); !slices.Equal(live, []int64{3}) || !slices.Equal(cancelled, []int64{1}) {
		t.Errorf("and a cancellation: %v, %v", live, cancelled)
	}
	// A process may have heard of the cancelled order before it reads for the first time.
	if live, cancelled := since(0); !slices.Equal(live, []int64{2, 3}) || !slices.Equal(cancelled, []int64{1}) {
		t.Errorf("from the beginning: %v, %v", live, cancelled)
	}
	if live, cancelled := since(d.level().Version); live != nil || cancelled != nil {
		t.Errorf("since now: %v, %v", live, cancelled)
	}
}

// An order is read by its id, of whatever generation it is and also when it was cancelled.
func TestAnOrderIsReadByItsID(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	won := d.decideOne(d.claim(11, 1))
	o, err := d.Order(t.Context(), won.ClaimID)
	if d.Must(err); o.OrderID != won.ClaimID || o.UserID != 11 || o.Unit != won.Unit || o.Slug == "" || o.Product == "" || !o.CancelledAt.IsZero() || !o.At.Equal(won.PressedAt) {
		t.Errorf("%+v of %+v", o, won)
	}
	d.cancel(won.ClaimID)
	if o, err = d.Order(t.Context(), won.ClaimID); err != nil || o.OrderID != won.ClaimID || o.CancelledAt.IsZero() {
		t.Errorf("cancelled: %+v %v", o, err)
	}
	if _, err = d.Order(t.Context(), uuid.New()); !errors.Is(err, sale.ErrNoOrder) {
		t.Errorf("an order that nobody made: %v", err)
	}
}
