package directory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/users"
)

func TestKnownAnswersUnderBothNames(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), users.NewStore(newPool(t))
	seed(t, store, users.FirstShoppers)
	d := New(store, Config{})
	if _, ok := d.Known("john_doe"); ok {
		t.Fatal("known before anything was read")
	}
	must(t, d.Refresh(ctx))
	for _, a := range everybody(t, store) {
		for _, name := range []string{a.Username, a.Email} {
			if got, ok := d.Known(name); !ok || got != inMemory(a) {
				t.Errorf("Known(%s) = %+v, %v; want %+v", name, got, ok, a)
			}
		}
	}
	for _, name := range []string{"", "nobody", "JOHN_DOE", "john_doe@", "@example.com"} {
		if got, ok := d.Known(name); ok {
			t.Errorf("Known(%q) = %+v", name, got)
		}
	}
}

func TestFindAsksForWhatIsNotInMemory(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), users.NewStore(newPool(t))
	seed(t, store, 20)
	d := New(store, Config{})
	list := []string{
		"john_doe_1", "nobody", "bob_wilson_2@example.com", "john_doe_1", "john_doe_1@example.com",
		"Not Normal", "zero\x00byte", "bad\xffutf8", "", "nobody@example.com",
	}
	got, err := d.Find(ctx, list)
	must(t, err)
	var names []string
	for _, a := range got {
		names = append(names, a.Username)
	}
	if want := []string{"john_doe_1", "", "bob_wilson_2", "john_doe_1", "john_doe_1", "", "", "", "", ""}; !slices.Equal(names, want) {
		t.Fatalf("found %q, want %q", names, want)
	}
	if a, ok := d.Known("bob_wilson_2"); !ok || a != got[2] {
		t.Error("what was found is not remembered")
	}
	if n := d.cache.ids.count; n != 2 {
		t.Errorf("%d accounts held, want the two that exist", n)
	}
}

func TestFindSaysWhenItCouldNotAsk(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 10)
	away, err := pgxpool.New(ctx, "postgres://nobody@127.0.0.1:1/none")
	must(t, err)
	t.Cleanup(away.Close)
	d := New(store, Config{})
	must(t, d.Refresh(ctx))
	d.store = users.NewStore(away)
	if got, err := d.Find(ctx, []string{"john_doe_1"}); err != nil || got[0].ID == 0 {
		t.Errorf("a name in memory: %+v, %v", got, err)
	}
	if got, err := d.Find(ctx, []string{"john_doe_1", "nobody"}); err == nil {
		t.Errorf("nothing was asked, yet: %+v", got)
	}
	if err := d.Refresh(ctx); err == nil {
		t.Error("a refresh without Postgres succeeded")
	}
	if _, ok := d.Known("john_doe_1"); !ok {
		t.Error("forgotten because Postgres is away")
	}
}

func TestFindWaitsWhileTooManyLookUpsRun(t *testing.T) {
	t.Parallel()
	store := users.NewStore(newPool(t))
	d := New(store, Config{})
	for range finding {
		d.finding <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Find(ctx, []string{"john_doe"}); err == nil {
		t.Fatal("more look-ups at once than allowed")
	}
}

func TestRefreshFollowsEveryChange(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	d := New(users.NewStore(pool), Config{})
	must(t, d.Refresh(ctx))
	seed(t, store, 10_001) // more than one chunk of reading
	must(t, d.Refresh(ctx))
	sameAs(t, d, everybody(t, store))

	_, err := archive(ctx, pool, store)
	must(t, err)
	must(t, d.Refresh(ctx))
	sameAs(t, d, nil)

	seed(t, store, 12)
	must(t, d.Refresh(ctx))
	exec(t, pool, `UPDATE users SET may_purchase = false, email = 'Jane@New.example', email_key = 'jane@new.example', changed = changed + 1 WHERE username = 'jane_smith_1';
		UPDATE roster SET version = version + 1, able = able - 1`)
	must(t, d.Refresh(ctx))
	sameAs(t, d, everybody(t, store))
	if a, ok := d.Known("jane@new.example"); !ok || a.MayPurchase {
		t.Errorf("the new address is %+v, %v", a, ok)
	}
	if _, ok := d.Known("jane_smith_1@example.com"); ok {
		t.Error("the old address is still known")
	}
}

func TestRefreshGoesOnWhereAnErrorStoppedIt(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), users.NewStore(newPool(t))
	d := New(store, Config{})
	must(t, d.Refresh(ctx))
	seed(t, store, 300)
	list, _, err := store.Changes(ctx, d.cache.position(), 100)
	must(t, err)
	d.cache.follow(list) // the first of three reads; the others failed
	must(t, d.Refresh(ctx))
	sameAs(t, d, everybody(t, store))
}

