package users

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// searched goes through the pages of a search and lists the usernames.
func searched(t *testing.T, store *Store, prefix string, back bool, limit int) (all []string) {
	t.Helper()
	for q := (Search{Prefix: prefix, Back: back, Limit: limit}); ; {
		p, err := store.Find(t.Context(), q)
		must(t, err)
		var page []string
		for _, a := range p.Accounts {
			page = append(page, a.Username)
		}
		more := p.Later
		if back {
			all, more, q.Beside = append(page, all...), p.Earlier, p.First
		} else {
			all, q.Beside = append(all, page...), p.Last
		}
		if !more {
			return all
		}
	}
}

func TestAccountsAreFoundByWhatTheirNamesBeginWith(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	seed(t, store, 30)
	for _, name := range []string{"Ann", "Änne", "anna", "Ann's", "ann~", "=1+1", "+ann", "-ann", "עברית", "😀 smile"} {
		create(t, store, name, "")
	}
	create(t, store, "zoe", "Ann.Z@Example.com")
	gone := create(t, store, "ann gone", "ann.gone@example.com")
	must(t, erase(t, store, gone.ID))
	for prefix, want := range map[string][]string{
		"ann":  {"Ann", "ann~", "Ann's", "anna"},
		"ann~": {"ann~"}, "=": {"=1+1"}, "+": {"+ann"}, "-": {"-ann"}, "ä": {"Änne"}, "עב": {"עברית"}, "😀": {"😀 smile"},
		"ann.": nil, "ann.z@": {"zoe"}, "ann.z@example.com": {"zoe"}, "ann.gone@": nil, "nobody": nil, "john_doe_2": {"john_doe_2"},
	} {
		for _, back := range []bool{false, true} {
			for _, limit := range []int{1, 3, 100} {
				got := searched(t, store, prefix, back, limit)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%q, back %v, pages of %d: %q, want %q", prefix, back, limit, got, want)
				}
			}
		}
	}
	everybody := searched(t, store, "", false, 7)
	if len(everybody) != 10+30+12 || !slices.Equal(searched(t, store, "", true, 4), everybody) || everybody[0] != "john_doe" {
		t.Errorf("the whole list is %q", everybody)
	}
	f, err := store.Find(t.Context(), Search{Limit: 100})
	must(t, err)
	if last := f.Accounts[len(f.Accounts)-1]; !last.Erased || !last.Archived || strings.Contains(last.Username+last.Email, "gone") {
		t.Errorf("an erased account is listed as %+v", last)
	}
}

