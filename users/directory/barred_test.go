package directory

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/users"
)

// barredIDs are the ids of the database that may not buy, and those that may.
func barredIDs(t *testing.T, pool *pgxpool.Pool) (barred, free []int64) {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT id, archived_at IS NOT NULL OR NOT may_purchase FROM users`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id int64
		var is bool
		must(t, rows.Scan(&id, &is))
		if is {
			barred = append(barred, id)
		} else {
			free = append(free, id)
		}
	}
	must(t, rows.Err())
	return barred, free
}

// sameBarred compares what a directory says with the database.
func sameBarred(t *testing.T, d *Directory, pool *pgxpool.Pool, want int) {
	t.Helper()
	if !d.BarredKnown() {
		t.Error("the set is not known")
	}
	barred, free := barredIDs(t, pool)
	if len(barred) != want {
		t.Fatalf("the database bars %d, want %d", len(barred), want)
	}
	for _, id := range barred {
		if !d.Barred(id) {
			t.Errorf("%d may buy", id)
		}
	}
	for _, id := range append(free, 0, -1, math.MaxInt64, math.MinInt64, 1<<40) {
		if d.Barred(id) {
			t.Errorf("%d may not buy", id)
		}
	}
	rows, err := pool.Query(t.Context(), `SELECT id, archived_at IS NOT NULL FROM users`)
	must(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[users.Barred])
	must(t, err)
	for _, one := range all {
		if d.Gone(one.ID) != one.Archived {
			t.Errorf("%d is archived: %t", one.ID, one.Archived)
		}
	}
}

// The names in memory are limited to one; the barred are not.
func TestBarredFollowsEveryChangeWhateverTheLimit(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 1000)
	d := New(store, Config{Limit: 1})
	if d.BarredKnown() || d.Barred(1) {
		t.Error("known before anything was read")
	}
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 303) // three of ten, and those without a number
	exec(t, pool, `UPDATE users SET may_purchase = false, changed = (SELECT version + 1 FROM roster) WHERE username = 'jane_smith_1';
		UPDATE roster SET version = version + 1, able = able - 1`)
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 304)
	_, err := archive(ctx, pool, store)
	must(t, err)
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 1010)
	seed(t, store, 200) // revives
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 1010-210+63+1)
}

// An account may have any id after a restore.
func TestBarredTakesAnyID(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 10)
	far := []int64{pageIDs - 1, pageIDs, 300_000_000, math.MaxInt64 - 9, -5}
	for i, id := range far {
		exec(t, pool, `INSERT INTO users (id, username, username_key, email, email_key, may_purchase, changed) OVERRIDING SYSTEM VALUE
			VALUES ($1, 'x' || $2::int, 'x' || $2::int, 'x@' || $2::int, 'x@' || $2::int, $2::int % 2 = 1, 1)`, id, i)
	}
	d := New(store, Config{})
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 6+3)
	exec(t, pool, `UPDATE users SET may_purchase = false, changed = (SELECT version + 1 FROM roster) WHERE id > 1000;
		UPDATE roster SET version = version + 1`)
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 6+5)
}

// An older backup: accounts have other ids there, and the roster's version is lower.
func TestBarredIsReadAnewFromAnotherDatabase(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 100)
	d := New(store, Config{})
	must(t, d.Refresh(ctx))
	_, err := archive(ctx, pool, store)
	must(t, err)
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 110)
	away, err := pgxpool.New(ctx, "postgres://nobody@127.0.0.1:1/none")
	must(t, err)
	t.Cleanup(away.Close)
	d.store = users.NewStore(away)
	if err := d.Refresh(ctx); err == nil || !d.BarredKnown() || !d.Barred(1) {
		t.Errorf("while Postgres is away: %v, known %v, barred %v", err, d.BarredKnown(), d.Barred(1))
	}
	d.store = store
	exec(t, pool, `DELETE FROM users WHERE id > 10; UPDATE users SET archived_at = NULL; UPDATE roster SET version = 1, live = 10, able = 7`)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.load(ended, 1); err == nil || d.BarredKnown() {
		t.Errorf("a set of another database is known: %v", err)
	}
	must(t, d.Refresh(ctx))
	sameBarred(t, d, pool, 3)
}

// While the names of millions are read, who is barred meanwhile may not wait for the end of that.
func TestBarredIsFollowedWhileNamesAreRead(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 50)
	d := New(store, Config{})
	now, err := store.Roster(ctx)
	must(t, err)
	must(t, d.loadBarred(ctx, now.Version))
	_, err = archive(ctx, pool, store)
	must(t, err)
	must(t, d.followBarred(ctx, time.Now()))
	if d.Barred(1) {
		t.Error("followed more than once a second")
	}
	must(t, d.followBarred(ctx, time.Now().Add(followEvery)))
	sameBarred(t, d, pool, 60)
}

// Readers run while bits and pages change; with the race detector this is the proof that they may.
func TestBarredIsReadWhileItChanges(t *testing.T) {
	t.Parallel()
	d := New(nil, Config{})
	d.barred.replace((&index{}).clone(), (&index{}).clone(), 0)
	var readers sync.WaitGroup
	end := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				if d.Barred(-1) || d.Barred(8) && !d.Barred(7) {
					t.Error("a bit that nobody has set, or one that nobody has cleared")
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	d.barred.apply([]users.Record{{Account: users.Account{ID: 7}}})
	d.barred.apply([]users.Record{{Account: users.Account{ID: 8}}})
	model := map[int64]bool{7: true, 8: true}
	for range 2000 {
		id, may := r.Int64N(20*pageIDs)+9, r.IntN(2) == 0
		model[id] = !may
		d.barred.apply([]users.Record{{Account: users.Account{ID: id, MayPurchase: may}}})
	}
	close(end)
	readers.Wait()
	for id, want := range model {
		if d.Barred(id) != want {
			t.Errorf("%d: barred %v, want %v", id, !want, want)
		}
	}
}

// A million ids without gaps take 125 KiB.
func TestAMillionBarredTakeLittleMemory(t *testing.T) {
	list := make([]users.Record, 1_000_000)
	for i := range list {
		list[i].ID = int64(i) + 1
	}
	d := New(nil, Config{})
	d.barred.replace((&index{}).clone(), (&index{}).clone(), 0)
	before := heap()
	d.barred.apply(list)
	if took := heap() - before; took > 200<<10 {
		t.Errorf("%d KiB", took>>10)
	}
	if n := testing.AllocsPerRun(100, func() { _ = d.Barred(500_000) && d.Barred(1<<50) }); n > 0 {
		t.Errorf("%v allocations a look", n)
	}
	runtime.KeepAlive(list)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkBarred(b *testing.B) {
	list := make([]users.Record, 1_000_000)
	for i := range list {
		list[i].ID = int64(i)*3 + 1
	}
	d := New(nil, Config{})
	d.barred.replace((&index{}).clone(), (&index{}).clone(), 0)
	d.barred.apply(list)
	id := int64(1)
	for b.Loop() {
		id = (id*6364136223846793005 + 1442695040888963407) & (1<<21 - 1)
		_ = d.Barred(id)
	}
}
