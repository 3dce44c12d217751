package session

import (
	"context"
	"time"

	"github.com/google/uuid"

	"flashsale/app/operator"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/codes"
)

// sessions is login.Sessions.
type sessions interface {
	// Start signs an account in. The credential is for the browser's cookie.
	Start(ctx context.Context, account users.Account, from login.Origin) (credential string, started login.Session, err error)
	End(ctx context.Context, account int64, id uuid.UUID) error
	// EndAll ends all sessions of an account but one; without one it ends the sign-ins that are under way too.
	EndAll(ctx context.Context, account int64, but uuid.UUID) (int, error)
	List(ctx context.Context, account int64) ([]login.Session, error)
	// Version is that of the sign-ins now. Unchanged fails with login.ErrExpired when all sessions of the account have ended since.
	Version(ctx context.Context) (int64, error)
	Unchanged(ctx context.Context, account, since int64) error
}

// seals is login.Sessions: a text that only this deployment can have written, and that nobody can change. It is readable.
type seals interface {
	Seal(purpose, text string, until time.Time) (string, error)
	// Unseal fails with login.ErrNoSession, or login.ErrExpired.
	Unseal(purpose, sealed string, now time.Time) (string, error)
}

// passwords is login.Passwords.
type passwords interface {
	// SignUp fails with a *login.WeakError, *login.BusyError, login.ErrTaken or users.ErrName.
	SignUp(ctx context.Context, who login.SignUp) (users.Account, error)
	// Check fails with login.ErrRefused or a *login.BusyError.
	Check(ctx context.Context, name, password string) (users.Account, error)
	Change(ctx context.Context, account int64, current, next string) error
	// Set is Change after another proof, also for an account that Has none. Prove fails with login.ErrRefused or a *login.BusyError.
	Set(ctx context.Context, account int64, next string) error
	Has(ctx context.Context, account int64) (bool, error)
	Prove(ctx context.Context, account int64, password string) error
}

// proofs is codes.Codes.
type proofs interface {
	// On is true when mails can be sent.
	On() bool
	// Begin sends a code to whoever has that name or address. The flow is for the browser's cookie.
	Begin(ctx context.Context, name string, by codes.Asker) (flow string, err error)
	Verify(ctx context.Context, flow, code string) (codes.Proof, error)
	// Peek says whom the link of a mail would sign in, and spends nothing.
	Peek(ctx context.Context, link string) (codes.Proof, error)
	Spend(ctx context.Context, link string) (codes.Proof, error)
	BeginEmailChange(ctx context.Context, account int64, email string, by codes.Asker) (flow string, err error)
	VerifyEmailChange(ctx context.Context, account int64, flow, code string) error
	// TellPassword sends a notice of a new password to the account's address, if it has one.
	TellPassword(ctx context.Context, account int64)
}

// secondFactors is login.SecondFactors.
type secondFactors interface {
	// Begin gives the same secret again until a code confirms it.
	Begin(ctx context.Context, account int64, label string) (login.Enrolment, error)
	Confirm(ctx context.Context, account int64, code string) (recovery []string, err error)
	Check(ctx context.Context, account int64, code string) error
	Enrolled(ctx context.Context, account int64) (bool, error)
}

// team is login.Store.
type team interface {
	RoleOf(ctx context.Context, account int64) (login.Role, error)
	LookAtInvitation(ctx context.Context, token string) (login.Invitation, error)
}

// acts is operator.Acts: who has a role and which programs may act, and what owners do about it. Each act is one transaction with its
// audit record.
type acts interface {
	Team(ctx context.Context) ([]login.Member, error)
	Tokens(ctx context.Context) ([]login.Token, error)
	// Accept gives the account of the act the role of an invitation.
	Accept(ctx context.Context, a operator.Act, token string) (login.Role, error)
	Invite(ctx context.Context, a operator.Act, role login.Role) (operator.Link, error)
	SetRole(ctx context.Context, a operator.Act, username string, role login.Role) (operator.RoleChange, error)
	ResetSecondFactor(ctx context.Context, a operator.Act, username string) (bool, error)
	CreateToken(ctx context.Context, a operator.Act, name string, scopes login.Scope, expires time.Time) (operator.MadeToken, error)
	RevokeToken(ctx context.Context, a operator.Act, id uuid.UUID) (login.Token, error)
}

// accounts is users.Store.
type accounts interface {
	// WithName is the account with that username, or that verified address, in normal form. Its ID is zero when there is none.
	WithName(ctx context.Context, name string) (users.Account, error)
	// WithID are the live accounts with these ids.
	WithID(ctx context.Context, ids []int64) ([]users.Record, int64, error)
}

// orders is ledger.Store: what somebody bought, the newest first.
type orders interface {
	OrdersOf(ctx context.Context, user int64, limit int) ([]sale.Order, error)
}

// owners is limits.Limits: from where the owners of accounts sign in, so that attempts from elsewhere do not count there.
type owners interface {
	Remember(ctx context.Context, account int64, remote string)
}
