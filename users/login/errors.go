package login

import "errors"

// What can go wrong. Each is a normal outcome of a request, not a fault.
var (
	// ErrRole means that there is no role of that name.
	ErrRole = errors.New("login: no such role")
	// ErrRefused means that the name, the password or the code is wrong. It does not say which.
	ErrRefused = errors.New("login: the name and the proof do not belong together")
	// ErrNoSession means that a credential is none of ours, or was changed.
	ErrNoSession = errors.New("login: no session")
	// ErrExpired means that a session, code, link or token is too old, or was used before.
	ErrExpired = errors.New("login: expired")
	// ErrRevoked means that a session or token was ended before its time.
	ErrRevoked = errors.New("login: revoked")
	// ErrTaken means that the name belongs to an account, or once did.
	ErrTaken = errors.New("login: the name is taken")
	// ErrLastOwner means that without this owner nobody would be one.
	ErrLastOwner = errors.New("login: the last owner stays")
	// ErrOwnerExists means that the link of the first owner is not made any more.
	ErrOwnerExists = errors.New("login: there is an owner")
	// ErrNotOwner means that who gives a role or a link is no owner any more.
	ErrNotOwner = errors.New("login: only an owner may do that")
	// ErrHasRole means that an account may do already what an invitation gives.
	ErrHasRole = errors.New("login: the account has that role, or a higher one")
	// ErrEnrolled means that the account has a second factor, which only a reset removes.
	ErrEnrolled = errors.New("login: the account has a second factor")
	// ErrNotEnrolled means that the account has no second factor, or has not begun to make one.
	ErrNotEnrolled = errors.New("login: the account has no second factor")
	// ErrCooling means that too many codes of a second factor were wrong: until the cool-down ends, only a recovery code is taken.
	ErrCooling = errors.New("login: too many wrong codes")
	// ErrScope means that a token may not do that: no scope is named, or the role of its maker does not allow it.
	ErrScope = errors.New("login: a token may do what the role of its maker allows, and no more")
	// ErrTokenName means that the name of a token is not acceptable, or that its maker has one of that name.
	ErrTokenName = errors.New("login: the token needs a name of its own, of 1 to 60 characters")
	// ErrTokenLife means that a token would never expire, or too late.
	ErrTokenLife = errors.New("login: a token expires within a year")
	// ErrNoToken means that there is no such token.
	ErrNoToken = errors.New("login: no such token")
)
