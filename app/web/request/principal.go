package request

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/views/text"
)

// sessions is login.Sessions.
type sessions interface {
	// Check says whose session a credential is, from memory.
	Check(credential string, now time.Time) (login.Session, error)
	// Fresh is true while everything that ended more than a second ago is known. Refresh asks for it.
	Fresh() bool
	Refresh(ctx context.Context) error
	// Renew gives a session of yesterday its full time again; the credential is empty when there is nothing to do.
	Renew(ctx context.Context, old login.Session, now time.Time) (credential string, renewed login.Session, err error)
}

// Token is a program that asks with an API token.
type Token struct {
	Name     string
	Account  int64
	Username string
	Scopes   login.Scope
}

// Principals says who a request is from. Nothing else decides that. In demo mode it is the shopper that the request names, and
// everybody is an operator, as in the original. Otherwise it is the token that the request carries, or else the session.
type Principals struct {
	// Demo is true in demo mode.
	Demo bool
	// Sessions checks what a browser keeps. Nil: nobody is signed in.
	Sessions sessions
	// Token finds the API token of that secret. Nil: there are none. Errors: login.ErrNoSession, ErrExpired, ErrRevoked.
	Token func(ctx context.Context, secret string) (Token, error)
	// Unready is true for an account whose role waits for its second factor. It is asked when an account without a role is refused.
	// Nil: no account's does.
	Unready func(ctx context.Context, account int64) (bool, error)
	// Barred is true for accounts that may not purchase. Nil: every account may.
	Barred func(account int64) bool
	// Known is the account of a name in normal form, from memory. Nil: no name is known.
	Known func(name string) (account int64, known bool)
}

// Principal is who a request is from, and what that lets it do. The zero value is nobody.
type Principal struct {
	kind    kind
	session login.Session
	token   Token
	barred  bool
	known   func(name string) (int64, bool)
	// lost is why a request with a credential is from nobody: it has expired, was revoked or is none.
	lost error
}

// kind is how a principal is known.
type kind int8

const (
	nobody kind = iota
	inDemo
	bySession
	byToken
)

// principalKey is where the context of a request keeps the principal that the middleware has found.
type principalKey struct{}

// keeping is the request with its principal, which Of gives from then on.
func keeping(r *http.Request, p Principal) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
}

// Of is who the request is from. For a session it asks nobody; for a token it asks Postgres, once on a route that asks for a role.
func (p *Principals) Of(r *http.Request) Principal {
	if found, ok := r.Context().Value(principalKey{}).(Principal); ok {
		return found
	}
	return p.Find(r)
}

// Find is Of where nobody has found the principal before, as on the route of a press: it does not look into the request's context.
func (p *Principals) Find(r *http.Request) Principal {
	if p.Demo {
		return Principal{kind: inDemo}
	}
	if secret, found := bearer(r.Header); found {
		return p.tokenOf(r.Context(), secret)
	}
	credential := sessionCookie(r)
	if credential == "" || p.Sessions == nil {
		return Principal{}
	}
	s, err := p.Sessions.Check(credential, time.Now())
	if err != nil {
		return Principal{lost: err}
	}
	return Principal{kind: bySession, session: s, barred: p.Barred != nil && p.Barred(s.Account), known: p.Known}
}

func (p *Principals) tokenOf(ctx context.Context, secret string) Principal {
	if p.Token == nil {
		return Principal{lost: login.ErrNoSession}
	}
	t, err := p.Token(ctx, secret)
	if err != nil {
		return Principal{lost: err}
	}
	return Principal{kind: byToken, token: t}
}

// SignedIn is true for an account with a session.
func (p *Principal) SignedIn() bool { return p.kind == bySession }

// Expired is true for a request from nobody that was somebody's: its session has expired or was ended.
func (p *Principal) Expired() bool {
	return errors.Is(p.lost, login.ErrExpired) || errors.Is(p.lost, login.ErrRevoked)
}

// Session is the session of an account that is signed in.
func (p *Principal) Session() login.Session { return p.session }

// Account is the account that is signed in, or whose token it is; 0 for nobody and in demo mode.
func (p *Principal) Account() int64 {
	if p.kind == byToken {
		return p.token.Account
	}
	return p.session.Account
}

// Username is the account's.
func (p *Principal) Username() string {
	if p.kind == byToken {
		return p.token.Username
	}
	return p.session.Username
}

