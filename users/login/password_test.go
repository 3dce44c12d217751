package login

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/users"
)

const good = "vier kalte Fische tanzen"

// cheap is the least that argon2id takes, so that tests are fast.
func cheap() HashCost { return HashCost{MemoryKiB: 8, Passes: 1} }

// newPasswords has a worker until the end of the test.
func newPasswords(t testing.TB, pool *pgxpool.Pool, cfg PasswordsConfig) *Passwords {
	t.Helper()
	if cfg.Cost == (HashCost{}) {
		cfg.Cost = cheap()
	}
	p := NewPasswords(NewStore(pool), users.NewStore(pool), cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() { cancel(); worker.Wait() })
	return p
}

func signUp(t testing.TB, p *Passwords, s SignUp) users.Account {
	t.Helper()
	a, err := p.SignUp(t.Context(), s)
	succeeds(t, err)
	return a
}

func succeeds(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhoSignsUpSignsIn(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	ann := signUp(t, p, SignUp{Username: "Ann \u0130.", Password: good, VerifiedEmail: "Ann@Example.org"})
	ben := signUp(t, p, SignUp{Username: "ben", Password: "\u00c5ngstr\u00f6m und Bohr 1913"})
	for _, one := range []struct {
		name, password string
		want           users.Account
	}{
		{"Ann \u0130.", good, ann},
		{" ANN i\u0307. ", good, ann},
		{"ANN@example.ORG", good, ann},
		{"BEN", "\u00c5ngstr\u00f6m und Bohr 1913", ben},
		// Another keyboard: decomposed, the \u00c5ngstr\u00f6m sign, wide and unbreakable spaces.
		{"ben", "A\u030angstro\u0308m\u00a0und\u3000Bohr 1913", ben},
		{"ben", "\u212bngstr\u00f6m und Bohr 1913", ben},
	} {
		if got, err := p.Check(t.Context(), one.name, one.password); err != nil || got != one.want || !got.MayPurchase {
			t.Errorf("%q with %q: %+v, %v", one.name, one.password, got, err)
		}
	}
	_, err := p.store.pool.Exec(t.Context(), `UPDATE users SET may_purchase = false WHERE id = $1`, ben.ID)
	succeeds(t, err)
	if got, err := p.Check(t.Context(), "ben", "\u00c5ngstr\u00f6m und Bohr 1913"); err != nil || got.MayPurchase {
		t.Errorf("a barred shopper: %+v, %v", got, err)
	}
}

// Whoever is refused is refused by the same work: the same statements and one hash.
func TestAllRefusalsTakeTheSameWork(t *testing.T) {
	t.Parallel()
	pool, statements := counting(t, newPool(t))
	p := newPasswords(t, pool, PasswordsConfig{})
	seeded(t, pool)
	signUp(t, p, SignUp{Username: "gone", Password: good, VerifiedEmail: "gone@example.org"})
	_, err := pool.Exec(t.Context(), `UPDATE users SET archived_at = now() WHERE username = 'gone'`)
	succeeds(t, err)
	ann := signUp(t, p, SignUp{Username: "ann", Password: good})
	signUp(t, p, SignUp{Username: "codes", VerifiedEmail: "codes@example.org"})
	var placeholder string
	succeeds(t, pool.QueryRow(t.Context(), `SELECT email FROM users WHERE id = $1`, ann.ID).Scan(&placeholder))

	for what, who := range map[string][2]string{
		"a wrong password":            {"ann", good + "!"},
		"other capitals":              {"ann", strings.ToUpper(good)},
		"an empty password":           {"ann", ""},
		"a password of a megabyte":    {"ann", strings.Repeat("a", 1<<20)},
		"a password of control codes": {"ann", "\x00\x01"},
		"a password that is no text":  {"ann", "\xff\xfe"},
		"an unknown name":             {"nobody", good},
		"an unknown address":          {"nobody@example.org", good},
		"no name":                     {"", good},
		"a name nobody can have":      {"a\x00b\xff", good},
		"a name of a megabyte":        {strings.Repeat("a", 1<<20), good},
		"an archived account":         {"gone", good},
		"an archived address":         {"gone@example.org", good},
		"a seeded shopper":            {"john_doe", good},
		"a seeded shopper's address":  {"john_doe@example.com", good},
		"no password":                 {"codes", good},
		"no password, empty":          {"codes", ""},
		"a placeholder":               {placeholder, good},
	} {
		hashes, before := p.Counts().Hashes, statements.Load()
		if got, err := p.Check(t.Context(), who[0], who[1]); !errors.Is(err, ErrRefused) || got != (users.Account{}) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		if hashes, asked := p.Counts().Hashes-hashes, statements.Load()-before; hashes != 1 || asked != 2 {
			t.Errorf("%s took %d hashes and %d statements, want 1 and 2", what, hashes, asked)
		}
	}
}

// counting is a pool on the same schema that counts its statements.
func counting(t *testing.T, pool *pgxpool.Pool) (*pgxpool.Pool, *atomic.Int64) {
	t.Helper()
	statements, config := new(atomic.Int64), pool.Config()
	config.ConnConfig.Tracer = tracer{statements}
	counted, err := pgxpool.NewWithConfig(t.Context(), config)
	succeeds(t, err)
	t.Cleanup(counted.Close)
	return counted, statements
}

type tracer struct{ n *atomic.Int64 }

func (c tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestAHashIsMadeAnewWhenItsCostIsNotTodays(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	before := newPasswords(t, pool, PasswordsConfig{})
	now := newPasswords(t, pool, PasswordsConfig{Cost: HashCost{MemoryKiB: 16, Passes: 2}})
	ann := signUp(t, before, SignUp{Username: "ann", Password: good})
	stored := func() string {
		hash, err := now.store.passwordOf(t.Context(), ann.ID)
		succeeds(t, err)
		return hash
	}
	old := stored()
	if _, err := now.Check(t.Context(), "ann", "another one"); !errors.Is(err, ErrRefused) || stored() != old {
		t.Errorf("a wrong password: %v, %s", err, stored())
	}
	for _, want := range []uint64{2, 1} {
		hashes := now.Counts().Hashes
		_, err := now.Check(t.Context(), "ann", good)
		succeeds(t, err)
		if n := now.Counts().Hashes - hashes; n != want || !strings.HasPrefix(stored(), "$argon2id$v=19$m=16,t=2,p=1$") {
			t.Errorf("%d hashes, want %d; kept is %s", n, want, stored())
		}
	}
	_, err := before.Check(t.Context(), "ann", good) // the version before reads it too
	succeeds(t, err)
}

// What can write to the table can let itself in, but it must not end the process or take its memory.
func TestAHashThatIsNoneOfOursIsNotComputed(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	ann := signUp(t, p, SignUp{Username: "ann", Password: good})
	const rest = "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, hash := range []string{
		"", "x", "$argon2id$v=19$m=8,t=0,p=1" + rest, "$argon2id$v=19$m=8,t=1,p=0" + rest,
		"$argon2id$v=19$m=4294967295,t=1,p=1" + rest, "$argon2id$v=19$m=8,t=4294967295,p=1" + rest, "$argon2i$v=19$m=8,t=1,p=1" + rest,
	} {
		_, err := p.store.pool.Exec(t.Context(), `UPDATE passwords SET hash = $2 WHERE account = $1`, ann.ID, hash)
		succeeds(t, err)
		if got, err := p.Check(t.Context(), "ann", good); err == nil || got.ID != 0 || hash != "" && strings.Contains(err.Error(), hash) {
			t.Errorf("%q: %+v, %v", hash, got, err)
		}
	}
}

func TestAChangeOfPassword(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	ann := signUp(t, p, SignUp{Username: "ann", Password: good})
	live := signedIn(t, p, ann)
	const next = "sieben warme Steine singen"
	var w *WeakError
	if err := p.Change(t.Context(), ann.ID, good+"!", next); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong password: %v", err)
	}
	if err := p.Change(t.Context(), ann.ID, good, "password1"); !errors.As(err, &w) {
		t.Errorf("a weak one: %v", err)
	}
	if err := p.Change(t.Context(), ann.ID+1, good, next); !errors.Is(err, ErrRefused) {
		t.Errorf("nobody: %v", err)
	}
	if live() != 1 {
		t.Error("a change that was refused ends sessions")
	}
	succeeds(t, p.Change(t.Context(), ann.ID, good, next))
	if live() != 0 {
		t.Error("sessions outlive the password")
	}
	if _, err := p.Check(t.Context(), "ann", good); !errors.Is(err, ErrRefused) {
		t.Errorf("the old password: %v", err)
	}
	_, err := p.Check(t.Context(), "ann", next)
	succeeds(t, err)
	// Two changes from the same password: one of them is somebody else's.
	succeeds(t, p.store.transact(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		replaced, err := replacePasswordTx(ctx, tx, ann.ID, "the one before", "another")
		if replaced {
			t.Error("a password that was changed meanwhile is changed")
		}
		return err
	}))
}

