package login

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func makeToken(t testing.TB, s *Store, r TokenRequest) (secret string, made Token, err error) {
	t.Helper()
	err = inTx(t, s, func(ctx context.Context, tx pgx.Tx) (err error) {
		secret, made, err = s.CreateTokenTx(ctx, tx, r)
		return err
	})
	return secret, made, err
}

func revoke(t testing.TB, s *Store, id uuid.UUID, by Giver) (token Token, err error) {
	t.Helper()
	err = inTx(t, s, func(ctx context.Context, tx pgx.Tx) (err error) {
		token, err = s.RevokeTokenTx(ctx, tx, id, by)
		return err
	})
	return token, err
}

func TestATokenIsMadeAndChecked(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	maker := Giver{who[0].ID, who[0].Username}
	_, err := give(t, s, maker.Account, Operator, command)
	must(t, err)
	month := time.Now().Add(30 * 24 * time.Hour)
	for what, tt := range map[string]struct {
		request TokenRequest
		err     error
	}{
		"no name":            {TokenRequest{"", Read, month, maker}, ErrTokenName},
		"a long name":        {TokenRequest{strings.Repeat("é", 61), Read, month, maker}, ErrTokenName},
		"a hidden character": {TokenRequest{"a\u202eb", Read, month, maker}, ErrTokenName},
		"no scope":           {TokenRequest{"a", 0, month, maker}, ErrScope},
		"a scope of nobody":  {TokenRequest{"a", 8, month, maker}, ErrScope},
		"in the past":        {TokenRequest{"a", Read, time.Now().Add(-time.Second), maker}, ErrTokenLife},
		"never":              {TokenRequest{"a", Read, time.Time{}, maker}, ErrTokenLife},
		"after two years":    {TokenRequest{"a", Read, time.Now().Add(2 * TokenLife), maker}, ErrTokenLife},
		"without a role":     {TokenRequest{"a", Read, month, Giver{who[1].ID, who[1].Username}}, ErrScope},
	} {
		if _, _, err := makeToken(t, s, tt.request); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", what, err, tt.err)
		}
	}
	secret, made, err := makeToken(t, s, TokenRequest{" Nightly  Export ", Read | Export, time.Now().Add(TokenLife), maker})
	if err != nil || len(secret) != 47 || !strings.HasPrefix(secret, "fst_") || made.Name != "nightly export" {
		t.Fatalf("%d characters, %+v %v", len(secret), made, err)
	}
	if _, _, err := makeToken(t, s, TokenRequest{"nightly export", Read, month, maker}); !errors.Is(err, ErrTokenName) {
		t.Errorf("another one of its name: %v", err)
	}
	got, err := s.CheckToken(testContext(t), secret)
	if err != nil || got.ID != made.ID || got.Name != "nightly export" || got.Account != maker.Account || got.Username != maker.Name || got.Scopes != Read|Export {
		t.Errorf("%+v %v", got, err)
	}
	for _, wrong := range []string{"", "fst_", secret[:46], secret + "A", "FST_" + secret[4:], secret[:46] + "-", strings.Repeat("x", 47)} {
		if _, err := s.CheckToken(testContext(t), wrong); !errors.Is(err, ErrNoSession) {
			t.Errorf("%d characters: %v", len(wrong), err)
		}
	}
	var kept string
	must(t, pool.QueryRow(testContext(t), `SELECT string_agg(t::text, ' ') FROM api_tokens t`).Scan(&kept))
	if strings.Contains(kept, secret[4:]) {
		t.Errorf("the secret is kept: %s", kept)
	}
	exec(t, pool, `UPDATE api_tokens SET made_at = made_at - interval '2 days', expires_at = clock_timestamp()`)
	if _, err := s.CheckToken(testContext(t), secret); !errors.Is(err, ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
}

