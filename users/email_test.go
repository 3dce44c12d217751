package users

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
)

func setEmail(ctx context.Context, store *Store, id int64, email string) error {
	return pgx.BeginFunc(ctx, store.pool, func(tx pgx.Tx) error { return store.VerifyEmailTx(ctx, tx, id, email) })
}

func TestAVerifiedAddressFindsItsAccount(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, FirstShoppers)
	list := everybody(t, store)
	before, err := store.Roster(ctx)
	must(t, err)
	if r, err := store.Reachable(ctx, list[0].Username); err != nil || r.Verified || r.Account != list[0] {
		t.Errorf("%+v %v", r, err)
	}
	must(t, setEmail(ctx, store, list[0].ID, "Ann@Example.org"))
	for _, key := range []string{"ann@example.org", list[0].Username} {
		r, err := store.Reachable(ctx, key)
		if err != nil || !r.Verified || r.Archived || r.ID != list[0].ID || r.Email != "Ann@Example.org" || r.EmailKey != "ann@example.org" {
			t.Errorf("%s: %+v %v", key, r, err)
		}
	}
	// Whoever follows the changes sees this one.
	changed, version, err := store.Changes(ctx, Position{Changed: before.Version, ID: 1 << 62}, 10)
	if err != nil || len(changed) != 1 || changed[0].EmailKey != "ann@example.org" || version != before.Version+1 {
		t.Errorf("%+v, version %d after %d, %v", changed, version, before.Version, err)
	}
	checkRoster(t, store)
	if r, err := store.Reachable(ctx, "nobody@example.org"); err != nil || r.ID != 0 {
		t.Errorf("%+v %v", r, err)
	}
	_, err = archive(ctx, store)
	must(t, err)
	if r, err := store.ReachableID(ctx, list[0].ID); err != nil || !r.Archived || !r.Verified {
		t.Errorf("%+v %v", r, err)
	}
}

func TestAnAddressBelongsToOneAccount(t *testing.T) {
	t.Parallel()
	ctx, store := testContext(t), NewStore(newPool(t))
	seed(t, store, FirstShoppers)
	list := everybody(t, store)
	must(t, setEmail(ctx, store, list[0].ID, "ann@example.org"))
	if err := setEmail(ctx, store, list[1].ID, "ANN@example.org"); !errors.Is(err, ErrTaken) {
		t.Error(err)
	}
	if err := setEmail(ctx, store, 999, "x@example.org"); !errors.Is(err, ErrNoAccount) {
		t.Error(err)
	}
	for _, email := range []string{"", "no address", "a\x00@b"} {
		if err := setEmail(ctx, store, list[1].ID, email); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", email, err)
		}
	}
	_, err := archive(ctx, store)
	must(t, err)
	if err := setEmail(ctx, store, list[1].ID, "x@example.org"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("an archived account: %v", err)
	}
}
