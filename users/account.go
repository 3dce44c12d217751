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

// Record is an account with what the directory needs to follow its changes.
type Record struct {
	Account
	// UsernameKey and EmailKey are the names in normal form.
	UsernameKey string
	EmailKey    string
	// Changed is the roster's version of the last change.
	Changed  int64
	Archived bool
}

// utc is the record with its times in UTC; Postgres gives them in its own zone.
func (r *Record) utc() { r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC() }

// Position is a place in the order of changes: everything up to it has been read.
type Position struct{ Changed, ID int64 }
