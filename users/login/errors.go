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
)
