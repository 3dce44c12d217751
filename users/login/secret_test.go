package login

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// keptSecrets is what the table has.
func keptSecrets(t testing.TB, pool *pgxpool.Pool) string {
	t.Helper()
	var all string
	must(t, pool.QueryRow(testContext(t), `SELECT coalesce(string_agg(f::text, ' '), '') FROM second_factors f`).Scan(&all))
	return all
}

// passes checks a code of now, which may have been used before.
func passes(t testing.TB, f *SecondFactors, pool *pgxpool.Pool, account int64, secret string) error {
	t.Helper()
	exec(t, pool, `UPDATE second_factors SET last_step = 0`)
	return f.Check(testContext(t), account, codeAt(t, secret, 0))
}

func TestTheTableOfSecondFactorsHasNoSecret(t *testing.T) {
	t.Parallel()
	f, pool, account, secret, _ := enrolled(t)
	if kept := keptSecrets(t, pool); strings.Contains(kept, secret) || !strings.Contains(kept, sealedPrefix) {
		t.Error(kept)
	}
	must(t, passes(t, f, pool, account, secret))
}

// A version before kept the secret as it is. It works, and is sealed at the next start and at the next sign-in.
func TestASecretOfTheVersionBeforeIsSealed(t *testing.T) {
	t.Parallel()
	for name, seal := range map[string]func(*SecondFactors, *pgxpool.Pool, int64, string) error{
		"start": func(f *SecondFactors, _ *pgxpool.Pool, _ int64, _ string) error {
			closed, err := f.SealAnew(testContext(t))
			if closed != 0 {
				t.Errorf("%d are closed", closed)
			}
			return err
		},
		"sign-in": func(f *SecondFactors, pool *pgxpool.Pool, account int64, secret string) error {
			return passes(t, f, pool, account, secret)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, pool, account, secret, _ := enrolled(t)
			exec(t, pool, `UPDATE second_factors SET secret = $1`, secret)
			must(t, passes(t, NewSecondFactors(f.store, "Shop", nil), pool, account, secret))
			exec(t, pool, `UPDATE second_factors SET secret = $1`, secret)
			must(t, seal(f, pool, account, secret))
			if kept := keptSecrets(t, pool); strings.Contains(kept, secret) {
				t.Error(kept)
			}
			must(t, passes(t, f, pool, account, secret))
		})
	}
}

// Keys of sessions are rotated and forgotten, and every second factor stays.
func TestARotationOfTheSessionKeysLocksNobodyOut(t *testing.T) {
	t.Parallel()
	f, pool, account, secret, _ := enrolled(t)
	for _, forget := range []bool{false, true, true} {
		must(t, f.store.RotateKeys(testContext(t), forget))
		must(t, passes(t, f, pool, account, secret))
	}
}

// From the database's key to one of SESSION_KEYS, to the next one, and back: each start seals anew, and what is sealed with a key that
// is gone for good takes recovery codes only.
func TestSecondFactorsFollowTheKeysFromOutside(t *testing.T) {
	t.Parallel()
	begun, pool, account, secret, recovery := enrolled(t)
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 40)
	for step, keys := range [][][]byte{{one}, {two, one}, {two}, {one, two}, {one}} {
		f := NewSecondFactors(begun.store, "Shop", keys)
		if closed, err := f.SealAnew(testContext(t)); closed != 0 || err != nil {
			t.Fatalf("step %d: %d closed, %v", step, closed, err)
		}
		must(t, passes(t, f, pool, account, secret))
	}
	lost := NewSecondFactors(begun.store, "Shop", [][]byte{two})
	if closed, err := lost.SealAnew(testContext(t)); closed != 1 || err != nil {
		t.Fatalf("%d closed, %v", closed, err)
	}
	if err := passes(t, lost, pool, account, secret); !errors.Is(err, errSealed) {
		t.Error(err)
	}
	must(t, lost.Check(testContext(t), account, recovery[0]))
	must(t, passes(t, NewSecondFactors(begun.store, "Shop", [][]byte{one}), pool, account, secret))
}

// Who can write to the table still cannot put a second factor of its own into the row of somebody else.
func TestASealedSecretIsOfOneAccount(t *testing.T) {
	t.Parallel()
	f, pool, account, secret, _ := enrolled(t)
	exec(t, pool, `INSERT INTO second_factors (user_id, secret, confirmed_at)
		SELECT (SELECT min(id) FROM users WHERE id <> $1), secret, confirmed_at FROM second_factors`, account)
	var other int64
	must(t, pool.QueryRow(testContext(t), `SELECT user_id FROM second_factors WHERE user_id <> $1`, account).Scan(&other))
	if err := passes(t, f, pool, other, secret); !errors.Is(err, errSealed) {
		t.Error(err)
	}
}

// Two processes that begin at once make one key.
func TestTheSealingKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	s, pool, _ := newTeam(t)
	must(t, s.ensureSealingKey(testContext(t), nil))
	var first, second []byte
	must(t, pool.QueryRow(testContext(t), selectSealingKey).Scan(&first))
	must(t, s.ensureSealingKey(testContext(t), nil))
	must(t, pool.QueryRow(testContext(t), selectSealingKey).Scan(&second))
	if !bytes.Equal(first, second) || len(first) != keySize {
		t.Errorf("%x, then %x", first, second)
	}
	must(t, inTx(t, s, func(ctx context.Context, tx pgx.Tx) error {
		keys, err := readSealingKeys(ctx, tx, forSecondFactors, [][]byte{{1}})
		if len(keys) != 2 {
			t.Errorf("%d keys", len(keys))
		}
		return err
	}))
}

// A sealed text opens for its purpose and what it is about, with any key that is there, and with no other.
func TestASealedTextIsOfOnePurposeAndOneKey(t *testing.T) {
	t.Parallel()
	s, _, _ := newTeam(t)
	ctx, one, two := testContext(t), bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 40)
	const text = "-----BEGIN EC PRIVATE KEY-----"
	for _, keys := range [][][]byte{nil, {one}, {two, one}} {
		sealed, err := NewSealing(s, "certificates", keys).Seal(ctx, "shop.key", []byte(text))
		must(t, err)
		if bytes.Contains(sealed, []byte("PRIVATE")) {
			t.Errorf("%q", sealed)
		}
		for _, opening := range []struct {
			purpose, about string
			keys           [][]byte
			opens, current bool
		}{
			{"certificates", "shop.key", keys, true, true},
			{"certificates", "shop.key", append([][]byte{bytes.Repeat([]byte{3}, 32)}, keys...), true, false},
			{"certificates", "other.key", keys, false, false},
			{"second factors", "shop.key", keys, false, false},
			{"certificates", "shop.key", [][]byte{bytes.Repeat([]byte{3}, 32)}, keys == nil, false}, // the database's key opens always
		} {
			got, current, err := NewSealing(s, opening.purpose, opening.keys).Open(ctx, opening.about, sealed)
			if opening.opens != (err == nil) || !opening.opens && !errors.Is(err, ErrSealedElsewhere) || opening.opens && string(got) != text || current != opening.current {
				t.Errorf("%s about %s with %d keys: %q, current %v, %v", opening.purpose, opening.about, len(opening.keys), got, current, err)
			}
		}
		if _, _, err := NewSealing(s, "certificates", keys).Open(ctx, "shop.key", []byte("x")); !errors.Is(err, ErrSealedElsewhere) {
			t.Error(err)
		}
	}
}
