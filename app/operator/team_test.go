package operator_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/config"
	"flashsale/app/instance/instancetest"
	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/migrations"
	"flashsale/users"
	"flashsale/users/login"
)

// fresh is a deployment in which no instance has run, the acts of a command on it, and its database.
func fresh(t *testing.T) (*operator.Acts, *pgxpool.Pool) {
	t.Helper()
	d := instancetest.New(t)
	cfg, err := config.PoolConfig(d.Servers.DatabaseURL, d.Config.Namespace, 2)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := migrations.Up(t.Context(), pool, d.Config.Namespace); err != nil {
		t.Fatal(err)
	}
	return beside(t, d), pool
}

// by is an act of somebody in a browser.
func by(id int64, name string) operator.Act {
	return operator.Act{ActKey: audit.ActKey{Principal: name}, Account: id, Network: "192.0.2.7", Means: "session"}
}

func keyed(a operator.Act, key string) operator.Act {
	a.Key, a.Route = key, "POST /x"
	return a
}

// Every act on the team has its record, with who, from where and by what; what was refused has none. No secret is in a record, or
// in the answer that is kept for a repeat.
func TestActsOnTheTeamAreRecordedWithoutTheirSecrets(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	o, pool := fresh(t)
	ids := map[string]int64{}
	for _, name := range []string{"john_doe", "jane_smith"} {
		var id int64
		if err := pool.QueryRow(ctx, `SELECT id FROM users WHERE username = $1`, name).Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids[name] = id
	}
	owner, other := by(ids["john_doe"], "john_doe"), by(ids["jane_smith"], "jane_smith")
	command := operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"}
	var secrets []string

	first, err := o.InviteFirstOwner(ctx, command)
	if err != nil || first.Role != login.Owner || first.Token == "" {
		t.Fatalf("%+v %v", first, err)
	}
	if role, err := o.Accept(ctx, owner, first.Token); role != login.Owner || err != nil {
		t.Fatalf("%v %v", role, err)
	}
	if _, err := o.InviteFirstOwner(ctx, command); !errors.Is(err, login.ErrOwnerExists) {
		t.Errorf("a second first owner: %v", err)
	}
	link, err := o.Invite(ctx, keyed(owner, "k"), login.Viewer)
	if err != nil || link.Token == "" {
		t.Fatal(err)
	}
	again, err := o.Invite(ctx, keyed(owner, "k"), login.Viewer)
	if err != nil || again.Token != "" || !again.Expires.Equal(link.Expires) || again.Role != login.Viewer {
		t.Errorf("the repeat is told %+v %v, first %v", again.Role, err, again.Token == link.Token)
	}
	if _, err := o.Invite(ctx, other, login.Owner); !errors.Is(err, login.ErrNotOwner) {
		t.Errorf("an invitation by a shopper: %v", err)
	}
	if change, err := o.SetRole(ctx, owner, " Jane_SMITH ", login.Operator); err != nil || change != (operator.RoleChange{Username: "jane_smith", After: login.Operator}) {
		t.Errorf("%+v %v", change, err)
	}
	if _, err := o.SetRole(ctx, owner, "jane_smith", login.Operator); err != nil { // no change, no record
		t.Error(err)
	}
	if _, err := o.SetRole(ctx, owner, "nobody_at_all", login.Viewer); !errors.Is(err, users.ErrNoAccount) {
		t.Errorf("a role for nobody: %v", err)
	}
	if _, err := o.SetRole(ctx, command, "john_doe", login.NoRole); !errors.Is(err, login.ErrLastOwner) {
		t.Errorf("the last owner: %v", err)
	}
	if was, err := o.ResetSecondFactor(ctx, command, "jane_smith"); was || err != nil {
		t.Errorf("no second factor is reset: %v %v", was, err)
	}
	made, err := o.CreateToken(ctx, keyed(other, "t"), "Nightly", login.Read|login.Operate, time.Now().Add(time.Hour))
	if err != nil || made.Secret == "" {
		t.Fatal(err)
	}
	repeat, err := o.CreateToken(ctx, keyed(other, "t"), "Nightly", login.Read|login.Operate, time.Now().Add(time.Hour))
	if err != nil || repeat.Secret != "" || repeat.ID != made.ID || repeat.Scopes != made.Scopes {
		t.Errorf("the repeat is told %+v %v", repeat.Token, err)
	}
	if _, err := o.RevokeToken(ctx, owner, made.ID); err != nil {
		t.Error(err)
	}
	secrets = append(secrets, first.Token, link.Token, made.Secret)

	list, err := audit.New(pool).Recent(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range slices.Backward(list) {
		got = append(got, strings.Join([]string{e.Actor, e.Means, e.Network, e.Action, e.Subject}, "|"))
	}
	want := []string{
		"operator|command||team.invite-first-owner|team", "john_doe|session|192.0.2.7|team.accept|john_doe",
		"john_doe|session|192.0.2.7|team.invite|team", "john_doe|session|192.0.2.7|team.role|jane_smith",
		"jane_smith|session|192.0.2.7|token.create|" + made.ID.String(), "john_doe|session|192.0.2.7|token.revoke|" + made.ID.String(),
	}
	if !slices.Equal(got, want) {
		t.Errorf("recorded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var everything string
	err = pool.QueryRow(ctx, `SELECT (SELECT string_agg(a::text, ' ') FROM audit_log a) || (SELECT string_agg(convert_from(answer, 'UTF8'), ' ') FROM act_keys)`).Scan(&everything)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(everything, secret) {
			t.Errorf("a secret is kept in\n%s", everything)
		}
	}
}

// The team stays when all shoppers are archived.
func TestArchivingShoppersPassesOverTheTeam(t *testing.T) {
	t.Parallel()
	o, _ := fresh(t)
	command := operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"}
	if _, err := o.SetRole(t.Context(), command, "john_doe", login.Viewer); err != nil {
		t.Fatal(err)
	}
	n, err := o.ArchiveUsers(t.Context(), command)
	if err != nil || n == 0 {
		t.Fatalf("%d %v", n, err)
	}
	team, err := o.Team(t.Context())
	if err != nil || len(team) != 1 || team[0].Username != "john_doe" || team[0].Role != login.Viewer {
		t.Errorf("%+v %v", team, err)
	}
}
