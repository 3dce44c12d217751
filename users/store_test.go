package users

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestTheFirstAccountsAreTheTenNamesAndTenOfTheSeries(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	names := []string{"john_doe", "jane_smith", "bob_wilson", "alice_brown", "charlie_davis",
		"diana_miller", "edward_garcia", "fiona_rodriguez", "george_martinez", "helen_anderson"}
	for range 2 { // a second time changes nothing
		if _, err := store.EnsureSeries(ctx, FirstShoppers, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, a := range everybody(t, store) {
		want := names[i%10]
		barred := want == "bob_wilson" || want == "charlie_davis" || want == "fiona_rodriguez"
		if i >= 10 {
			want += "_1"
		}
		if a.Username != want || a.MayPurchase == barred || a.Email != want+"@example.com" {
			t.Errorf("account %d is %+v, want %s", i, a, want)
		}
	}
	if now := checkRoster(t, store); now.Live != 20 || now.Able != 14 {
		t.Errorf("%+v", now)
	}
}

func TestSeriesName(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		1: "john_doe_1", 2: "jane_smith_1", 10: "helen_anderson_1", 11: "john_doe_2", 100: "helen_anderson_10", 1_000_000: "helen_anderson_100000",
	} {
		if got := SeriesName(n); got != want {
			t.Errorf("SeriesName(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestAbleNamesAreThoseOfTheSeriesThatMayPurchase(t *testing.T) {
	t.Parallel()
	n := 0
	for i, e := range series(0, 100) {
		if e.username != SeriesName(i+1) {
			t.Errorf("account %d of the series is %s, want %s", i+1, e.username, SeriesName(i+1))
		}
		if !e.mayPurchase {
			continue
		}
		n++
		if name, length := AbleName(n), AbleLength(n); name != e.username || length != i+1 {
			t.Errorf("shopper %d who may purchase is %s at %d, want %s at %d", n, name, length, e.username, i+1)
		}
	}
	if n != 70 || AbleLength(0) != 0 || AbleLength(10_000) != 14_286 {
		t.Errorf("%d of 100 may purchase; ten thousand take %d", n, AbleLength(10_000))
	}
}

func TestSeriesIsCreatedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	for _, step := range []struct{ n, created, live int }{{0, 0, 0}, {15, 15, 25}, {15, 0, 25}, {10, 0, 25}, {45_003, 44_988, 45_013}} {
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
	for i, a := range everybody(t, store)[10:] {
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

func TestOneTransactionCreatesUpToAChunk(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	for _, step := range []struct {
		n    int
		want error
	}{{Chunk + 1, ErrChunk}, {Chunk, nil}, {Chunk + 20, nil}} {
		err := store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := store.EnsureSeriesTx(ctx, tx, step.n)
			return err
		})
		if !errors.Is(err, step.want) {
			t.Fatalf("a series of %d: %v, want %v", step.n, err, step.want)
		}
	}
	if now := checkRoster(t, store); now.Live != Chunk+30 {
		t.Errorf("%+v", now)
	}
}

// The version before has other names in its series, bars nobody with a number, and neither counts blocks nor keeps the length
// of the series. Its statements are those of its migrations.
func TestTheVersionBeforeSeedsAndArchivesBeside(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, 25)
	const insert = `INSERT INTO users (username, username_key, email, email_key, changed)
		SELECT n, n, n || '@example.com', n || '@example.com', $1 FROM unnest($2::text[]) n
		ON CONFLICT (username_key) DO UPDATE SET archived_at = NULL, updated_at = now(), changed = excluded.changed
		WHERE users.archived_at IS NOT NULL`
	exec(t, store.pool, insert, 100, []string{"alice_johnson_1", "bob_wilson_4", "john_doe_4"})
	countRoster(t, store)
	if page, err := store.List(ctx, 2, 20); err != nil || page.Total != 38 || len(page.Accounts) != 18 {
		t.Errorf("%d accounts of %d, %v", len(page.Accounts), page.Total, err)
	}
	// The next seeding bars whom the other version lets purchase, and nobody else.
	if created := seed(t, store, 33); created != 6 {
		t.Errorf("%d created, want 6", created)
	}
	for _, a := range everybody(t, store) {
		if want := !strings.HasPrefix(a.Username, "bob_") && !strings.HasPrefix(a.Username, "charlie_") && !strings.HasPrefix(a.Username, "fiona_"); a.MayPurchase != want {
			t.Errorf("%s may purchase: %v", a.Username, a.MayPurchase)
		}
	}
	checkRoster(t, store)
	// It archives everybody, and revives those of its own series.
	exec(t, store.pool, `UPDATE users SET archived_at = now(), updated_at = now(), changed = 200 WHERE archived_at IS NULL`)
	exec(t, store.pool, insert, 201, []string{"john_doe_1", "jane_smith_1", "bob_wilson_1", "alice_johnson_1"})
	countRoster(t, store)
	if page, err := store.List(ctx, 1, 20); err != nil || page.Total != 4 || len(page.Accounts) != 4 {
		t.Errorf("%d accounts of %d, %v", len(page.Accounts), page.Total, err)
	}
	if created := seed(t, store, 10); created != 7 {
		t.Errorf("%d created, want 7", created)
	}
	if now := checkRoster(t, store); now.Live != 21 || now.Able != 15 {
		t.Errorf("%+v", now)
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
	if after := checkRoster(t, store); after.Version != before.Version || after.Able != before.Able-1 {
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
	exec(t, pool, `UPDATE users SET may_purchase = false WHERE username = 'jane_smith_1'; UPDATE roster SET able = able - 1`)
	before := everybody(t, store)
	hidden, err := archive(ctx, store)
	if err != nil || hidden != 40 {
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
	if len(after) != 40 {
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
	if again, err := archive(ctx, NewStore(pool)); err != nil || again != 40 {
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
	if now := checkRoster(t, store); now.Able != 7+15 || now.Live != 10+21 || now.Series != 21 {
		t.Fatalf("%+v", now)
	}
	exec(t, pool, `UPDATE users SET may_purchase = false WHERE may_purchase AND id <= 12; UPDATE roster SET able = able - 9`)
	must(t, ensureAble(ctx, store, 15))
	if now := checkRoster(t, store); now.Able != 15 || now.Series != 24 {
		t.Fatalf("%+v", now)
	}
	must(t, ensureAble(ctx, store, 3))
	if now := checkRoster(t, store); now.Series != 24 {
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
					_, err = store.EnsureSeries(ctx, FirstShoppers, nil)
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
	counted.Series = now.Series
	if now != counted {
		t.Fatalf("roster says %+v, counting says %+v", now, counted)
	}
	var wrong []int64
	must(t, store.pool.QueryRow(t.Context(), `SELECT coalesce(array_agg(coalesce(u.block, b.block)), '{}') FROM roster_blocks b
		FULL JOIN (SELECT id / 1000 AS block, count(*) FILTER (WHERE archived_at IS NULL) AS live FROM users GROUP BY 1) u USING (block)
		WHERE b.live IS DISTINCT FROM u.live`).Scan(&wrong))
	if len(wrong) > 0 {
		t.Fatalf("the count of the blocks %v is wrong", wrong)
	}
	return now
}

// countRoster corrects the roster after a test has changed accounts with SQL of its own.
func countRoster(t *testing.T, store *Store) {
	t.Helper()
	exec(t, store.pool, `UPDATE roster SET version = c.version, live = c.live, able = c.able FROM (SELECT max(changed) AS version,
		count(*) FILTER (WHERE archived_at IS NULL) AS live, count(*) FILTER (WHERE archived_at IS NULL AND may_purchase) AS able FROM users) c`)
	checkRoster(t, store)
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
