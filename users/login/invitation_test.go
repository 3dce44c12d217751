package login

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/users"
)

func invite(t testing.TB, s *Store, role Role, by Giver) (token string, err error) {
	t.Helper()
	err = inTx(t, s, func(ctx context.Context, tx pgx.Tx) (err error) {
		token, _, err = s.InviteTx(ctx, tx, role, by)
		return err
	})
	return token, err
}

func firstOwnerLink(t testing.TB, s *Store) (token string, err error) {
	t.Helper()
	err = inTx(t, s, func(ctx context.Context, tx pgx.Tx) (err error) {
		token, _, err = s.FirstOwnerLinkTx(ctx, tx)
		return err
	})
	return token, err
}

func accept(t testing.TB, s *Store, token string, account int64) (role Role, err error) {
	t.Helper()
	err = inTx(t, s, func(ctx context.Context, tx pgx.Tx) (err error) {
		role, err = s.AcceptTx(ctx, tx, token, account)
		return err
	})
	return role, err
}

func TestALinkGivesItsRoleOnce(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	token, err := invite(t, s, Operator, command)
	must(t, err)
	if len(token) != 22 {
		t.Errorf("a token of %d characters", len(token))
	}
	var kept string
	must(t, pool.QueryRow(testContext(t), `SELECT coalesce(string_agg(i::text, ' '), '') FROM invitations i`).Scan(&kept))
	if strings.Contains(kept, token) {
		t.Errorf("the token is kept: %s", kept)
	}
	for range 2 { // looking spends nothing
		i, err := s.LookAtInvitation(testContext(t), token)
		if left := time.Until(i.Expires); err != nil || i.Role != Operator || i.FirstOwner || i.By != "operator" || left < InvitationLife-time.Minute || left > InvitationLife+time.Minute {
			t.Errorf("%+v %v", i, err)
		}
	}
	if _, err := accept(t, s, token, 1<<40); !errors.Is(err, users.ErrNoAccount) {
		t.Errorf("without an account: %v", err)
	}
	for range 2 { // a second click by the same
		if role, err := accept(t, s, token, who[0].ID); role != Operator || err != nil {
			t.Errorf("%v %v", role, err)
		}
	}
	if roleOf(t, s, who[0].ID) != Operator {
		t.Error("the role was not given")
	}
	if role, err := accept(t, s, token, who[1].ID); !errors.Is(err, ErrExpired) || role != NoRole || roleOf(t, s, who[1].ID) != NoRole {
		t.Errorf("a link that was used: %v %v", role, err)
	}
	if _, err := s.LookAtInvitation(testContext(t), token); !errors.Is(err, ErrExpired) {
		t.Errorf("a look at it: %v", err)
	}
	// The role was taken away: the link does not bring it back.
	_, err = give(t, s, who[0].ID, NoRole, command)
	must(t, err)
	if _, err := accept(t, s, token, who[0].ID); !errors.Is(err, ErrExpired) {
		t.Errorf("a link that was used, by the same: %v", err)
	}
}

func TestLinksThatGiveNothing(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	owner, shopper := Giver{who[0].ID, who[0].Username}, who[1]
	_, err := give(t, s, owner.Account, Owner, command)
	must(t, err)
	_, err = give(t, s, who[2].ID, Owner, command)
	must(t, err)
	old, err := invite(t, s, Viewer, owner)
	must(t, err)
	exec(t, pool, `UPDATE invitations SET expires_at = clock_timestamp() - interval '1 second'`)
	orphan, err := invite(t, s, Viewer, owner)
	must(t, err)
	lower, err := invite(t, s, Viewer, command)
	must(t, err)
	if _, err := accept(t, s, lower, owner.Account); !errors.Is(err, ErrHasRole) || roleOf(t, s, owner.Account) != Owner {
		t.Errorf("an owner takes the link of a viewer: %v", err)
	}
	_, err = give(t, s, owner.Account, Operator, command)
	must(t, err)
	for what, token := range map[string]string{"expired": old, "its maker is no owner any more": orphan, "unknown": "x", "empty": ""} {
		if role, err := accept(t, s, token, shopper.ID); !errors.Is(err, ErrExpired) || role != NoRole {
			t.Errorf("%s: %v %v", what, role, err)
		}
		if _, err := s.LookAtInvitation(testContext(t), token); !errors.Is(err, ErrExpired) {
			t.Errorf("a look, %s: %v", what, err)
		}
	}
	if role, err := accept(t, s, lower, shopper.ID); role != Viewer || err != nil {
		t.Errorf("a link that was refused to an owner is spent: %v %v", role, err)
	}
	if _, err := invite(t, s, Owner, owner); !errors.Is(err, ErrNotOwner) {
		t.Errorf("an operator invites: %v", err)
	}
	if _, err := invite(t, s, NoRole, command); !errors.Is(err, ErrRole) {
		t.Errorf("an invitation to nothing: %v", err)
	}
}

func TestTheLinkOfTheFirstOwner(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	voided, err := firstOwnerLink(t, s)
	must(t, err)
	token, err := firstOwnerLink(t, s)
	must(t, err)
	if role, err := accept(t, s, voided, who[0].ID); !errors.Is(err, ErrExpired) || role != NoRole {
		t.Errorf("a link that a new one has voided: %v %v", role, err)
	}
	i, err := s.LookAtInvitation(testContext(t), token)
	if left := time.Until(i.Expires); err != nil || !i.FirstOwner || i.Role != Owner || left > FirstOwnerLife+time.Minute {
		t.Errorf("%+v %v", i, err)
	}
	exec(t, pool, `UPDATE invitations SET expires_at = clock_timestamp() - interval '1 second'`)
	if _, err := accept(t, s, token, who[0].ID); !errors.Is(err, ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
	token, err = firstOwnerLink(t, s)
	must(t, err)
	// Somebody became an owner by command meanwhile.
	_, err = give(t, s, who[1].ID, Owner, command)
	must(t, err)
	if _, err := accept(t, s, token, who[0].ID); !errors.Is(err, ErrExpired) || roleOf(t, s, who[0].ID) != NoRole {
		t.Errorf("beside an owner: %v", err)
	}
	if _, err := firstOwnerLink(t, s); !errors.Is(err, ErrOwnerExists) {
		t.Errorf("a link beside an owner: %v", err)
	}
}

// The same link in several browsers at once, each with an account of its own: one of them is the owner.
func TestOfTwoFirstOwnersAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s, _, who := newTeam(t)
	token, err := firstOwnerLink(t, s)
	must(t, err)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = accept(t, s, token, who[i].ID) })
	}
	all.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil && roleOf(t, s, who[i].ID) == Owner:
			won++
		case !errors.Is(err, ErrExpired), roleOf(t, s, who[i].ID) != NoRole:
			t.Errorf("browser %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d owners: %v", won, errs)
	}
}
