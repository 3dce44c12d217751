package users

import (
	"strings"
	"time"
)

// Account is one shopper as the rest of the program sees it. An archived account is not seen, except by whoever looks for its orders.
type Account struct {
	// ID is stable for ever; zero means "no such account" where a batch answers in the order of its questions.
	ID       int64
	Username string
	// Email is empty for an account that has no address. EmailVerified: its owner has typed a code that was sent there.
	Email         string
	EmailVerified bool
	MayPurchase   bool
	// Archived is true when the account is hidden, or was erased.
	Archived bool
	// CreatedAt and UpdatedAt are in UTC, by Postgres' clock.
	CreatedAt, UpdatedAt time.Time
}

// Record is an account with what the directory needs to follow its changes.
type Record struct {
	Account
	// UsernameKey and EmailKey are the names in normal form; EmailKey is empty for an account that has no address.
	UsernameKey string
	EmailKey    string
	// Changed is the roster's version of the last change.
	Changed int64
}

// Erased is true for an account whose names are gone: what it has in their place leads to nobody.
func (r *Record) Erased() bool { return r.Archived && strings.HasPrefix(r.UsernameKey, erasedName) }

// tidy gives the times in UTC, because Postgres gives them in its own zone, and no address where there is only a placeholder.
func (r *Record) tidy() {
	r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	if !reachable(r.EmailKey) {
		r.Email, r.EmailKey = "", ""
	}
}

// Position is a place in the order of changes: everything up to it has been read.
type Position struct{ Changed, ID int64 }