// signedIn starts a session of the account and gives how many it has.
func signedIn(t *testing.T, p *Passwords, account users.Account) (live func() int) {
	t.Helper()
	sessions := process(t, p.store.pool, SessionsConfig{})
	_, _, err := sessions.Start(t.Context(), account, Origin{})
	succeeds(t, err)
	return func() int {
		list, err := sessions.List(t.Context(), account.ID)
		succeeds(t, err)
		return len(list)
	}
}

func TestAPasswordThatIsSet(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	codes := signUp(t, p, SignUp{Username: "codes", VerifiedEmail: "codes@example.org"})
	hash, err := p.Hash(t.Context(), good)
	succeeds(t, err)
	set := func(account int64) error {
		return p.store.transact(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return p.SetTx(ctx, tx, account, hash) })
	}
	for range 2 {
		live := signedIn(t, p, codes)
		succeeds(t, set(codes.ID))
		if live() != 0 {
			t.Error("sessions outlive the password")
		}
		if got, err := p.Check(t.Context(), "codes@example.org", good); err != nil || got.ID != codes.ID {
			t.Errorf("%+v, %v", got, err)
		}
	}
	shopper := seeded(t, p.store.pool)[0]
	succeeds(t, set(shopper.ID))
	_, err = p.Check(t.Context(), shopper.Username, good)
	succeeds(t, err)
	// An account that somebody signs in as is not shown again by seeding.
	_, err = p.store.pool.Exec(t.Context(), `UPDATE users SET archived_at = now(); UPDATE roster SET live = 0, able = 0`)
	succeeds(t, err)
	for _, a := range seeded(t, p.store.pool) {
		if a.ID == shopper.ID {
			t.Error("seeding has revived an account that has a password")
		}
	}
	if err := set(codes.ID); !errors.Is(err, users.ErrNoAccount) {
		t.Errorf("an archived account gets a password: %v", err)
	}
	if _, err := p.Check(t.Context(), shopper.Username, good); !errors.Is(err, ErrRefused) {
		t.Errorf("an archived account: %v", err)
	}
	var w *WeakError
	if _, err := p.Hash(t.Context(), "password1"); !errors.As(err, &w) || w.Field != "password" {
		t.Errorf("%v", err)
	}
}

