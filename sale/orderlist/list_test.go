package orderlist

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/sale"
	"flashsale/sale/saletest"
)

// filters are one of each kind, and all together.
func filters(all []sale.ListedOrder) map[string]sale.OrderFilter {
	times := slices.SortedFunc(slices.Values(all), func(a, b sale.ListedOrder) int { return a.DecidedAt.Compare(b.DecidedAt) })
	from, until, last := times[len(all)/4].DecidedAt, times[len(all)*3/4].DecidedAt, times[len(all)-1].DecidedAt
	return map[string]sale.OrderFilter{
		"everything": {}, "confirmed": {State: sale.OrderConfirmed}, "cancelled": {State: sale.OrderCancelled},
		"from": {From: from}, "until": {Until: until}, "between": {From: from, Until: until}, "never": {From: until, Until: from},
		"the last": {From: last}, "all but the last": {Until: last}, "after all": {From: last.Add(1000)}, "before all": {Until: times[0].DecidedAt},
		"confirmed between": {State: sale.OrderConfirmed, From: from, Until: until},
		"a unit":            {Unit: all[3].Unit}, "a unit that nobody has": {Unit: 1 << 50},
		"the cancelled of a time": {State: sale.OrderCancelled, From: from, Until: until},
	}
}

func TestPagesHaveEveryOrderOnceInBothDirections(t *testing.T) {
	t.Parallel()
	f := open(t)
	for n := range 12 {
		for i, id := range f.buy(1 + n*3) {
			if i%4 == 1 {
				f.cancel(id)
			}
		}
	}
	for _, id := range f.buy(30) { // of units that came back
		if id[15]%3 == 0 {
			f.cancel(id)
		}
	}
	f.buy(5)
	all := f.all(sale.OrderFilter{})
	for name, filter := range filters(all) {
		want := f.all(filter)
		for _, limit := range []int{1, 7, 50, 1000} {
			if limit == 1 && len(want) > 60 {
				continue
			}
			for _, back := range []bool{false, true} {
				if got := f.walk(filter, back, limit, nil); !slices.Equal(got, want) {
					t.Errorf("%s, pages of %d, back %v: %d orders, want %d", name, limit, back, len(got), len(want))
				}
			}
		}
	}
	f.pagesOfShoppers(all)
}

func (f *fixture) pagesOfShoppers(all []sale.ListedOrder) {
	f.t.Helper()
	shoppers := []int64{all[0].UserID, all[9].UserID, all[20].UserID, all[21].UserID, -1}
	var want []sale.ListedOrder
	for _, o := range all {
		if slices.Contains(shoppers, o.UserID) {
			want = append(want, o)
		}
	}
	for _, back := range []bool{false, true} {
		got := f.walkOf(func(ctx context.Context, at sale.OrderPageRequest) (sale.OrderPage, error) {
			return f.PageOf(ctx, f.key, shoppers, sale.OrderFilter{}, at)
		}, back, 2, nil)
		if !slices.Equal(got, want) {
			f.t.Errorf("the orders of some shoppers, back %v: %v, want %v", back, got, want)
		}
	}
}

// A place stays what it is while orders are added and cancelled: whoever goes through the list meets every order that was there
// at the beginning, once, and none twice.
func TestPagesStayWholeWhileOrdersAreAddedAndCancelled(t *testing.T) {
	t.Parallel()
	f := open(t)
	random := rand.New(rand.NewPCG(14, 4))
	for range 20 {
		f.buy(1 + random.IntN(9))
	}
	for _, back := range []bool{false, true} {
		before := f.all(sale.OrderFilter{})
		live := slices.DeleteFunc(slices.Clone(before), func(o sale.ListedOrder) bool { return o.State != sale.OrderConfirmed })
		seen := map[uuid.UUID]int{}
		pages := 0
		for _, o := range f.walk(sale.OrderFilter{}, back, 9, func() {
			if pages++; pages < 12 {
				f.buy(1 + random.IntN(3))
			}
			at := random.IntN(len(live))
			f.cancel(live[at].OrderID)
			live = slices.Delete(live, at, at+1)
		}) {
			seen[o.OrderID]++
		}
		for _, o := range before {
			if seen[o.OrderID] != 1 {
				t.Errorf("back %v: order %v is in the list %d times", back, o.OrderID, seen[o.OrderID])
			}
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("back %v: order %v is in the list %d times", back, id, n)
			}
		}
		if pages < 5 {
			t.Errorf("only %d pages: that shows nothing", pages)
		}
	}
}

func TestAnOrderIsFoundByItsNumber(t *testing.T) {
	t.Parallel()
	f := open(t)
	for _, id := range f.buy(20) {
		low, high, ok := sale.OrderIDs(sale.OrderNumber(id))
		if !ok {
			t.Fatalf("%v has no number", id)
		}
		found, err := f.Between(t.Context(), low, high)
		if err != nil || len(found) != 1 || found[0].OrderID != id || found[0].PressedAt.IsZero() || found[0].State != sale.OrderConfirmed {
			t.Errorf("%v %v", found, err)
		}
	}
	if found, err := f.Between(t.Context(), uuid.Nil, uuid.Nil); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
}

