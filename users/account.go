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

// utc is the record with its times in UTC; Postgres gives them in its own zone.
func (r *record) utc() { r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC() }

// known is what a Directory tells of the account.
func (r *record) known() Account {
	return Account{ID: r.ID, Username: r.Username, MayPurchase: r.MayPurchase}
}
