package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestSomebodyWhoSignsUpIsAnAccount(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	seed(t, store, 10)
	ann := create(t, store, "Ann B.", "")
	if ann.Username != "Ann B." || ann.Email != "" || ann.EmailVerified || !ann.MayPurchase || ann.ID == 0 || ann.CreatedAt.IsZero() {
		t.Errorf("%+v", ann)
	}
	ben := create(t, store, "ben", "Ben@Example.com")
	if ben.Email != "Ben@Example.com" || !ben.EmailVerified {
		t.Errorf("%+v", ben)
	}
	if now := checkRoster(t, store); now.Live != 22 || now.Able != 16 {
		t.Errorf("%+v", now)
	}
	list := everybody(t, store)
	if last := list[len(list)-2]; last != ann {
		t.Errorf("the list has %+v, want %+v", last, ann)
	}
	for name, id := range map[string]int64{
		"ann b.": ann.ID, "ben": ben.ID, "ben@example.com": ben.ID, "nobody": 0, "": 0,
		"john_doe_1@example.com": 0, // nobody has shown that it is theirs
	} {
		if got, err := store.WithName(t.Context(), name); err != nil || got.ID != id {
			t.Errorf("%q is %+v, %v; want account %d", name, got, err, id)
		}
	}
}

// No name that an account has or had is anybody else's, in any spelling that is the same name.
func TestAUsedNameIsTaken(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	seed(t, store, 10)
	create(t, store, "Stra\u00dfe", "")
	create(t, store, "\u0130zmir", "")
	create(t, store, "kim", "kim@example.org")
	gone := create(t, store, "gone", "gone@example.org")
	must(t, erase(t, store, gone.ID))
	last := len(everybody(t, store))
	for _, hidden := range []bool{false, true} {
		if hidden {
			_, err := archive(t.Context(), store)
			must(t, err)
			last = 0
		}
		for who, field := range map[Newcomer]string{
			{"JOHN_DOE", ""}:                "username",
			{"STRASSE", ""}:                 "username",
			{"i\u0307zmir", ""}:             "username",
			{"\u212aim", ""}:                "username", // Kelvin sign
			{"kim_2", "kim@example.org"}:    "email",
			{"new", "john_doe@example.com"}: "email", // not verified, and yet another's
			{"new", "\u212aim@example.org"}: "email",
			{"GONE", ""}:                    "username",
		} {
			var taken *TakenError
			if err := store.Free(t.Context(), who); !errors.As(err, &taken) || taken.Field != field || !errors.Is(err, ErrTaken) {
				t.Errorf("%+v is said to be free: %v", who, err)
			}
			if _, err := try(t.Context(), store, who); !errors.As(err, &taken) || taken.Field != field {
				t.Errorf("%+v: %v, want that the %s is taken", who, err, field)
			}
		}
		if n := len(everybody(t, store)); n != last {
			t.Errorf("%d accounts, want %d", n, last)
		}
		checkRoster(t, store)
	}
	// A dotless i is another letter: this is another name, and nobody else's account.
	other := create(t, store, "\u0131zmir", "")
	if got, err := store.WithName(t.Context(), "\u0131zmir"); err != nil || got.ID != other.ID {
		t.Errorf("%+v, %v", got, err)
	}
	create(t, store, "again", "gone@example.org")
}

func TestOfManyWhoWantOneNameOneGetsIt(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	var group sync.WaitGroup
	results := make([]error, 16)
	for i := range results {
		group.Go(func() {
			spelling := []byte("abcdefgh")
			spelling[i%8] -= 'a' - 'A'
			_, results[i] = try(t.Context(), store, Newcomer{Username: string(spelling)})
		})
	}
	group.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, ErrTaken) {
			t.Error(err)
		}
	}
	if now := checkRoster(t, store); won != 1 || now.Live != 1 {
		t.Errorf("%d have the name, %d accounts", won, now.Live)
	}
	// Names that were taken have used up no ids.
	if next := create(t, store, "next", ""); next.ID != 2 {
		t.Errorf("the next account is %d", next.ID)
	}
}

