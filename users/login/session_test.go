package login

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// process is the Sessions of one process. It has read what there is.
func process(t testing.TB, pool *pgxpool.Pool, cfg SessionsConfig) *Sessions {
	t.Helper()
	s := NewSessions(NewStore(pool), cfg)
	if err := s.Refresh(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASessionIsKnownToEveryProcessUntilItEnds(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	who := seeded(t, pool)[0]
	one, other := process(t, pool, SessionsConfig{}), process(t, pool, SessionsConfig{})
	credential, started, err := one.Start(ctx, who, Origin{Network: "192.0.2.1", Agent: "Browser\x00\n of somebody"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Sessions{one, other} {
		got, err := p.Check(credential, time.Now())
		if err != nil || got.ID != started.ID || got.Account != who.ID || got.Username != who.Username || got.Role != NoRole {
			t.Errorf("%+v %v, want %+v", got, err, started)
		}
		if _, err := p.Check(credential, started.Expires); !errors.Is(err, ErrExpired) {
			t.Errorf("at its end: %v", err)
		}
	}
	list, err := other.List(ctx, who.ID)
	if err != nil || len(list) != 1 || list[0].ID != started.ID || list[0].Origin != (Origin{"192.0.2.1", "Browser   of somebody"}) {
		t.Errorf("%+v %v", list, err)
	}
	if err := one.End(ctx, who.ID+1, started.ID); err != nil {
		t.Fatal(err)
	}
	if list, err = one.List(ctx, who.ID); err != nil || len(list) != 1 {
		t.Errorf("another account has ended it: %v %v", list, err)
	}
	if err := one.End(ctx, who.ID, started.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Check(credential, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("here: %v", err)
	}
	if err := other.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Check(credential, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("elsewhere: %v", err)
	}
	if _, err := process(t, pool, SessionsConfig{}).Check(credential, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("in a process that starts: %v", err)
	}
}

func TestNoByteOfACredentialCanBeChanged(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	s := process(t, pool, SessionsConfig{})
	credential, _, err := s.Start(testContext(t), seeded(t, pool)[0], Origin{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(credential)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		changed := append([]byte{}, raw...)
		changed[i] ^= 1
		if _, err := s.Check(base64.RawURLEncoding.EncodeToString(changed), time.Now()); !errors.Is(err, ErrNoSession) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for _, other := range []string{"", credential[1:], credential[:len(credential)-1], credential + "A", credential + "=", credential + credential} {
		if _, err := s.Check(other, time.Now()); !errors.Is(err, ErrNoSession) {
			t.Errorf("%d characters: %v", len(other), err)
		}
	}
}

func TestSignOutEverywhereLeavesOneSession(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	s, list := process(t, pool, SessionsConfig{}), seeded(t, pool)
	var credentials [3]string
	var sessions [3]Session
	for i := range credentials {
		var err error
		if credentials[i], sessions[i], err = s.Start(ctx, list[0], Origin{}); err != nil {
			t.Fatal(err)
		}
	}
	stranger, _, err := s.Start(ctx, list[1], Origin{})
	if err != nil {
		t.Fatal(err)
	}
	ended, err := s.EndAll(ctx, list[0].ID, sessions[1].ID)
	if err != nil || ended != 2 {
		t.Errorf("%d %v", ended, err)
	}
	for credential, ended := range map[string]bool{credentials[0]: true, credentials[1]: false, credentials[2]: true, stranger: false} {
		if _, err := s.Check(credential, time.Now()); errors.Is(err, ErrRevoked) != ended {
			t.Errorf("ended %t: %v", ended, err)
		}
	}
}

// What somebody has proved of an account counts until all its sessions end, in whatever way. The end of one of them changes nothing.
func TestAProofIsVoidOnceAllSessionsHaveEnded(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	s, list := process(t, pool, SessionsConfig{}), seeded(t, pool)
	who, other := list[0].ID, list[1].ID
	step := func(name string, want error, do func() error) {
		t.Helper()
		since, err := s.Version(ctx)
		if err == nil {
			err = do()
		}
		if err != nil {
			t.Fatal(name, err)
		}
		if err := s.Unchanged(ctx, who, since); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	_, one, err := s.Start(ctx, list[0], Origin{})
	if err != nil {
		t.Fatal(err)
	}
	step("nothing", nil, func() error { return nil })
	step("a session of it", nil, func() error { return s.End(ctx, who, one.ID) })
	step("all but one", nil, func() error { _, err := s.EndAll(ctx, who, one.ID); return err })
	step("all of another account", nil, func() error { _, err := s.EndAll(ctx, other, uuid.Nil); return err })
	credential, _, err := s.Start(ctx, list[0], Origin{})
	if err != nil {
		t.Fatal(err)
	}
	step("all, here", ErrExpired, func() error {
		if n, err := s.EndAll(ctx, who, uuid.Nil); err != nil || n != 1 {
			t.Errorf("%d %v", n, err)
		}
		return nil
	})
	if _, err := s.Check(credential, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("a session after all have ended: %v", err)
	}
	step("all, with no session there", ErrExpired, func() error { _, err := s.EndAll(ctx, who, uuid.Nil); return err })
	step("all, in a transaction", ErrExpired, func() error {
		return s.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return EndAllTx(ctx, tx, who) })
	})
	// A version that this database has not reached is of another one.
	if err := s.Unchanged(ctx, who, 1<<40); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
}

func TestWhatAnAccountHadBeforeIsVoidAndWhatItGetsAfterwardsIsNot(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	s, who := process(t, pool, SessionsConfig{}), seeded(t, pool)[0]
	old, _, err := s.Start(ctx, who, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.store.transact(ctx, func(ctx1 context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx1, `INSERT INTO roles (user_id, role, given_by) VALUES ($1, 'operator', 'test')`, who.ID); err != nil {
			return err
		}
		return s.store.revokeAllTx(ctx1, tx, who.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	next, started, err := s.Start(ctx, who, Origin{})
	if err != nil || started.Role != Operator {
		t.Fatalf("%+v %v", started, err)
	}
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(old, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("the session of before: %v", err)
	}
	if got, err := s.Check(next, time.Now()); err != nil || got.Role != Operator {
		t.Errorf("the session of afterwards: %+v %v", got, err)
	}
	if left, err := s.List(ctx, who.ID); err != nil || len(left) != 1 {
		t.Errorf("%+v %v", left, err)
	}
}

func TestKeysAreRotated(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	s, who := process(t, pool, SessionsConfig{}), seeded(t, pool)[0]
	first, _, err := s.Start(ctx, who, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	rotate := func(forget bool) string {
		if err := s.store.RotateKeys(ctx, forget); err != nil {
			t.Fatal(err)
		}
		if err := s.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		credential, _, err := s.Start(ctx, who, Origin{})
		if err != nil {
			t.Fatal(err)
		}
		return credential
	}
	second := rotate(false)
	if first[:8] == second[:8] {
		t.Error("the old key still signs")
	}
	for _, credential := range []string{first, second} {
		if _, err := s.Check(credential, time.Now()); err != nil {
			t.Error(err)
		}
	}
	third := rotate(true)
	for credential, want := range map[string]error{first: ErrNoSession, second: ErrNoSession, third: nil} {
		if _, err := s.Check(credential, time.Now()); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	outside := process(t, pool, SessionsConfig{Keys: [][]byte{[]byte("an own key of thirty-two bytes!!")}})
	if _, err := outside.Check(third, time.Now()); !errors.Is(err, ErrNoSession) {
		t.Errorf("a key of the database counts beside keys of the environment: %v", err)
	}
}

func TestASessionIsRenewedAtMostOnceADay(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	s, who := process(t, pool, SessionsConfig{Lifetime: 720 * time.Hour}), seeded(t, pool)[0]
	_, started, err := s.Start(ctx, who, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if credential, _, err := s.Renew(ctx, started, time.Now().Add(23*time.Hour)); credential != "" || err != nil {
		t.Errorf("after less than a day: %q %v", credential, err)
	}
	credential, renewed, err := s.Renew(ctx, started, time.Now().Add(25*time.Hour))
	if err != nil || renewed.ID != started.ID || renewed.Expires.Before(started.Expires) {
		t.Fatalf("%+v %v", renewed, err)
	}
	if got, err := s.Check(credential, time.Now()); err != nil || got.ID != started.ID {
		t.Errorf("%+v %v", got, err)
	}
	if err := s.End(ctx, who.ID, started.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Renew(ctx, started, time.Now().Add(25*time.Hour)); !errors.Is(err, ErrRevoked) {
		t.Errorf("one that has ended: %v", err)
	}
}

func TestArchivedAccountsHaveNoSessions(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	who := seeded(t, pool)[0]
	gone := false
	s := process(t, pool, SessionsConfig{Gone: func(id int64) bool { return gone && id == who.ID }})
	credential, _, err := s.Start(ctx, who, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	gone = true
	if _, err := s.Check(credential, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Error(err)
	}
	if _, err := pool.Exec(ctx, `UPDATE users SET archived_at = now() WHERE id = $1`, who.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Start(ctx, who, Origin{}); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

func TestAnotherDatabaseIsReadAnew(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	s, who := process(t, pool, SessionsConfig{}), seeded(t, pool)[0]
	credential, started, err := s.Start(ctx, who, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.End(ctx, who.ID, started.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `DELETE FROM login_changes; UPDATE login_state SET version = 1`); err != nil {
		t.Fatal(err)
	}
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(credential, time.Now()); err != nil {
		t.Errorf("the backup knows of no end: %v", err)
	}
}

func TestWhatIsKnownIsFreshForASecond(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	s := NewSessions(NewStore(pool), SessionsConfig{})
	if s.Fresh() {
		t.Error("before the first reading")
	}
	if err := s.Refresh(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if !s.Fresh() {
		t.Error("after it")
	}
	s.read.Add(-int64(leaseTime))
	if s.Fresh() {
		t.Error("a second later")
	}
	pool.Close()
	if err := s.Refresh(testContext(t)); err == nil || s.Fresh() {
		t.Errorf("without the database: %v", err)
	}
}

// BenchmarkSHA256 is what a signature costs at the least: compare BenchmarkCheckFirst with it.
func BenchmarkSHA256(b *testing.B) {
	text := make([]byte, 4*64)
	for b.Loop() {
		sha256.Sum256(text)
	}
}

// Where a second factor is needed, a role is in no session before one is set up.
func TestASessionHasTheRoleOnceTheSecondFactorIsSetUp(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	who := seeded(t, pool)[0]
	for _, statement := range []string{
		`INSERT INTO roles (user_id, role, given_by) VALUES ($1, 'owner', 'test')`,
		`INSERT INTO second_factors (user_id, secret) VALUES ($1, 'JBSWY3DPEHPK3PXP')`, `UPDATE second_factors SET confirmed_at = now() WHERE user_id = $1`,
	} {
		if _, err := pool.Exec(ctx, statement, who.ID); err != nil {
			t.Fatal(err)
		}
		confirmed := strings.HasPrefix(statement, "UPDATE")
		for _, needed := range []bool{false, true} {
			_, s, err := process(t, pool, SessionsConfig{SecondFactor: needed}).Start(ctx, who, Origin{})
			if has := s.Role == Owner; err != nil || has == (needed && !confirmed) {
				t.Errorf("needed %v, confirmed %v: %v %v", needed, confirmed, s.Role, err)
			}
		}
	}
}