// When it was used is written once a minute.
func TestTheLastUseOfATokenIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	_, err := give(t, s, who[0].ID, Viewer, command)
	must(t, err)
	secret, _, err := makeToken(t, s, TokenRequest{"a", Read, time.Now().Add(time.Hour), Giver{who[0].ID, who[0].Username}})
	must(t, err)
	used := func() time.Time {
		t.Helper()
		_, err := s.CheckToken(testContext(t), secret)
		must(t, err)
		list, err := s.Tokens(testContext(t))
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		return list[0].LastUsed
	}
	first := used()
	if time.Since(first).Abs() > time.Minute {
		t.Errorf("used at %v", first)
	}
	if second := used(); !second.Equal(first) {
		t.Errorf("written again after %v", second.Sub(first))
	}
	exec(t, pool, `UPDATE api_tokens SET last_used_at = last_used_at - interval '61 seconds'`)
	if third := used(); third.Before(first) {
		t.Errorf("not written after a minute: %v", third)
	}
}

func TestATokenEndsWithTheRoleOfItsMaker(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	maker := Giver{who[0].ID, who[0].Username}
	_, err := give(t, s, maker.Account, Operator, command)
	must(t, err)
	secrets := map[string]string{}
	for name, scopes := range map[string]Scope{"reads": Read, "acts": Read | Operate} {
		secrets[name], _, err = makeToken(t, s, TokenRequest{name, scopes, time.Now().Add(time.Hour), maker})
		must(t, err)
	}
	// The role is lower in the table, and no change of role has ended the token: it is limited at its use.
	exec(t, pool, `UPDATE roles SET role = 'viewer'`)
	if got, err := s.CheckToken(testContext(t), secrets["acts"]); err != nil || got.Scopes != Read {
		t.Errorf("with a viewer's role: %v %v", got.Scopes, err)
	}
	exec(t, pool, `UPDATE roles SET role = 'operator'`)
	for _, step := range []struct {
		role        Role
		reads, acts error
	}{{Owner, nil, nil}, {Viewer, nil, ErrRevoked}, {Operator, nil, ErrRevoked}, {NoRole, ErrRevoked, ErrRevoked}, {Operator, ErrRevoked, ErrRevoked}} {
		_, err := give(t, s, who[1].ID, Owner, command)
		must(t, err)
		_, err = give(t, s, maker.Account, step.role, command)
		must(t, err)
		for name, want := range map[string]error{"reads": step.reads, "acts": step.acts} {
			if _, err := s.CheckToken(testContext(t), secrets[name]); !errors.Is(err, want) {
				t.Errorf("its maker is %q, the token that %s: %v, want %v", step.role, name, err, want)
			}
		}
	}
	last, _, err := makeToken(t, s, TokenRequest{"last", Read, time.Now().Add(time.Hour), maker})
	must(t, err)
	exec(t, pool, `UPDATE users SET archived_at = now() WHERE id = $1`, maker.Account)
	if _, err := s.CheckToken(testContext(t), last); !errors.Is(err, ErrRevoked) {
		t.Errorf("its maker is archived: %v", err)
	}
}

func TestATokenIsRevokedByItsMakerOrAnOwner(t *testing.T) {
	t.Parallel()
	s, _, who := newTeam(t)
	givers := map[string]Giver{}
	for i, role := range []Role{Operator, Viewer, Owner} {
		_, err := give(t, s, who[i].ID, role, command)
		must(t, err)
		givers[role.String()] = Giver{who[i].ID, who[i].Username}
	}
	for name, want := range map[string]error{"operator": nil, "viewer": ErrNotOwner, "owner": nil} {
		secret, made, err := makeToken(t, s, TokenRequest{name, Operate, time.Now().Add(time.Hour), givers["operator"]})
		must(t, err)
		if _, err := revoke(t, s, made.ID, givers[name]); !errors.Is(err, want) {
			t.Errorf("by the %s: %v", name, err)
		}
		if _, err := s.CheckToken(testContext(t), secret); (err == nil) == (want == nil) {
			t.Errorf("after the %s: %v", name, err)
		}
		first, err := revoke(t, s, made.ID, command)
		must(t, err)
		if again, err := revoke(t, s, made.ID, command); err != nil || !again.Revoked.Equal(first.Revoked) || again.Name != name {
			t.Errorf("once more: %+v %v", again, err)
		}
		// The name is free again.
		if _, _, err = makeToken(t, s, TokenRequest{name, Read, time.Now().Add(time.Hour), givers["operator"]}); err != nil {
			t.Errorf("its name: %v", err)
		}
	}
	if _, err := revoke(t, s, uuid.New(), command); !errors.Is(err, ErrNoToken) {
		t.Errorf("no token: %v", err)
	}
}