func TestAnOlderBackupIsReadAnew(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 10)
	seed(t, store, 20)
	d := New(store, Config{})
	must(t, d.Refresh(ctx))
	exec(t, pool, `DELETE FROM users WHERE id > 10; UPDATE roster SET version = 1, live = 10, able = 10`)
	must(t, d.Refresh(ctx))
	sameAs(t, d, everybody(t, store))
}

func TestALateAnswerDoesNotBringBackArchivedAccounts(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 10)
	d := New(store, Config{})
	late, version, err := store.Named(ctx, []string{"john_doe_1"}, nil)
	must(t, err)
	_, err = archive(ctx, pool, store)
	must(t, err)
	for range 2 { // by the first load, and by following
		must(t, d.Refresh(ctx))
		d.cache.add(late, version, false)
		if _, ok := d.Known("john_doe_1"); ok {
			t.Fatal("an archived account is known again")
		}
		seed(t, store, 10)
		must(t, d.Refresh(ctx))
		late, version, err = store.Named(ctx, []string{"john_doe_1"}, nil)
		must(t, err)
		_, err = archive(ctx, pool, store)
		must(t, err)
	}
}

func TestOfTwoAnswersTheNewerStays(t *testing.T) {
	t.Parallel()
	d := filled(t, 3)
	older := seriesRecord(2)
	newer := older
	newer.Changed, newer.MayPurchase = 9, false
	d.cache.add([]users.Record{newer}, 9, false)
	d.cache.add([]users.Record{older}, 8, false) // asked earlier, answered later
	if a, _ := d.Known(older.Username); a.MayPurchase {
		t.Fatal("the older answer replaced the newer")
	}
}

func TestMemoryIsBoundedAndOwnersStay(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), users.NewStore(newPool(t))
	seed(t, store, 500)
	d := New(store, Config{Limit: 50})
	must(t, d.Refresh(ctx))
	owners := []int64{10 + 3, 10 + 499, 510, 9999} // the ten names without a number come first
	must(t, d.Warm(ctx, owners))
	for n := 100; n < 400; n++ {
		got, err := d.Find(ctx, []string{users.SeriesName(n)})
		if err != nil || got[0].Username != users.SeriesName(n) {
			t.Fatal(got, err)
		}
		if held := d.cache.ids.count; held > 50 {
			t.Fatalf("%d accounts held, the limit is 50", held)
		}
	}
	for _, n := range []int{3, 499, 500} {
		if a, ok := d.Known(users.SeriesName(n)); !ok || a.ID != int64(10+n) {
			t.Errorf("%s owns something and was forgotten", users.SeriesName(n))
		}
	}
	seed(t, store, 700) // new ones find no room, none in the cache is lost
	must(t, d.Refresh(ctx))
	if accounts, names := d.cache.ids.count, countNames(d); accounts != 50 || names != 100 {
		t.Errorf("%d accounts under %d names", accounts, names)
	}
}