// What a transaction reads in chunks is one moment: orders that are added and cancelled meanwhile do not show.
func TestAllOrdersOfOneMoment(t *testing.T) {
	t.Parallel()
	f := open(t)
	for range 10 {
		f.buy(7)
	}
	want := f.all(sale.OrderFilter{})
	slices.Reverse(want)
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	for _, chunk := range []int{5, 7, 70, 100} {
		level := f.Level(f.key)
		var got []sale.ListedOrder
		f.Must(pgx.BeginTxFunc(saletest.Context(t), f.Pool, moment, func(tx pgx.Tx) error {
			if generations, err := f.GenerationsTx(t.Context(), tx, f.key.Sale); err != nil || !slices.Equal(generations, []int64{1}) {
				t.Errorf("generations %v, %v", generations, err)
			}
			return f.EachTx(t.Context(), tx, level, sale.OrderFilter{}, chunk, func(some []sale.ListedOrder) error {
				if len(some) > chunk {
					t.Errorf("%d at once", len(some))
				}
				if len(got) < 20 {
					f.buy(2)
					f.cancel(want[len(want)-1-len(got)].OrderID)
				}
				got = append(got, some...)
				return nil
			})
		}))
		if !slices.Equal(got, want) {
			t.Errorf("chunks of %d: %d orders, want %d", chunk, len(got), len(want))
		}
		want = f.all(sale.OrderFilter{})
		slices.Reverse(want)
	}
}

// An export with a filter has what the filter means, each order once, whatever the size of the chunks that the parts are read in.
func TestAllOrdersOfAFilter(t *testing.T) {
	t.Parallel()
	f := open(t)
	for n := range 12 {
		for i, id := range f.buy(1 + n*3) {
			if i%4 == 1 {
				f.cancel(id)
			}
		}
	}
	all := f.all(sale.OrderFilter{})
	for name, filter := range filters(all) {
		if filter.Unit != 0 {
			continue
		}
		want := f.all(filter)
		slices.Reverse(want)
		for _, chunk := range []int{1, 7, 64, 1000} {
			var got []sale.ListedOrder
			f.Must(pgx.BeginTxFunc(t.Context(), f.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
				return f.EachTx(t.Context(), tx, f.Level(f.key), filter, chunk, func(some []sale.ListedOrder) error {
					got = append(got, some...)
					return nil
				})
			}))
			if !slices.Equal(got, want) {
				t.Errorf("%s in chunks of %d: %d orders, want %d", name, chunk, len(got), len(want))
			}
		}
	}
}

func TestDeclinedClaimsOfAShopper(t *testing.T) {
	t.Parallel()
	f := open(t)
	for attempt := 3; attempt > 0; attempt-- {
		f.Exec(`INSERT INTO declines (claim_id, sale_id, generation, user_id, username, attempt, reason, decided_at)
			VALUES (gen_random_uuid(), $1, $2, 7, 'ann', $3, 'paused', now())`, f.key.Sale, f.key.Generation, attempt)
	}
	found, err := f.Declines(t.Context(), f.key, 7)
	if err != nil || len(found) != 3 || found[0].Attempt != 1 || found[2].Attempt != 3 || found[0].Reason != "paused" || time.Since(found[0].DecidedAt) > time.Hour {
		t.Errorf("%v %v", found, err)
	}
	if found, err := f.Declines(t.Context(), f.key, 8); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
}

// What an export finds by shopper, by unit and by number is what the lists find, the other way round.
func TestFewOrdersAreFoundInATransaction(t *testing.T) {
	t.Parallel()
	f := open(t)
	ids := f.buy(5)
	f.cancel(ids[1])
	f.cancel(ids[3])
	f.buy(1) // has the unit of one of them
	all := f.all(sale.OrderFilter{})
	slices.Reverse(all)
	shoppers := []int64{2, 4, 6}
	f.Do(func(tx pgx.Tx) error {
		ctx := saletest.Context(t)
		for _, filter := range []sale.OrderFilter{{}, {State: sale.OrderCancelled}, {Unit: 2}} {
			var want []sale.ListedOrder
			for _, o := range all {
				if slices.Contains(shoppers, o.UserID) && Matches(filter, o) {
					want = append(want, o)
				}
			}
			if got, err := f.OfShoppersTx(ctx, tx, f.key, shoppers, filter); err != nil || !slices.Equal(got, want) || len(want) == 0 {
				t.Errorf("%+v: %v, want %v (%v)", filter, got, want, err)
			}
		}
		of := sale.OrderFilter{Unit: 2}
		if got, err := f.OfUnitTx(ctx, tx, f.key, of); err != nil || len(got) != 2 || got[0].Unit != 2 || got[1].Unit != 2 {
			t.Errorf("of the unit: %v (%v)", got, err)
		}
		if got, err := f.BetweenTx(ctx, tx, ids[0], ids[0]); err != nil || len(got) != 1 || got[0].OrderID != ids[0] {
			t.Errorf("of the number: %v (%v)", got, err)
		}
		return nil
	})
}
