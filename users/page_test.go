package users

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
)

func TestPages(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, 2993)
	exec(t, store.pool, `UPDATE users SET archived_at = now() WHERE id % 3 = 0 OR id BETWEEN 1000 AND 1999`)
	countRoster(t, store)
	all := everybody(t, store)
	const live = 1335
	if len(all) != live {
		t.Fatalf("%d accounts", len(all))
	}
	for _, limit := range []int{1, 7, 20, 667, 1000} {
		for _, page := range []int{1, 2, (live + limit - 1) / limit, live/limit + 2, 1_000_000_000, math.MaxInt} {
			got, err := store.List(ctx, page, limit)
			must(t, err)
			from := live
			if page <= live {
				from = min((page-1)*limit, live)
			}
			want := all[from:min(from+limit, live)]
			if got.Total != live || !slices.Equal(got.Accounts, want) {
				t.Fatalf("page %d of %d: %d accounts of %d, want %d of %d:\n%+v\n%+v", page, limit, len(got.Accounts), got.Total, len(want), live, got.Accounts, want)
			}
		}
	}
	for _, bad := range [][2]int{{0, 20}, {1, 0}, {-1, -1}} {
		if _, err := store.List(ctx, bad[0], bad[1]); !errors.Is(err, ErrPage) {
			t.Errorf("List(%v): %v", bad, err)
		}
	}
}

func TestADeepPageShowsTheRosterAsItIs(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, 590)
	last := func() Page {
		page, err := store.List(ctx, 30, 20)
		must(t, err)
		return page
	}
	if page := last(); page.Accounts[19].Username != SeriesName(590) {
		t.Fatalf("last account is %s", page.Accounts[19].Username)
	}
	// The change does not go through this store, as when another process makes it.
	exec(t, store.pool, `UPDATE users SET archived_at = now(), changed = changed + 1 WHERE id = 5`)
	countRoster(t, store)
	if page := last(); len(page.Accounts) != 19 || page.Total != 599 || page.Accounts[0].Username != SeriesName(572) {
		t.Fatalf("%d of %d accounts from %s on", len(page.Accounts), page.Total, page.Accounts[0].Username)
	}
	_, err := archive(ctx, store)
	must(t, err)
	if page := last(); len(page.Accounts) != 0 || page.Total != 0 {
		t.Fatalf("%+v", page)
	}
}

func TestDeepPagesWhileAccountsChange(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, 490)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 491; n <= 550; n++ {
			if _, err := store.EnsureSeries(ctx, n, nil); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		wg.Go(func() {
			for range 60 {
				page, err := store.List(ctx, 25, 20)
				if err != nil || len(page.Accounts) != 20 || page.Accounts[0].Username != SeriesName(471) || page.Total < 500 || page.Total > 560 {
					t.Errorf("%d of %d accounts, %v", len(page.Accounts), page.Total, err)
				}
			}
		})
	}
	wg.Wait()
}
