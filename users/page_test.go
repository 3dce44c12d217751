package users

import (
	"encoding/json"
	"errors"
	"math"
	"sync"
	"testing"
)

func TestPages(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, 1003)
	exec(t, store.pool, `UPDATE users SET archived_at = now() WHERE id % 3 = 0; UPDATE roster SET live = 669, able = 669, version = version + 1`)
	all := everybody(t, store)
	if len(all) != 669 {
		t.Fatalf("%d accounts", len(all))
	}
	for _, limit := range []int{1, 7, 20, 250, 251, 1000} {
		for _, page := range []int{1, 2, (669 + limit - 1) / limit, 669/limit + 2, math.MaxInt} {
			got, err := store.List(ctx, page, limit)
			must(t, err)
			from := 669
			if page <= 669 {
				from = min((page-1)*limit, 669)
			}
			want := all[from:min(from+limit, 669)]
			if got.Total != 669 || len(got.Accounts) != len(want) {
				t.Fatalf("page %d of %d: %d accounts of %d, want %d of 669", page, limit, len(got.Accounts), got.Total, len(want))
			}
			for i := range want {
				if got.Accounts[i] != want[i] {
					t.Fatalf("page %d of %d, place %d: %+v, want %+v", page, limit, i, got.Accounts[i], want[i])
				}
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
	seed(t, store, 600)
	last := func() Page {
		page, err := store.List(ctx, 30, 20)
		must(t, err)
		return page
	}
	if page := last(); page.Accounts[19].Username != SeriesName(600) {
		t.Fatalf("last account is %s", page.Accounts[19].Username)
	}
	// The change does not go through this store, as when another process makes it.
	exec(t, store.pool, `UPDATE users SET archived_at = now(), changed = 2 WHERE id = 5; UPDATE roster SET live = 599, able = 599, version = 2`)
	if page := last(); len(page.Accounts) != 19 || page.Total != 599 || page.Accounts[0].Username != SeriesName(582) {
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
	seed(t, store, 500)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 501; n <= 560; n++ {
			if _, err := store.EnsureSeries(ctx, n, nil); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		wg.Go(func() {
			for range 60 {
				page, err := store.List(ctx, 25, 20)
				if err != nil || len(page.Accounts) != 20 || page.Accounts[0].Username != SeriesName(481) || page.Total < 500 || page.Total > 560 {
					t.Errorf("%d of %d accounts, %v", len(page.Accounts), page.Total, err)
				}
			}
		})
	}
	wg.Wait()
}

// The test is about work, not about time: how many rows Postgres has to visit for a page of 20.
func TestTheLastPageVisitsAsFewRowsAsTheFirst(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, 20_000)
	for _, page := range []int{1, 500, 1000} {
		skip := int64(page-1) * 20
		known, err := store.anchorsFor(ctx, skip)
		must(t, err)
		at := known.locate(skip, 20)
		if visited := rowsVisited(t, store, at.from, at.to, at.skip, 20); visited > 2*anchorStep+20 {
			t.Errorf("page %d visits %v rows", page, visited)
		}
	}
	if visited := rowsVisited(t, store, 0, int64(math.MaxInt64), 999*20, 20); visited < 19_000 {
		t.Errorf("without anchors it visits only %v rows, so the test proves nothing", visited)
	}
}

func rowsVisited(t *testing.T, store *Store, args ...any) float64 {
	t.Helper()
	var raw []byte
	must(t, store.pool.QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) `+selectPage, args...).Scan(&raw))
	type node struct {
		Type    string  `json:"Node Type"`
		Rows    float64 `json:"Actual Rows"`
		Removed float64 `json:"Rows Removed by Filter"`
		Plans   []node
	}
	var plans []struct{ Plan node }
	must(t, json.Unmarshal(raw, &plans))
	var most func(n node) float64
	most = func(n node) float64 {
		rows := n.Rows + n.Removed
		for _, child := range n.Plans {
			rows = max(rows, most(child))
		}
		return rows
	}
	return most(plans[0].Plan)
}
