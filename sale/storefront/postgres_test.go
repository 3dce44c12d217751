package storefront

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
)

func newPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, _ := embeddedtest.Postgres(t)
	return pool
}

func save(t testing.TB, pool *pgxpool.Pool, b *Brand) Changed {
	t.Helper()
	var ch Changed
	must(t, pgx.BeginFunc(testContext(t), pool, func(tx pgx.Tx) (err error) {
		ch, err = NewStore(pool).SetTx(testContext(t), tx, b)
		return err
	}))
	return ch
}

func TestABrandIsKeptWhole(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	store, ctx := NewStore(pool), testContext(t)
	if b, err := store.Brand(ctx); err != nil || b.Exists() || b.Version != 0 {
		t.Fatalf("a new deployment has %+v (%v)", b, err)
	}
	want := completeBrand(t)
	if ch := save(t, pool, want); ch != (Changed{1, "", "Nordlicht"}) {
		t.Errorf("%+v", ch)
	}
	got, err := store.Brand(ctx)
	must(t, err)
	if got.Version != 1 || got.String() != want.String() || len(got.Pictures()) != 3 {
		t.Errorf("kept is %s with %v", got, got.Pictures())
	}
	for i, p := range got.Pictures() {
		if w := want.Pictures()[i]; p.String() != w.String() || !bytes.Equal(p.Body, w.Body) {
			t.Errorf("kept is %s, want %s", p, w)
		}
	}
	plainer, err := Read([]byte(`{"name": "Südlicht"}`), nil)
	must(t, err)
	if ch := save(t, pool, plainer); ch != (Changed{2, "Nordlicht", "Südlicht"}) {
		t.Errorf("%+v", ch)
	}
	if got, err = store.Brand(ctx); err != nil || got.Name != "Südlicht" || len(got.Pictures()) != 0 || got.Accent != nil {
		t.Errorf("of the brand before is left: %+v (%v)", got, err)
	}
	if ch := save(t, pool, &Brand{}); ch != (Changed{3, "Südlicht", ""}) {
		t.Errorf("%+v", ch)
	}
	if got, err = store.Brand(ctx); err != nil || got.Exists() || got.Version != 3 {
		t.Errorf("after it was taken away: %+v (%v)", got, err)
	}
}

func TestAProcessFollowsTheBrand(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	shown, ctx := NewShown(NewStore(pool), slog.New(slog.DiscardHandler)), testContext(t)
	if shown.Present().Exists() {
		t.Error("a brand is shown before it was read")
	}
	must(t, shown.Refresh(ctx))
	before := shown.Present()
	must(t, shown.Refresh(ctx))
	if shown.Present() != before {
		t.Error("an unchanged brand is read again")
	}
	save(t, pool, completeBrand(t))
	must(t, shown.Look(ctx))
	if shown.Present().Name != "Nordlicht" || before.Exists() {
		t.Errorf("shown is %q", shown.Present().Name)
	}
	save(t, pool, &Brand{})
	must(t, shown.Look(ctx)) // too soon after the last one
	if shown.Present().Name != "Nordlicht" {
		t.Error("pages make the process ask as often as they like")
	}
	// An older backup has a lower version, and is followed too.
	exec(t, pool, `UPDATE storefront_brand SET version = 0, document = '{"name": "Restored"}'`)
	must(t, shown.Refresh(ctx))
	if shown.Present().Name != "Restored" {
		t.Errorf("shown is %q", shown.Present().Name)
	}
}

// A row that another program has written passes the same checks. When it does not, the brand of before stays.
func TestAWrongRowIsNotShown(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	shown, ctx := NewShown(NewStore(pool), slog.New(slog.DiscardHandler)), testContext(t)
	save(t, pool, completeBrand(t))
	must(t, shown.Refresh(ctx))
	for document, says := range map[string]string{
		`{"name": "x", "links": {"terms": "javascript:alert(1)"}}`: "links.terms",
		`{"name": "x", "accent": "red;}"}`:                         "accent",
		`{"name": "x", "script": "x"}`:                             "script",
		`[]`:                                                       "one JSON object",
	} {
		exec(t, pool, `UPDATE storefront_brand SET version = version + 1, document = $1::text::jsonb`, document)
		if err := shown.Refresh(ctx); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", document, err)
		}
		if shown.Present().Name != "Nordlicht" {
			t.Errorf("%s: shown is %q", document, shown.Present().Name)
		}
	}
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(testContext(t), sql, args...)
	must(t, err)
}

// Run follows by itself, and ends with its context.
func TestRunFollows(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	shown := NewShown(NewStore(pool), slog.New(slog.DiscardHandler))
	ctx, end := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() { ended <- shown.Run(ctx) }()
	save(t, pool, completeBrand(t))
	for shown.Present().Name != "Nordlicht" {
		if err := ctx.Err(); err != nil {
			t.Fatal("the brand is not followed")
		}
		time.Sleep(10 * time.Millisecond)
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