func TestSeedingLeavesAloneWhomSomebodySignsInAs(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	person := create(t, store, "bob_wilson_2", "") // of the series, and barred by it
	given := seedAndFind(t, store, 10, "john_doe_1")
	must(t, inTx(t, store, func(ctx context.Context, tx pgx.Tx) error { return store.CredentialTx(ctx, tx, given.ID) }))
	seed(t, store, 20)
	if now, err := store.WithName(t.Context(), "bob_wilson_2"); err != nil || !now.MayPurchase || now.ID != person.ID {
		t.Errorf("seeding has barred a person: %+v, %v", now, err)
	}
	_, err := archive(t.Context(), store)
	must(t, err)
	seed(t, store, 20)
	seed(t, store, 40)
	for name, live := range map[string]bool{"bob_wilson_2": false, "john_doe_1": false, "john_doe_2": true, "jane_smith_1": true, "john_doe_4": true} {
		if now, err := store.WithName(t.Context(), name); err != nil || (now.ID != 0) != live {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
	}
	checkRoster(t, store)
	must(t, ensureAble(t.Context(), store, 50))
}

func TestArchivingPassesOverAccountsWithARole(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	seed(t, store, 10)
	owner, shopper := create(t, store, "owner", ""), create(t, store, "shopper", "")
	protect := func(on bool) {
		must(t, inTx(t, store, func(ctx context.Context, tx pgx.Tx) error { return store.ProtectTx(ctx, tx, owner.ID, on) }))
	}
	protect(true)
	if hidden, err := archive(t.Context(), store); err != nil || hidden != 21 {
		t.Errorf("%d hidden, %v", hidden, err)
	}
	if list := everybody(t, store); len(list) != 1 || list[0].ID != owner.ID {
		t.Errorf("left are %+v", list)
	}
	if err := erase(t, store, owner.ID); !errors.Is(err, ErrKept) {
		t.Errorf("an account with a role is erased: %v", err)
	}
	protect(false)
	if hidden, err := archive(t.Context(), store); err != nil || hidden != 1 {
		t.Errorf("%d hidden, %v", hidden, err)
	}
	checkRoster(t, store)
	for _, do := range []func(ctx context.Context, tx pgx.Tx) error{
		func(ctx context.Context, tx pgx.Tx) error { return store.ProtectTx(ctx, tx, shopper.ID, true) },
		func(ctx context.Context, tx pgx.Tx) error { return store.CredentialTx(ctx, tx, shopper.ID) },
		func(ctx context.Context, tx pgx.Tx) error {
			return store.VerifyEmailTx(ctx, tx, shopper.ID, "x@example.org")
		},
	} {
		if err := inTx(t, store, do); !errors.Is(err, ErrNoAccount) {
			t.Errorf("an archived account is changed: %v", err)
		}
	}
}

func TestAVerifiedAddressIsAName(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	ann, ben := create(t, store, "ann", ""), create(t, store, "ben", "ben@example.org")
	verify := func(id int64, email string) error {
		return inTx(t, store, func(ctx context.Context, tx pgx.Tx) error { return store.VerifyEmailTx(ctx, tx, id, email) })
	}
	must(t, verify(ann.ID, " Ann@Example.org "))
	must(t, verify(ann.ID, "ann@example.org"))
	if got, err := store.WithName(t.Context(), "ann@example.org"); err != nil || got.ID != ann.ID || got.Email != "ann@example.org" || !got.EmailVerified {
		t.Errorf("%+v, %v", got, err)
	}
	for email, want := range map[string]error{"BEN@example.org": ErrTaken, "ann": ErrName, strings.Repeat("a", 32) + "@unverified.invalid": ErrName} {
		if err := verify(ann.ID, email); !errors.Is(err, want) {
			t.Errorf("%s: %v", email, err)
		}
	}
	must(t, verify(ben.ID, "benjamin@example.org"))
	if got, err := store.WithName(t.Context(), "ben@example.org"); err != nil || got.ID != 0 {
		t.Errorf("an old address leads to %+v, %v", got, err)
	}
	checkRoster(t, store)
}

func TestNobodySeesOrUsesAPlaceholder(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	ann := create(t, store, "ann", "")
	var key string
	must(t, store.pool.QueryRow(t.Context(), `SELECT email_key FROM users WHERE id = $1`, ann.ID).Scan(&key))
	if !strings.HasSuffix(key, unverifiedDomain) || len(key) != 32+len(unverifiedDomain) {
		t.Fatalf("the placeholder is %q", key)
	}
	if got, err := store.WithName(t.Context(), key); err != nil || got.ID != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, _, err := store.Named(t.Context(), []string{}, []string{key}); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	changes, _, err := store.Changes(t.Context(), Position{}, 10)
	must(t, err)
	live, _, err := store.LiveAfter(t.Context(), 0, 10)
	must(t, err)
	for _, r := range append(changes, live...) {
		if said := fmt.Sprintf("%+v", r); strings.Contains(said, unverifiedDomain) {
			t.Errorf("shown: %s", said)
		}
	}
}

func TestAnErasedAccountHasNoNames(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	seed(t, store, 10)
	ann := create(t, store, "ann", "ann@example.org")
	if erased, err := store.Erased(t.Context(), ann.ID); err != nil || erased {
		t.Errorf("erased before: %v %v", erased, err)
	}
	must(t, erase(t, store, ann.ID))
	if erased, err := store.Erased(t.Context(), ann.ID); err != nil || !erased {
		t.Errorf("not erased: %v %v", erased, err)
	}
	if erased, err := store.Erased(t.Context(), ann.ID+1000); err != nil || erased {
		t.Errorf("an account that there never was is erased: %v %v", erased, err)
	}
	if err := erase(t, store, ann.ID); !errors.Is(err, ErrNoAccount) {
		t.Errorf("erased twice: %v", err)
	}
	var row string
	must(t, store.pool.QueryRow(t.Context(), `SELECT users::text FROM users WHERE id = $1`, ann.ID).Scan(&row))
	if strings.Contains(row, "ann") || strings.Contains(row, "example") {
		t.Errorf("left of the account is %s", row)
	}
	if now := checkRoster(t, store); now.Live != 20 {
		t.Errorf("%+v", now)
	}
	_, err := archive(t.Context(), store)
	must(t, err)
	must(t, erase(t, store, create(t, store, "ann2", "ann@example.org").ID))
	checkRoster(t, store)
}

func create(t *testing.T, store *Store, username, email string) Account {
	t.Helper()
	a, err := try(t.Context(), store, Newcomer{Username: username, VerifiedEmail: email})
	must(t, err)
	return a
}

func try(ctx context.Context, store *Store, who Newcomer) (a Account, err error) {
	err = store.transact(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		a, err = store.CreateTx(ctx, tx, who)
		return err
	})
	return a, err
}

func erase(t *testing.T, store *Store, id int64) error {
	t.Helper()
	return inTx(t, store, func(ctx context.Context, tx pgx.Tx) error { return store.EraseTx(ctx, tx, id) })
}

func inTx(t *testing.T, store *Store, do func(ctx context.Context, tx pgx.Tx) error) error {
	t.Helper()
	return store.transact(t.Context(), do)
}

func seedAndFind(t *testing.T, store *Store, n int, name string) Account {
	t.Helper()
	seed(t, store, n)
	a, err := store.WithName(t.Context(), name)
	must(t, err)
	return a
}
