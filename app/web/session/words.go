package session

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"flashsale/users"
	"flashsale/users/login"
)

// What can go wrong.
var (
	// ErrEnrolled means that the account has a second factor.
	ErrEnrolled = errors.New("login: the account has a second factor")
	// ErrLastOwner means that without this owner nobody would be one.
	ErrLastOwner = errors.New("login: the last owner stays")
	// ErrHasRole means that an account may do already what an invitation gives.
	ErrHasRole = errors.New("login: the account has that role, or a higher one")
	// ErrNotOwner means that who gives a role is no owner any more.
	ErrNotOwner = errors.New("login: only an owner may do that")
	// ErrNoAccount means that there is no such account.
	ErrNoAccount = errors.New("login: no such account")
	// ErrNoToken means that there is no such token.
	ErrNoToken = errors.New("login: no such token")
	// ErrTokenName means that the name of a token is not acceptable.
	ErrTokenName = errors.New("login: the token needs a name of its own, of 1 to 60 characters")
	// ErrScope means that a token may not do that.
	ErrScope = errors.New("login: a token may do what the role of its maker allows, and no more")
)

// Origin is from where somebody signs in.
type Origin struct{ Network, Agent string }

// Session is a browser that is signed in.
type Session struct {
	ID               uuid.UUID
	Account          int64
	Username         string
	Role             login.Role
	Renewed, Expires time.Time
	// Created and Origin are known to List only.
	Created time.Time
	Origin  Origin
}

// SignUp is somebody new. VerifiedEmail is an address whose owner has typed a code; then the password may be empty.
type SignUp struct{ Username, Password, VerifiedEmail string }

// WeakError says why a password is refused.
type WeakError struct{ Field, Reason string }

func (e *WeakError) Error() string { return e.Field + " " + e.Reason }

// BusyError says for how long the queue of passwords is full.
type BusyError struct{ Wait time.Duration }

func (e *BusyError) Error() string { return "too many passwords wait to be checked" }

// Proof is whose address a code was sent to. The account's ID is zero while nobody has that address.
type Proof struct {
	Account users.Account
	Email   string
}

// Enrolment is what an authenticator app needs to know.
type Enrolment struct{ Secret, URI string }

// Invitation is what a link gives.
type Invitation struct {
	Role       login.Role
	FirstOwner bool
	By         string
	Expires    time.Time
}

// Member is somebody with a role.
type Member struct {
	Account      int64
	Username     string
	Role         login.Role
	SecondFactor bool
	Since        time.Time
}

// Token is a program's way in, without its secret.
type Token struct {
	ID                               uuid.UUID
	Name, Username                   string
	Scopes                           login.Scope
	Made, Expires, LastUsed, Revoked time.Time
}

// TokenRequest is a token to be made.
type TokenRequest struct {
	Name    string
	Scopes  login.Scope
	Expires time.Time
}

// Policy names a limit on attempts.
type Policy string

// The policies of signing in.
const (
	LimitSignIn       Policy = "sign-in"
	LimitSignUp       Policy = "sign-up"
	LimitCode         Policy = "code"
	LimitCodeVerify   Policy = "code-verify"
	LimitSecondFactor Policy = "second-factor"
)

// Asker is who makes an attempt. A name counts while nobody has it; without account and name only the network counts.
type Asker struct {
	Account int64
	Name    string
	// Remote is the client's address.
	Remote string
}

// Verdict says whether an attempt may be made, and if not, after what time.
type Verdict struct {
	OK   bool
	Wait time.Duration
}
