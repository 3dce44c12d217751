package users

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestDefaultsAreTheTenNamesAndTenOfTheSeries(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	must(t, store.EnsureDefaults(ctx))
	must(t, store.EnsureDefaults(ctx)) // a second start changes nothing
	list := everybody(t, store)
	if len(list) != 20 || list[0].Username != "john_doe" || list[10].Username != "john_doe_1" || list[11].Username != "jane_smith_1" {
		t.Fatalf("%d accounts: %v", len(list), usernames(list))
	}
	var barred []string
	for _, a := range list {
		if a.Email != a.Username+"@example.com" {
			t.Errorf("%s has address %s", a.Username, a.Email)
		}
		if !a.MayPurchase {
			barred = append(barred, a.Username)
		}
	}
	if !slices.Equal(barred, []string{"bob_wilson", "charlie_davis", "fiona_rodriguez"}) {
		t.Errorf("may not purchase: %v", barred)
	}
	checkRoster(t, store)
}

func TestSeriesName(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		1: "john_doe_1", 2: "jane_smith_1", 10: "hannah_clark_1", 11: "john_doe_2", 100: "hannah_clark_10", 1_000_000: "hannah_clark_100000",
	} {
		if got := SeriesName(n); got != want {
			t.Errorf("SeriesName(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestSeriesIsCreatedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	for _, step := range []struct{ n, created, live int }{{15, 15, 15}, {15, 0, 15}, {10, 0, 15}, {25_003, 24_988, 25_003}} {
		last := 0
		created, err := store.EnsureSeries(ctx, step.n, func(done, total int) {
			if done <= last || total != step.n {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		})
		if err != nil || created != step.created || last != step.n {
			t.Fatalf("EnsureSeries(%d) = %d, %v with progress up to %d; want %d", step.n, created, err, last, step.created)
		}
		if got := checkRoster(t, store).Live; got != int64(step.live) {
			t.Fatalf("%d live accounts, want %d", got, step.live)
		}
	}
	for i, a := range everybody(t, store) {
		if a.Username != SeriesName(i+1) {
			t.Fatalf("account %d of the list is %s, want %s", i+1, a.Username, SeriesName(i+1))
		}
	}
	for _, n := range []int{-1, MaxSeries + 1} {
		if _, err := store.EnsureSeries(ctx, n, nil); err == nil {
			t.Errorf("a series of %d was accepted", n)
		}
	}
}

func TestSeedingLeavesLiveAccountsUntouched(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := NewStore(pool)
	seed(t, store, 20)
	before := checkRoster(t, store)
	exec(t, pool, `UPDATE users SET may_purchase = false WHERE username = 'jane_smith_1'; UPDATE roster SET able = able - 1`)
	if created, err := store.EnsureSeries(ctx, 20, nil); err != nil || created != 0 {
		t.Fatal(created, err)
	}
	if after := checkRoster(t, store); after.Version != before.Version || after.Able != 19 {
		t.Errorf("roster moved from %+v to %+v", before, after)
	}
	// A conflict that locks a row leaves the number of the locking transaction in it.
	var touched int
	must(t, pool.QueryRow(ctx, `SELECT count(*) FROM users WHERE xmax <> 0`).Scan(&touched))
	if touched > 0 {
		t.Errorf("%d rows of live accounts were locked", touched)
	}
}

func TestANameIsBoundToItsIDForEver(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := NewStore(pool)
	seed(t, store, 30)
	exec(t, pool, `UPDATE users SET may_purchase = false WHERE username = 'bob_wilson_1'; UPDATE roster SET able = able - 1`)
	before := everybody(t, store)
	hidden, err := archive(ctx, store)
	if err != nil || hidden != 30 {
		t.Fatal(hidden, err)
	}
	if now := checkRoster(t, store); now.Live != 0 || len(everybody(t, store)) != 0 {
		t.Fatalf("after archiving everybody: %+v", now)
	}
	if created := seed(t, store, 12); created != 12 {
		t.Fatalf("%d revived, want 12", created)
	}
	seed(t, store, 30)
	after := everybody(t, store)
	if len(after) != 30 {
		t.Fatalf("%d accounts", len(after))
	}
	for i := range after {
		a, b := before[i], after[i]
		if a.ID != b.ID || a.Username != b.Username || a.MayPurchase != b.MayPurchase || !a.CreatedAt.Equal(b.CreatedAt) {
			t.Errorf("%+v came back as %+v", a, b)
		}
		if !b.UpdatedAt.After(a.UpdatedAt) {
			t.Errorf("%s came back with its old updated_at", b.Username)
		}
	}
	if again, err := archive(ctx, NewStore(pool)); err != nil || again != 30 {
		t.Fatal(again, err)
	}
	if again, err := archive(ctx, store); err != nil || again != 0 {
		t.Fatal("archived the archived:", again, err)
	}
	checkRoster(t, store)
}

func TestEnsureAbleCountsOnlyWhoMayPurchase(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := NewStore(pool)
	must(t, ensureAble(ctx, store, 15))
	if now := checkRoster(t, store); now.Able != 15 || now.Live != 15 {
		t.Fatalf("%+v", now)
	}
	exec(t, pool, `UPDATE users SET may_purchase = false WHERE id <= 4; UPDATE roster SET able = able - 4`)
	must(t, ensureAble(ctx, store, 15))
	if now := checkRoster(t, store); now.Able != 15 || now.Live != 19 {
		t.Fatalf("%+v", now)
	}
	must(t, ensureAble(ctx, store, 3))
	if now := checkRoster(t, store); now.Live != 19 {
		t.Fatalf("a smaller number changed something: %+v", now)
	}
}

func TestConcurrentSeedsAndResetsKeepTheCount(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	var wg sync.WaitGroup
	for i := range 8 {
		store := NewStore(pool) // as two processes do
		wg.Go(func() {
			for round := range 4 {
				var err error
				switch (i + round) % 4 {
				case 0:
					_, err = archive(ctx, store)
				case 1:
					err = store.EnsureDefaults(ctx)
				default:
					_, err = store.EnsureSeries(ctx, 100*(i+1), nil)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	store := NewStore(pool)
	checkRoster(t, store)
	seed(t, store, 800)
	checkRoster(t, store)
	var names, ids int
	must(t, pool.QueryRow(ctx, `SELECT count(DISTINCT username), count(*) FROM users`).Scan(&names, &ids))
	if names != ids {
		t.Errorf("%d accounts under %d names", ids, names)
	}
}

func TestAnAddressTakenByAnotherAccountStopsTheSeedAndNothingIsKept(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := NewStore(pool)
	exec(t, pool, `INSERT INTO users (username, username_key, email, email_key, changed)
		VALUES ('Squatter', 'squatter', 'john_doe_3@example.com', 'john_doe_3@example.com', 0); UPDATE roster SET live = 1, able = 1`)
	if _, err := store.EnsureSeries(ctx, 30, nil); err == nil {
		t.Fatal("two accounts share an address")
	}
	if now := checkRoster(t, store); now.Live != 1 {
		t.Errorf("half a chunk was kept: %+v", now)
	}
}

// checkRoster checks that the counters are what counting gives.
func checkRoster(t *testing.T, store *Store) Roster {
	t.Helper()
	now, err := store.Roster(t.Context())
	must(t, err)
	var counted Roster
	must(t, store.pool.QueryRow(t.Context(), `SELECT coalesce(max(changed), 0),
		count(*) FILTER (WHERE archived_at IS NULL),
		count(*) FILTER (WHERE archived_at IS NULL AND may_purchase) FROM users`).Scan(&counted.Version, &counted.Live, &counted.Able))
	if now != counted {
		t.Fatalf("roster says %+v, counting says %+v", now, counted)
	}
	return now
}

func everybody(t *testing.T, store *Store) []Account {
	t.Helper()
	var list []Account
	for n := 1; ; n++ {
		page, err := store.List(t.Context(), n, 1000)
		must(t, err)
		if len(page.Accounts) == 0 {
			if page.Total != int64(len(list)) {
				t.Fatalf("total %d, but %d on the pages", page.Total, len(list))
			}
			return list
		}
		list = append(list, page.Accounts...)
	}
}

func usernames(list []Account) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Username)
	}
	return out
}

func seed(t testing.TB, store *Store, n int) int {
	t.Helper()
	created, err := store.EnsureSeries(context.Background(), n, nil)
	must(t, err)
	return created
}

// archive archives all accounts in a transaction of its own.
func archive(ctx context.Context, store *Store) (hidden int64, err error) {
	err = store.transact(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		hidden, err = store.ArchiveAllTx(ctx, tx)
		return err
	})
	return hidden, err
}

func ensureAble(ctx context.Context, store *Store, n int) error {
	return store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return store.EnsureAbleTx(ctx, tx, n) })
}

func exec(t testing.TB, pool *pgxpool.Pool, statements string, args ...any) {
	t.Helper()
	_, err := pool.Exec(context.Background(), statements, args...)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A chunk waited for the roster as long as its whole time, three minutes, and then the database was said to be away.
func TestAChunkDoesNotWaitForTheRosterForEver(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	holder, err := pool.Begin(ctx)
	must(t, err)
	_, err = holder.Exec(ctx, `SELECT set_config('idle_in_transaction_session_timeout', '0', true)`)
	must(t, err)
	_, err = readRoster(holder.QueryRow(ctx, lockRoster))
	must(t, err)
	_, err = NewStore(pool).EnsureSeries(ctx, 10, nil)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "55P03" {
		t.Errorf("while another transaction has the roster: %v", err)
	}
	must(t, holder.Rollback(ctx))
	if n, err := NewStore(pool).EnsureSeries(ctx, 10, nil); n != 10 || err != nil {
		t.Errorf("afterwards %d accounts (%v)", n, err)
	}
}