// Whoever has another proof sets a password without the old one.
func TestAPasswordIsSetWithoutTheOldOne(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	codes := signUp(t, p, SignUp{Username: "forgetful", VerifiedEmail: "forgetful@example.org"})
	for _, want := range []bool{false, true} {
		if has, err := p.Has(t.Context(), codes.ID); err != nil || has != want {
			t.Errorf("has a password: %v %v, want %v", has, err, want)
		}
		if err := p.Prove(t.Context(), codes.ID, good); want && err != nil || !want && !errors.Is(err, ErrRefused) {
			t.Errorf("proved: %v", err)
		}
		live := signedIn(t, p, codes)
		succeeds(t, p.Set(t.Context(), codes.ID, good))
		if live() != 0 {
			t.Error("sessions outlive the password")
		}
	}
	if err := p.Prove(t.Context(), codes.ID, good+"!"); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong password: %v", err)
	}
	var weak *WeakError
	if err := p.Set(t.Context(), codes.ID, "forgetful"); !errors.As(err, &weak) {
		t.Errorf("its own name: %v", err)
	}
	if err := p.Set(t.Context(), 1<<40, good); !errors.Is(err, users.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
}

func TestAnErasedAccountIsNobodys(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	ann := signUp(t, p, SignUp{Username: "ann", Password: good, VerifiedEmail: "ann@example.org"})
	live := signedIn(t, p, ann)
	succeeds(t, p.store.transact(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return p.EraseTx(ctx, tx, ann.ID) }))
	if live() != 0 {
		t.Error("its sessions outlive it")
	}
	for _, name := range []string{"ann", "ann@example.org"} {
		if _, err := p.Check(t.Context(), name, good); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if hash, err := p.store.passwordOf(t.Context(), ann.ID); err != nil || hash != "" {
		t.Errorf("its password is kept: %s, %v", hash, err)
	}
	if _, err := p.SignUp(t.Context(), SignUp{Username: "ANN", Password: good}); !errors.Is(err, ErrTaken) {
		t.Errorf("its name is somebody else's: %v", err)
	}
}

func TestWhenTooManyWaitOneIsToldHowLong(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	p := NewPasswords(NewStore(pool), users.NewStore(pool), PasswordsConfig{Cost: cheap(), Limit: 1}) // no worker
	ctx, leave := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := p.Check(ctx, "ann", good); !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
	})
	for p.Counts().Waiting == 0 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	for what, do := range map[string]func() error{
		"sign-in": func() error { _, err := p.Check(t.Context(), "ben", good); return err },
		"sign-up": func() error { _, err := p.SignUp(t.Context(), SignUp{Username: "ben", Password: good}); return err },
		"hash":    func() error { _, err := p.Hash(t.Context(), good); return err },
	} {
		var busy *BusyError
		if err := do(); !errors.As(err, &busy) || busy.Wait <= 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	leave()
	first.Wait()
	if c := p.Counts(); c.Busy != 3 || c.Left != 1 || c.Hashes != 0 {
		t.Errorf("%+v", c)
	}
}

// BenchmarkHash is one check of a password at the cost of production: most of a sign-in.
func BenchmarkHash(b *testing.B) {
	p := NewPasswords(nil, nil, PasswordsConfig{})
	hash, err := p.create(good)
	succeeds(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.match(good, hash, true); err != nil {
			b.Fatal(err)
		}
	}
}
