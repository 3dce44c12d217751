package login

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/users"
)

// command is a giver on a machine of the deployment.
var command = Giver{Name: "operator"}

// newTeam is a store with the first accounts of the series, none of which has a role.
func newTeam(t testing.TB) (*Store, *pgxpool.Pool, []users.Account) {
	t.Helper()
	pool := newPool(t)
	return NewStore(pool), pool, seeded(t, pool)
}

func give(t testing.TB, s *Store, account int64, role Role, by Giver) (before Role, err error) {
	t.Helper()
	err = inTx(t, s, func(ctx context.Context, tx pgx.Tx) (err error) {
		before, err = s.SetRoleTx(ctx, tx, account, role, by)
		return err
	})
	return before, err
}

func roleOf(t testing.TB, s *Store, account int64) Role {
	t.Helper()
	role, err := s.RoleOf(testContext(t), account)
	must(t, err)
	return role
}

func TestARoleIsGivenAndTaken(t *testing.T) {
	t.Parallel()
	s, _, who := newTeam(t)
	owner, other := who[0], who[1]
	byOwner := Giver{owner.ID, owner.Username}
	for _, step := range []struct {
		what    string
		account int64
		role    Role
		by      Giver
		before  Role
		err     error
	}{
		{"the first owner, by a command", owner.ID, Owner, command, NoRole, nil},
		{"a viewer", other.ID, Viewer, byOwner, NoRole, nil},
		{"an operator", other.ID, Operator, byOwner, Viewer, nil},
		{"the same again", other.ID, Operator, byOwner, Operator, nil},
		{"by an operator", other.ID, Owner, Giver{other.ID, other.Username}, NoRole, ErrNotOwner},
		{"the last owner leaves", owner.ID, NoRole, byOwner, Owner, ErrLastOwner},
		{"the last owner steps down", owner.ID, Viewer, byOwner, Owner, ErrLastOwner},
		{"no account", 1 << 40, Viewer, byOwner, NoRole, users.ErrNoAccount},
		{"taken", other.ID, NoRole, byOwner, Operator, nil},
	} {
		before, err := give(t, s, step.account, step.role, step.by)
		if before != step.before || !errors.Is(err, step.err) || (err == nil) != (step.err == nil) {
			t.Errorf("%s: before %q, %v; want %q, %v", step.what, before, err, step.before, step.err)
		}
	}
	if roleOf(t, s, other.ID) != NoRole || roleOf(t, s, owner.ID) != Owner {
		t.Error("the roles are not what was given")
	}
	team, err := s.Team(testContext(t))
	if err != nil || len(team) != 1 || team[0].Username != owner.Username || team[0].Role != Owner || team[0].GivenBy != "operator" || team[0].SecondFactor {
		t.Errorf("team %+v %v", team, err)
	}
}

// Two owners remove each other at the same time: one stays.
func TestTheLastOwnerStaysWhoeverComesAtOnce(t *testing.T) {
	t.Parallel()
	s, _, who := newTeam(t)
	for range 5 {
		for _, one := range who[:2] {
			_, err := give(t, s, one.ID, Owner, command)
			must(t, err)
		}
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() { _, errs[i] = give(t, s, who[1-i].ID, NoRole, Giver{who[i].ID, who[i].Username}) })
		}
		both.Wait()
		owners := 0
		for _, one := range who[:2] {
			if roleOf(t, s, one.ID) == Owner {
				owners++
			}
		}
		// The slower one is told that it is no owner any more.
		if owners != 1 || !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, ErrNotOwner) }) {
			t.Fatalf("%d owners, %v", owners, errs)
		}
	}
	// By commands, which ask nobody, the last one stays too.
	for _, one := range who[:2] {
		_, err := give(t, s, one.ID, Owner, command)
		must(t, err)
	}
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() { _, errs[i] = give(t, s, who[i].ID, NoRole, command) })
	}
	both.Wait()
	if !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, ErrLastOwner) }) || !slices.Contains(errs, nil) {
		t.Errorf("%v", errs)
	}
}

func TestAChangeOfRoleEndsTheSessions(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	sessions := process(t, pool, SessionsConfig{})
	credential, _, err := sessions.Start(testContext(t), who[0], Origin{})
	must(t, err)
	another, _, err := sessions.Start(testContext(t), who[1], Origin{})
	must(t, err)
	_, err = give(t, s, who[0].ID, Owner, command)
	must(t, err)
	must(t, sessions.Refresh(testContext(t)))
	if _, err := sessions.Check(credential, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("the session from before the role: %v", err)
	}
	if _, err := sessions.Check(another, time.Now()); err != nil {
		t.Errorf("somebody else's session: %v", err)
	}
	credential, begun, err := sessions.Start(testContext(t), who[0], Origin{})
	if err != nil || begun.Role != Owner {
		t.Fatalf("%+v %v", begun, err)
	}
	_, err = give(t, s, who[0].ID, Owner, command) // changes nothing
	must(t, err)
	must(t, sessions.Refresh(testContext(t)))
	if _, err := sessions.Check(credential, time.Now()); err != nil {
		t.Errorf("after the same role again: %v", err)
	}
}

// Resetting the shoppers passes over the team; an owner whom an older version has archived does not count as one.
func TestTheTeamIsNotArchived(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	accounts := users.NewStore(pool)
	for i, role := range []Role{Owner, Viewer} {
		_, err := give(t, s, who[i].ID, role, command)
		must(t, err)
	}
	var hidden int64
	must(t, inTx(t, s, func(ctx context.Context, tx pgx.Tx) (err error) {
		hidden, err = accounts.ArchiveAllTx(ctx, tx)
		return err
	}))
	live, err := accounts.Live(testContext(t))
	if err != nil || live != 2 || hidden != int64(len(who))-2 {
		t.Errorf("%d hidden, %d live (%v)", hidden, live, err)
	}
	exec(t, pool, `UPDATE users SET archived_at = now() WHERE id = $1`, who[0].ID)
	if exists, err := s.OwnerExists(testContext(t)); exists || err != nil {
		t.Errorf("an archived owner exists: %v %v", exists, err)
	}
	if roleOf(t, s, who[0].ID) != NoRole {
		t.Error("an archived account has a role")
	}
	if _, err := give(t, s, who[2].ID, Viewer, command); !errors.Is(err, users.ErrNoAccount) {
		t.Errorf("a role for an archived account: %v", err)
	}
}
