package users

import "time"

// Account is one shopper as the rest of the program sees it. An archived account is not seen at all.
type Account struct {
	// ID is stable for ever; zero means "no such account" where a batch answers in the order of its questions.
	ID          int64
	Username    string
	Email       string
	MayPurchase bool
	// CreatedAt and UpdatedAt are in UTC, by Postgres' clock.
	CreatedAt, UpdatedAt time.Time
}

// record is an account with what only this package needs.
type record struct {
	Account
	usernameKey string
	emailKey    string
	// changed is the roster's version of the last change.
	changed  int64
	archived bool
}

// share makes strings with the same text share their bytes. Of a million accounts of the series this halves what
// the names weigh: the username is the beginning of the address, and both are their own keys.
func (r *record) share() {
	if n := len(r.Username); len(r.Email) > n && r.Email[:n] == r.Username {
		r.Username = r.Email[:n]
	}
	if r.usernameKey == r.Username {
		r.usernameKey = r.Username
	}
	if r.emailKey == r.Email {
		r.emailKey = r.Email
	}
	r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
}
