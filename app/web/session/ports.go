package session

import (
	"context"
	"time"

	"github.com/google/uuid"

	"flashsale/app/operator"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
)

// sessions is login.Sessions.
type sessions interface {
	// Start signs an account in. The credential is for the browser's cookie.
	Start(ctx context.Context, account users.Account, from Origin) (credential string, started Session, err error)
	End(ctx context.Context, account int64, id uuid.UUID) error
	// EndAll ends all sessions of an account but one.
	EndAll(ctx context.Context, account int64, but uuid.UUID) (int, error)
	List(ctx context.Context, account int64) ([]Session, error)
}

// seals is login.Sessions: a text that only this deployment can have written, and that nobody can change. It is readable.
type seals interface {
	Seal(purpose, text string, until time.Time) string
	// Unseal fails with login.ErrNoSession, or login.ErrExpired.
	Unseal(purpose, sealed string, now time.Time) (string, error)
}

// passwords is login.Passwords.
type passwords interface {
	// SignUp fails with a *WeakError, *BusyError, login.ErrTaken or users.ErrName.
	SignUp(ctx context.Context, who SignUp) (users.Account, error)
	// Check fails with login.ErrRefused or a *BusyError.
	Check(ctx context.Context, name, password string) (users.Account, error)
	Change(ctx context.Context, account int64, current, next string) error
}

// codes is login.Codes.
type codes interface {
	// Begin sends a code to whoever has that name or address. The flow is for the browser's cookie.
	Begin(ctx context.Context, name string) (flow string, err error)
	Verify(ctx context.Context, flow, code string) (Proof, error)
	// Peek says whom the link of a mail would sign in, and spends nothing.
	Peek(ctx context.Context, token string) (Proof, error)
	Spend(ctx context.Context, token string) (Proof, error)
	BeginEmailChange(ctx context.Context, account int64, email string) (flow string, err error)
	VerifyEmailChange(ctx context.Context, account int64, flow, code string) error
}

// secondFactors is login.SecondFactors.
type secondFactors interface {
	// Begin gives the same secret again until a code confirms it.
	Begin(ctx context.Context, account int64, label string) (Enrolment, error)
	Confirm(ctx context.Context, account int64, code string) (recovery []string, err error)
	Check(ctx context.Context, account int64, code string) error
	Enrolled(ctx context.Context, account int64) (bool, error)
}

// team is login.Store: who has a role, and the tokens.
type team interface {
	RoleOf(ctx context.Context, account int64) (login.Role, error)
	Team(ctx context.Context) ([]Member, error)
	Tokens(ctx context.Context) ([]Token, error)
	LookAtInvitation(ctx context.Context, token string) (Invitation, error)
}

// acts is operator.Acts: what owners do, each with its audit record in one transaction.
type acts interface {
	AcceptInvitation(ctx context.Context, a operator.Act, token string, account int64) (login.Role, error)
	Invite(ctx context.Context, a operator.Act, role login.Role) (token string, until time.Time, err error)
	SetRole(ctx context.Context, a operator.Act, username string, role login.Role) error
	ResetSecondFactor(ctx context.Context, a operator.Act, username string) error
	CreateToken(ctx context.Context, a operator.Act, t TokenRequest) (secret string, made Token, err error)
	RevokeToken(ctx context.Context, a operator.Act, id uuid.UUID) error
}

// accounts is users.Store.
type accounts interface {
	// WithName is the account with that username, or that verified address, in normal form. Its ID is zero when there is none.
	WithName(ctx context.Context, name string) (users.Account, error)
	// ByID is the account with that id; users.ErrNoAccount when there is none.
	ByID(ctx context.Context, id int64) (users.Account, error)
}

// orders is ledger.Store: what somebody bought, the newest first.
type orders interface {
	OrdersOf(ctx context.Context, user int64, limit int) ([]sale.Order, error)
}

// limits is login.Limits: how many attempts somebody may make.
type limits interface {
	Take(ctx context.Context, policy Policy, who Asker) Verdict
	// Remember says that an account's owner has signed in from a network, so that attempts from elsewhere do not count there.
	Remember(ctx context.Context, account int64, remote string)
}