// Has reports whether the principal has that role or a greater one, or a token with its scope. No token is an owner.
func (p *Principal) Has(least login.Role) bool {
	switch p.kind {
	case inDemo:
		return true
	case bySession:
		return p.session.Role >= least
	case byToken:
		return least == login.Viewer && p.token.Scopes&login.Read != 0 || least == login.Operator && p.token.Scopes&login.Operate != 0
	case nobody:
	}
	return false
}

// MaySee is true for a sale that is announced, and for everybody of the team.
func (p *Principal) MaySee(s *sale.Snapshot) bool {
	return s.State != sale.Draft || p.Has(login.Viewer)
}

// Name is the name under which an act is recorded. Idempotency keys of different names are different keys.
func (p *Principal) Name() string {
	switch p.kind {
	case inDemo:
		return "demo"
	case bySession:
		return p.session.Username
	case byToken:
		return p.token.Username + "/" + p.token.Name
	case nobody:
	}
	return ""
}

// Means is by what the principal acts, for the audit log.
func (p *Principal) Means() string {
	switch p.kind {
	case inDemo:
		return "demo mode"
	case bySession:
		return "session"
	case byToken:
		return "token " + p.token.Name
	case nobody:
	}
	return ""
}

// RequireRole refuses everybody who has neither that role nor a greater one.
func (p *Principal) RequireRole(least login.Role) error {
	switch {
	case p.Has(least):
		return nil
	case p.kind == nobody:
		return p.signIn()
	case p.kind == byToken:
		return ErrTokenScope
	}
	refused := ErrNotOperator.Problem("This needs the role " + least.String() + ". You are signed in without it; an owner can give it to you")
	return &ProblemError{ErrNotOperator, refused}
}

// SecondFactorPath is where an account sets up its second factor.
const SecondFactorPath = "/account/second-factor"

// unready is ErrSecondFactor, with the way there, in the place of a refusal of an account that only lacks its second factor.
func (p *Principals) unready(ctx context.Context, who *Principal, refused error) error {
	if p.Unready == nil || who.kind != bySession || who.session.Role != login.NoRole {
		return refused
	}
	waits, err := p.Unready(ctx, who.session.Account)
	switch {
	case err != nil:
		return err
	case !waits:
		return refused
	}
	needed := ErrSecondFactor.Problem("")
	needed.Link = SecondFactorPath
	return &ProblemError{ErrSecondFactor, needed}
}

// signIn is why somebody who is nobody is refused.
func (p *Principal) signIn() error {
	if p.Expired() {
		return ErrSessionEnded
	}
	return ErrSignIn
}

// Shopper is the name, in normal form, for which a purchase is made, and the account when it is known. named is the name in the
// request, or ""; field is the field it was in.
func (p *Principal) Shopper(named, field string) (name string, who sale.Shopper, err error) {
	if named != "" || p.kind == inDemo {
		if name, err = NormalName(named, field); err != nil {
			return "", who, err
		}
	}
	switch {
	case p.kind == inDemo:
		return name, who, nil
	case p.kind == byToken:
		return "", who, ErrTokenBuys
	case p.kind == nobody:
		return "", who, p.signIn()
	case named != "" && !p.is(name):
		return "", who, ErrNotYou
	}
	own, err := NormalName(p.session.Username, field)
	return own, sale.Shopper{ID: p.session.Account, Username: p.session.Username, MayPurchase: !p.barred}, err
}

// is reports whether a name in normal form is the username or the address of the account that is signed in.
func (p *Principal) is(name string) bool {
	if own, err := users.NormalName(p.session.Username); err == nil && own == name {
		return true
	}
	if p.known == nil {
		return false
	}
	id, known := p.known(name)
	return known && id == p.session.Account
}

// MayAsk refuses everybody but name and those who see the desk when somebody asks what name has bought. name is in normal form.
func (p *Principal) MayAsk(name string) error {
	switch {
	case p.Has(login.Viewer), p.kind == bySession && p.is(name):
		return nil
	case p.kind == nobody:
		return p.signIn()
	}
	return ErrNotYou
}

// SessionID is the id of the session, or zero.
func (p *Principal) SessionID() uuid.UUID { return p.session.ID }

// NormalName is users.NormalName with an error that names the field.
func NormalName(raw, field string) (string, error) {
	if raw == "" {
		return "", BadField(field, text.Key("is required: a username of 1 to 100 characters, or an e-mail address of at most 254"))
	}
	name, err := users.NormalName(raw)
	if err != nil {
		return "", badFieldf(field, "is not acceptable: %s", reason(err.Error()))
	}
	return name, nil
}
