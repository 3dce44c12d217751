package operator

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/users"
	"flashsale/users/login"
)

// Link is an invitation that was made.
type Link struct {
	// Token is what the address of the link ends in. It is a secret, so it is not kept with the answer of the act: a repeat
	// under the act's key is told everything but this.
	Token   string     `json:"-"`
	Role    login.Role `json:"role"`
	Expires time.Time  `json:"expires"`
}

// RoleChange is the role of an account before and after an act.
type RoleChange struct {
	Username string     `json:"username"`
	Before   login.Role `json:"before"`
	After    login.Role `json:"after"`
}

// MadeToken is a token that was made.
type MadeToken struct {
	// Secret is what the program sends. As Link.Token it is not kept: a repeat is told everything but this.
	Secret string `json:"-"`
	login.Token
}

// giver is who gives something by an act.
func (a Act) giver() login.Giver { return login.Giver{Account: a.Account, Name: a.Principal} }

// Team are the accounts with a role.
func (o *Acts) Team(ctx context.Context) ([]login.Member, error) { return o.team.Team(ctx) }

// Tokens are the API tokens, the newest first.
func (o *Acts) Tokens(ctx context.Context) ([]login.Token, error) { return o.team.Tokens(ctx) }

// OwnerExists is true when somebody is an owner.
func (o *Acts) OwnerExists(ctx context.Context) (bool, error) { return o.team.OwnerExists(ctx) }

// Invite makes a link that gives a role, once.
func (o *Acts) Invite(ctx context.Context, a Act, role login.Role) (Link, error) {
	return teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (Link, audit.Entry, error) {
		token, made, err := o.team.InviteTx(ctx, tx, role, a.giver())
		return Link{token, made.Role, made.Expires}, invitationEntry("team.invite", made), err
	})
}

// InviteFirstOwner makes the link of the first owner, and voids the one before. login.ErrOwnerExists: there is one.
func (o *Acts) InviteFirstOwner(ctx context.Context, a Act) (Link, error) {
	return teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (Link, audit.Entry, error) {
		token, made, err := o.team.FirstOwnerLinkTx(ctx, tx)
		return Link{token, made.Role, made.Expires}, invitationEntry("team.invite-first-owner", made), err
	})
}

func invitationEntry(action string, made login.Invitation) audit.Entry {
	return audit.Entry{Action: action, Subject: "team", Detail: map[string]any{"role": made.Role.String(), "expires": made.Expires}}
}

// Accept gives the account of the act the role of a link, and ends its sessions: a new one has the role.
func (o *Acts) Accept(ctx context.Context, a Act, token string) (login.Role, error) {
	return teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (login.Role, audit.Entry, error) {
		before, err := o.team.RoleTx(ctx, tx, a.Account)
		if err != nil {
			return login.NoRole, audit.Entry{}, err
		}
		role, err := o.team.AcceptTx(ctx, tx, token, a.Account)
		return role, audit.Entry{Action: "team.accept", Subject: a.Principal, Detail: map[string]any{
			"role": role.String(), "before": state{"role": before.String()}, "after": state{"role": role.String()},
		}}, err
	})
}

// SetRole gives an account a role, or takes its role away (login.NoRole), and ends its sessions when that is a change. Nothing is
// recorded when it is none.
func (o *Acts) SetRole(ctx context.Context, a Act, username string, role login.Role) (RoleChange, error) {
	who, err := o.accountOf(ctx, username)
	if err != nil {
		return RoleChange{}, err
	}
	return teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (RoleChange, audit.Entry, error) {
		before, err := o.team.SetRoleTx(ctx, tx, who.ID, role, a.giver())
		change := RoleChange{who.Username, before, role}
		if err != nil || before == role {
			return change, audit.Entry{}, err
		}
		return change, audit.Entry{Action: "team.role", Subject: who.Username,
			Detail: map[string]any{"before": state{"role": before.String()}, "after": state{"role": role.String()}}}, nil
	})
}

// ResetSecondFactor removes the second factor of an account and ends its sessions. It is false when there was none.
func (o *Acts) ResetSecondFactor(ctx context.Context, a Act, username string) (bool, error) {
	who, err := o.accountOf(ctx, username)
	if err != nil {
		return false, err
	}
	return teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (bool, audit.Entry, error) {
		was, err := o.team.ResetSecondFactorTx(ctx, tx, who.ID, a.giver())
		if err != nil || !was {
			return was, audit.Entry{}, err
		}
		return was, audit.Entry{Action: "team.reset-second-factor", Subject: who.Username,
			Detail: map[string]any{"before": state{"secondFactor": true}, "after": state{"secondFactor": false}}}, nil
	})
}

// CreateToken makes an API token that acts for the account of the act.
func (o *Acts) CreateToken(ctx context.Context, a Act, name string, scopes login.Scope, expires time.Time) (MadeToken, error) {
	return teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (MadeToken, audit.Entry, error) {
		secret, made, err := o.team.CreateTokenTx(ctx, tx, login.TokenRequest{Name: name, Scopes: scopes, Expires: expires, By: a.giver()})
		return MadeToken{secret, made}, tokenEntry("token.create", made), err
	})
}

// RevokeToken ends an API token, for good.
func (o *Acts) RevokeToken(ctx context.Context, a Act, id uuid.UUID) (login.Token, error) {
	return teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (login.Token, audit.Entry, error) {
		ended, err := o.team.RevokeTokenTx(ctx, tx, id, a.giver())
		return ended, tokenEntry("token.revoke", ended), err
	})
}

// RotateKeys makes a new key that signs sessions from now on. With forget, what older keys have signed is void at once.
func (o *Acts) RotateKeys(ctx context.Context, a Act, forget bool) error {
	_, err := teamAct(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (struct{}, audit.Entry, error) {
		return struct{}{}, audit.Entry{Action: "session-keys.rotate", Subject: "session keys", Detail: map[string]bool{"forget": forget}},
			o.team.RotateKeysTx(ctx, tx, forget)
	})
	return err
}

func tokenEntry(action string, t login.Token) audit.Entry {
	return audit.Entry{Action: action, Subject: t.ID.String(), Detail: map[string]any{
		"name": t.Name, "username": t.Username, "scopes": t.Scopes.Names(), "expires": t.Expires,
	}}
}

// teamAct is perform, bounded, for an act on the team.
func teamAct[A any](ctx context.Context, o *Acts, a Act, do work[A]) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	answer, _, err := perform(ctx, o, a, do)
	return answer, err
}

// accountOf is the account of a username. users.ErrNoAccount: there is none.
func (o *Acts) accountOf(ctx context.Context, username string) (users.Record, error) {
	name, err := users.NormalName(username)
	if err != nil {
		return users.Record{}, err
	}
	found, _, err := o.users.Named(ctx, []string{name}, nil)
	if err != nil {
		return users.Record{}, err
	}
	if len(found) == 0 {
		return users.Record{}, users.ErrNoAccount
	}
	return found[0], nil
}
