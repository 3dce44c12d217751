package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flashsale/users"
)

// SignUp is what somebody new says.
type SignUp struct {
	Username string
	// Password may be empty when there is a verified address: then its owner signs in by codes.
	Password string
	// VerifiedEmail is an address whose owner has just typed a code that was sent there, or empty. An address that was only typed must
	// not be put here: it would be kept from its owner.
	VerifiedEmail string
}

// SignUp makes an account and its password in one transaction. It fails with
//
//   - users.ErrName (a *users.NameError with a sentence for people) for a name or address that nobody can have,
//   - ErrTaken, and within it a *users.TakenError that says which field, for one that any account has or had in any spelling, archived
//     accounts too: signing up never shows an account again,
//   - a *WeakError for a password that is easy to guess, and a *BusyError when too many sign in.
func (p *Passwords) SignUp(ctx context.Context, s SignUp) (users.Account, error) {
	who := users.Newcomer{Username: s.Username, VerifiedEmail: s.VerifiedEmail}
	if err := p.accounts.Free(ctx, who); err != nil {
		return users.Account{}, refusal(err)
	}
	hash := ""
	if s.Password != "" || s.VerifiedEmail == "" {
		var err error
		if hash, err = p.hash(ctx, s.Password, s.Username, s.VerifiedEmail); err != nil {
			return users.Account{}, err
		}
	}
	var made users.Account
	err := p.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if made, err = p.accounts.CreateTx(ctx, tx, who); err != nil || hash == "" {
			return err
		}
		return setPasswordTx(ctx, tx, made.ID, hash)
	})
	if err != nil {
		return users.Account{}, refusal(err)
	}
	return made, nil
}

// refusal makes ErrTaken of a name that is taken.
func refusal(err error) error {
	if errors.Is(err, users.ErrTaken) {
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	return err
}