func TestIDsOfNamesAndAddresses(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	seed(t, store, 10)
	ann, zoe := create(t, store, "ann", ""), create(t, store, "zoe", "ann.z@example.com")
	if ids, more, err := store.IDsWith(t.Context(), "ann", 10); err != nil || more || !slices.Equal(ids, []int64{ann.ID, zoe.ID}) {
		t.Errorf("%v %v %v", ids, more, err)
	}
	err := pgx.BeginFunc(t.Context(), store.pool, func(tx pgx.Tx) error {
		ids, more, err := store.IDsWithTx(t.Context(), tx, "ann", 10)
		if err != nil || more || !slices.Equal(ids, []int64{ann.ID, zoe.ID}) {
			t.Errorf("in a transaction: %v, %v", ids, more)
			return err
		}
		named, err := store.NamedTx(t.Context(), tx, []int64{zoe.ID, ann.ID, ann.ID + zoe.ID + 1000}, "ann")
		if !named[ann.ID] || !named[zoe.ID] || len(named) != 2 {
			t.Errorf("so are named %v", named)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if ids, more, err := store.IDsWith(t.Context(), "ann", 1); err != nil || !more || !slices.Equal(ids, []int64{ann.ID}) {
		t.Errorf("%v %v %v", ids, more, err)
	}
	// Names of the series begin like their addresses: each account once.
	if ids, more, err := store.IDsWith(t.Context(), "john_doe", 50); err != nil || more || len(ids) != 2 {
		t.Errorf("%v %v %v", ids, more, err)
	}
	if ids, _, err := store.IDsWith(t.Context(), "nobody", 50); err != nil || len(ids) != 0 {
		t.Errorf("%v %v", ids, err)
	}
}

func TestPeopleOfOrders(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	ann, gone := create(t, store, "ann", "ann@example.com"), create(t, store, "gone", "gone@example.com")
	must(t, erase(t, store, gone.ID))
	people, err := store.People(t.Context(), []int64{ann.ID, gone.ID, 999})
	must(t, err)
	if len(people) != 2 || people[ann.ID] != (Person{ID: ann.ID, Username: "ann", Email: "ann@example.com"}) ||
		people[gone.ID] != (Person{ID: gone.ID, Archived: true, Erased: true}) {
		t.Errorf("%+v", people)
	}
	_, err = archive(t.Context(), store)
	must(t, err)
	must(t, inTx(t, store, func(ctx context.Context, tx pgx.Tx) error {
		people, err := store.PeopleTx(ctx, tx, []int64{ann.ID})
		if p := people[ann.ID]; !p.Archived || p.Erased || p.Username != "ann" {
			t.Errorf("%+v", p)
		}
		return err
	}))
}

func TestASearchVisitsFewRows(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, many)
	meter := newWorkMeter(t, store.pool)
	for _, statistics := range []string{`SELECT`, `ANALYZE users`} {
		exec(t, store.pool, statistics)
		for _, q := range []Search{
			{}, {Back: true}, {Beside: Beside{ID: many / 2}}, {Prefix: "j"}, {Prefix: "j", Back: true}, {Prefix: "john_doe_1"}, {Prefix: "john_doe_17@"},
			{Prefix: "j", Beside: Beside{Key: "john_doe_2"}}, {Prefix: "nobody"},
		} {
			q.Limit = 50
			if rows := meter.rows(func(s *Store) {
				_, err := s.Find(ctx, q)
				must(t, err)
			}); rows > 300 {
				t.Errorf("%s: %+v visits %d rows", statistics, q, rows)
			}
		}
		if rows := meter.rows(func(s *Store) {
			_, _, err := s.IDsWith(ctx, "j", 100)
			must(t, err)
		}); rows > 800 {
			t.Errorf("%s: the ids visit %d rows", statistics, rows)
		}
	}
}

func TestAnOperatorSaysWhoMayPurchase(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	seed(t, store, 10)
	ann := create(t, store, "ann", "")
	set := func(id int64, may bool) (before bool, err error) {
		err = inTx(t, store, func(ctx context.Context, tx pgx.Tx) (err error) {
			before, err = store.SetMayPurchaseTx(ctx, tx, id, may)
			return err
		})
		return before, err
	}
	was := checkRoster(t, store)
	for _, step := range []struct{ may, before bool }{{false, true}, {false, false}, {true, false}, {true, true}} {
		if before, err := set(ann.ID, step.may); err != nil || before != step.before {
			t.Errorf("%+v: %v %v", step, before, err)
		}
		now := checkRoster(t, store)
		if a, err := store.WithName(t.Context(), "ann"); err != nil || a.MayPurchase != step.may || (now.Version == was.Version) != (step.may == step.before) {
			t.Errorf("%+v: %+v %v, version %d after %d", step, a, err, now.Version, was.Version)
		}
		was = now
	}
	if _, err := set(999, false); err == nil {
		t.Error("an account that is none is barred")
	}
	_, err := archive(t.Context(), store)
	must(t, err)
	if _, err := set(ann.ID, false); err != nil {
		t.Error(err)
	}
	must(t, erase(t, store, ann.ID))
	if _, err := set(ann.ID, true); err == nil {
		t.Error("an erased account may buy again")
	}
}