func TestRunSeesWhatOtherProcessesChange(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(testContext(t))
	pool := newPool(t)
	store := users.NewStore(pool)
	d := New(users.NewStore(pool), Config{})
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	seed(t, store, 10)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, ok := d.Known("john_doe_1"); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("never seen")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestAwaitEndsWhenEverybodyHasBeenRead(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), users.NewStore(newPool(t))
	seed(t, store, 10)
	d := New(store, Config{})
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if d.Await(gone) {
		t.Error("nothing was read, yet it is said to be")
	}
	result := make(chan bool)
	go func() { result <- d.Await(ctx) }()
	must(t, d.Refresh(ctx))
	if !<-result {
		t.Error("the wait ended before the accounts were read")
	}
	must(t, d.Refresh(ctx))
	sameAs(t, d, everybody(t, store))
}

func TestLookUpsWhileAccountsComeAndGo(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	d := New(store, Config{Limit: 150})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 5 {
			seed(t, store, 200)
			must(t, d.Refresh(ctx))
			must(t, d.Warm(ctx, []int64{1, 2, 3, 180}))
			_, err := archive(ctx, pool, store)
			must(t, err)
			must(t, d.Refresh(ctx))
		}
	})
	for i := range 4 {
		wg.Go(func() {
			for n := range 150 {
				name := users.SeriesName((n*7+i)%200 + 1)
				got, err := d.Find(ctx, []string{name})
				if err != nil || got[0].ID != 0 && got[0].Username != name {
					t.Errorf("%s is %+v, %v", name, got, err)
				}
			}
		})
	}
	wg.Wait()
	must(t, d.Refresh(ctx))
	if accounts, names := d.cache.ids.count, countNames(d); accounts != 4 || names != 8 {
		t.Errorf("%d accounts under %d names are in the cache, want those that were warmed", accounts, names)
	}
	for _, name := range []string{"john_doe", "bob_wilson", users.SeriesName(170)} {
		if a, ok := d.Known(name); !ok || !a.Archived {
			t.Errorf("%s was warmed and archived: %+v, %t", name, a, ok)
		}
	}
}

// Of an archived account the name is found for ever, in memory if it was warmed. Seeding brings it back as it was; once it is erased
// nobody has the name.
func TestArchivedAccountsAreFoundAndThoseOfOwnersAreKnown(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 10)
	d := New(store, Config{})
	must(t, d.Refresh(ctx))
	const owner, late, other = "john_doe_1", "jane_smith_1", "alice_brown_1"
	id := func(name string) int64 {
		a, err := store.WithName(ctx, name)
		must(t, err)
		return a.ID
	}
	ids := map[string]int64{owner: id(owner), late: id(late), other: id(other)}
	must(t, d.Warm(ctx, []int64{ids[owner]}))
	_, err := archive(ctx, pool, store)
	must(t, err)
	must(t, d.Refresh(ctx))
	must(t, d.Warm(ctx, []int64{ids[late]}))
	is := func(when, name string, known bool) {
		t.Helper()
		if a, ok := d.Known(name); ok != known || ok && (a.ID != ids[owner] && a.ID != ids[late] || !a.Archived) {
			t.Errorf("%s: %s is known: %t, %+v", when, name, ok, a)
		}
	}
	all := func(when string) {
		t.Helper()
		for _, end := range []string{"", "@example.com"} {
			is(when, owner+end, true)
			is(when, late+end, true)
			is(when, other+end, false)
			found, err := d.Find(ctx, []string{owner + end, late + end, other + end, "nobody" + end})
			must(t, err)
			for i, name := range []string{owner, late, other} {
				if a := found[i]; a.ID != ids[name] || !a.Archived || a.Username != name {
					t.Errorf("%s: %s is %+v", when, name, a)
				}
			}
			if found[3].ID != 0 {
				t.Errorf("%s: nobody is %+v", when, found[3])
			}
			is(when+", and was found", other+end, false)
		}
	}
	all("archived")
	must(t, d.load(ctx, d.cache.position().Changed))
	all("read anew")

	seed(t, store, 10)
	must(t, d.Refresh(ctx))
	if a, ok := d.Known(owner); !ok || a.Archived || a.ID != ids[owner] {
		t.Errorf("brought back: %+v, %t", a, ok)
	}
	for _, name := range []string{owner, other} {
		must(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return store.EraseTx(ctx, tx, ids[name]) }))
	}
	must(t, d.Refresh(ctx))
	for _, end := range []string{"", "@example.com"} {
		is("erased", owner+end, false)
		found, err := d.Find(ctx, []string{owner + end, other + end})
		if must(t, err); found[0].ID != 0 || found[1].ID != 0 {
			t.Errorf("erased: %+v", found)
		}
	}
}

