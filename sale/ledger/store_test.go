package ledger

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestCurrentKeysAreThoseOfThePresentGenerations(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	other := d.secondSale(t, 5)
	d.begin(t, 5)
	d.begin(t, 5)
	keys, err := d.CurrentKeys(saletest.Context(t))
	if want := []sale.Key{{Sale: d.Sale, Generation: 3}, {Sale: other.Sale, Generation: 1}}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("%v, %v; want %v", keys, err, want)
	}
}

func TestOwnersAreShoppersWithALiveOrderOfThatGeneration(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	old := d.Key
	made := d.decide(t, d.claims(1, 4)...) // the fourth is declined
	d.cancel(t, made.Verdicts[1])
	d.begin(t, 5)
	d.decide(t, d.claims(7, 8)...)
	for k, want := range map[sale.Key][]int64{old: {1, 3}, d.Key: {7, 8}, {Sale: d.Sale, Generation: 9}: nil} {
		var owners []int64
		d.do(t, func(tx pgx.Tx) (err error) {
			owners, err = d.OwnersTx(t.Context(), tx, k)
			return err
		})
		slices.Sort(owners)
		if !slices.Equal(owners, want) {
			t.Errorf("owners of %v: %v, want %v", k, owners, want)
		}
	}
}

// The reconciler compares owners with the stock; both must be of one moment, whatever is committed meanwhile.
func TestOwnersAndStockAreReadAsOfOneMoment(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	d.decide(t, d.claims(1, 2)...)
	tx, err := d.pool.BeginTx(saletest.Context(t), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	var taken int64
	if err := tx.QueryRow(t.Context(), `SELECT taken FROM stock`).Scan(&taken); err != nil {
		t.Fatal(err)
	}
	d.decide(t, d.claims(3, 5)...)
	owners, err := d.OwnersTx(t.Context(), tx, d.Key)
	if err != nil || int64(len(owners)) != taken {
		t.Errorf("%d owners of %d units, %v", len(owners), taken, err)
	}
	counts, err := d.CountsTx(t.Context(), tx)
	if err != nil || len(counts) != 1 || counts[0].Live != taken {
		t.Errorf("%+v of %d units, %v", counts, taken, err)
	}
}

func TestCountsAddUpLiveOrders(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	made := d.decide(t, d.claims(1, 4)...)
	d.cancel(t, made.Verdicts[3])
	d.cancel(t, made.Verdicts[0])
	old := d.Key
	d.begin(t, 10)
	d.decide(t, d.claims(1, 1)...)
	counts, err := d.Counts(saletest.Context(t))
	want := []Count{{old, 2, 2, 2, 3}, {d.Key, 1, 1, 1, 1}}
	if err != nil || !slices.Equal(counts, want) {
		t.Errorf("%+v, %v; want %+v", counts, err, want)
	}
	// They are not taken from the indexes that make doubles impossible: with those gone, doubles are seen.
	d.exec(t, `DROP INDEX orders_one_per_shopper, orders_one_per_unit`)
	d.exec(t, `UPDATE orders SET user_id = 2 WHERE user_id = 3`)
	counts, err = d.Counts(saletest.Context(t))
	if err != nil || counts[0] != (Count{old, 2, 1, 2, 3}) {
		t.Errorf("two orders of one shopper: %+v, %v", counts, err)
	}
}

// A process keeps receipts by reading what changed since; a released order is a change as well.
func TestWhatChangedSinceARevision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 10)
	first := d.decide(t, d.claims(1, 2)...)
	since := func(revision int64) (live, gone []int64) {
		t.Helper()
		changed, err := d.OrdersSince(saletest.Context(t), d.Key, revision)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range changed {
			if o.Live {
				live = append(live, o.UserID)
			} else {
				gone = append(gone, o.UserID)
			}
		}
		slices.Sort(live)
		return live, gone
	}
	revision := first.Stocks[0].Version
	d.decide(t, d.claims(3, 3)...)
	if live, gone := since(revision); !slices.Equal(live, []int64{3}) || gone != nil {
		t.Errorf("one more order: %v, %v", live, gone)
	}
	d.cancel(t, first.Verdicts[0])
	if live, gone := since(revision); !slices.Equal(live, []int64{3}) || !slices.Equal(gone, []int64{1}) {
		t.Errorf("and a cancellation: %v, %v", live, gone)
	}
	// A process may have heard of the order before it asked for the first time.
	if live, gone := since(0); !slices.Equal(live, []int64{2, 3}) || !slices.Equal(gone, []int64{1}) {
		t.Errorf("from the beginning: %v, %v", live, gone)
	}
	if live, gone := since(d.level(t).Version); live != nil || gone != nil {
		t.Errorf("since now: %v, %v", live, gone)
	}
}

func TestReceiptsOfLiveOrdersOnly(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	made := d.decide(t, d.claims(1, 4)...)
	d.cancel(t, made.Verdicts[0])
	receipts, err := d.LiveReceipts(saletest.Context(t), d.Key, []int64{4, 3, 1, 2, 3})
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
	if r := receipts[1]; r.OrderID != made.Verdicts[2].ClaimID || r.UserID != 3 || !r.At.Equal(made.Verdicts[2].At) || r.Attempt != 1 {
		t.Errorf("receipt %+v of %+v", r, made.Verdicts[2])
	}
	if made.Verdicts[3].Outcome != events.Declined {
		t.Error("the fourth shopper was to lose")
	}
}
