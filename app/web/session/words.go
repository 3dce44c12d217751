package session

import (
	"errors"
	"time"

	"github.com/google/uuid"

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
	// ErrCooling means that after too many wrong codes only a recovery code is taken for a while.
	ErrCooling = errors.New("login: too many wrong codes")
	// ErrNoAccount means that there is no such account.
	ErrNoAccount = errors.New("login: no such account")
	// ErrNoToken means that there is no such token.
	ErrNoToken = errors.New("login: no such token")
	// ErrTokenName means that the name of a token is not acceptable.
	ErrTokenName = errors.New("login: the token needs a name of its own, of 1 to 60 characters")
	// ErrScope means that a token may not do that.
	ErrScope = errors.New("login: a token may do what the role of its maker allows, and no more")
)

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
	GivenAt      time.Time
	SecondFactor bool
}

// Link is an invitation that was made. A repeat of the act is not told the token again.
type Link struct {
	Token   string
	Role    login.Role
	Expires time.Time
}

// RoleChange is the role of an account before and after an act.
type RoleChange struct {
	Username      string
	Before, After login.Role
}

// Token is a program's way in, without its secret.
type Token struct {
	ID                               uuid.UUID
	Name                             string
	Account                          int64
	Username                         string
	Scopes                           login.Scope
	Made, Expires, LastUsed, Revoked time.Time
}

// MadeToken is a token that was made. A repeat of the act is not told the secret again.
type MadeToken struct {
	Secret string
	Token
}
