package directory

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/users"
)

// An account without an address has one name only, and what stands in the database in its place leads nowhere.
func TestAccountsWithoutAnAddressHaveOneName(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	store := users.NewStore(pool)
	d := New(store, Config{})
	create := func(name string) (made users.Account) {
		must(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
			made, err = store.CreateTx(ctx, tx, users.Newcomer{Username: name})
			return err
		}))
		return made
	}
	ann := create("ann")
	must(t, d.Refresh(ctx))
	ben := create("Ben")
	must(t, d.Refresh(ctx))
	var placeholder string
	must(t, pool.QueryRow(ctx, `SELECT email_key FROM users WHERE id = $1`, ben.ID).Scan(&placeholder))
	for name, id := range map[string]int64{"ann": ann.ID, "ben": ben.ID, "": 0, placeholder: 0} {
		if got, _ := d.Known(name); got.ID != id {
			t.Errorf("Known(%q) = %+v, want account %d", name, got, id)
		}
		if got, err := d.Find(ctx, []string{name}); err != nil || got[0].ID != id {
			t.Errorf("Find(%q) = %+v, %v; want account %d", name, got, err, id)
		}
	}
	must(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return store.EraseTx(ctx, tx, ann.ID) }))
	must(t, d.Refresh(ctx))
	if got, ok := d.Known("ann"); ok {
		t.Errorf("an erased account is known: %+v", got)
	}
	if got, ok := d.Known("ben"); !ok || got.Username != "Ben" || d.cache.ids.count != 1 {
		t.Errorf("%+v, %d accounts in memory", got, d.cache.ids.count)
	}
}