// What was read before an account was archived is older than what is followed: the owner is warmed all the same.
func TestWarmingReadsAgainWhatWasTooOld(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	seed(t, store, 10)
	d := New(store, Config{Limit: 1})
	must(t, d.Refresh(ctx))
	last := users.SeriesName(10)
	a, err := store.WithName(ctx, last)
	must(t, err)
	old, version, err := store.WithIDEver(ctx, []int64{a.ID})
	must(t, err)
	_, err = archive(ctx, pool, store)
	must(t, err)
	must(t, d.Refresh(ctx))
	if d.cache.add(old, version, true) {
		t.Error("what is too old was taken")
	}
	must(t, d.Warm(ctx, []int64{a.ID}))
	if got, ok := d.Known(last); !ok || !got.Archived {
		t.Errorf("%s is %+v, %t", last, got, ok)
	}
}

func TestKnownAllocatesNothing(t *testing.T) {
	d := filled(t, 100)
	n := testing.AllocsPerRun(100, func() {
		if _, ok := d.Known("john_doe_3@example.com"); !ok {
			t.Error("not known")
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations a look-up", n)
	}
}

// sameAs checks that memory has these accounts under their names, and no others.
func sameAs(t *testing.T, d *Directory, want []users.Account) {
	t.Helper()
	if accounts, names := d.cache.ids.count, countNames(d); accounts != len(want) || names != 2*len(want) {
		t.Fatalf("%d accounts under %d names are in the cache, want %d", accounts, names, len(want))
	}
	for _, a := range want {
		byName, _ := d.Known(a.Username)
		byEmail, _ := d.Known(normal(t, a.Email))
		if byName != inMemory(a) || byEmail != inMemory(a) {
			t.Fatalf("%+v is held as %+v and %+v", a, byName, byEmail)
		}
	}
}

func normal(t *testing.T, raw string) string {
	t.Helper()
	name, err := users.NormalName(raw)
	must(t, err)
	return name
}

// inMemory is what memory has of an account.
func inMemory(a users.Account) users.Account {
	return users.Account{ID: a.ID, Username: a.Username, MayPurchase: a.MayPurchase}
}

func countNames(d *Directory) int {
	count := 0
	for i := range d.cache.names.shards {
		count += d.cache.names.shards[i].count
	}
	return count
}

// filled is a Directory with the first n of the series, without Postgres.
func filled(t testing.TB, n int) *Directory {
	t.Helper()
	d := New(nil, Config{})
	for i := range n {
		d.cache.add([]users.Record{seriesRecord(i + 1)}, 1, false)
	}
	return d
}

func seriesRecord(n int) users.Record {
	name := users.SeriesName(n)
	email := name + "@example.com"
	return users.Record{Account: users.Account{ID: int64(n), Username: name, Email: email, MayPurchase: true}, UsernameKey: name, EmailKey: email}
}

// BenchmarkSeries shows what seeding and following cost at the sizes of the presets and beyond.
func BenchmarkSeries(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				store := users.NewStore(newPool(b))
				d := New(store, Config{})
				b.StartTimer()
				seed(b, store, n)
				must(b, d.Refresh(context.Background()))
			}
		})
	}
}
