package users

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrEmailTaken means that another account has the address, or once had it.
	ErrEmailTaken = errors.New("the address belongs to another account")
	// ErrNoAccount means that there is no live account of that id.
	ErrNoAccount = errors.New("there is no such account")
)

const (
	// The live account of a name, and else one that has only its address. The two halves use one index each.
	selectReachable = `
		SELECT ` + recordColumns + `, u.email_verified_at IS NOT NULL FROM users u WHERE u.username_key = $1
		UNION ALL
		SELECT ` + recordColumns + `, u.email_verified_at IS NOT NULL FROM users u WHERE u.email_key = $1`
	selectReachableID = `SELECT ` + recordColumns + `, u.email_verified_at IS NOT NULL FROM users u WHERE u.id = $1`
	updateEmail       = `UPDATE users SET email = $3, email_key = $4, email_verified_at = now(), updated_at = now(), changed = $1
		WHERE id = $2 AND archived_at IS NULL`
)

// Reach is an account with what is known of its address.
type Reach struct {
	Record
	// Verified is true when the account's owner has shown that the address is theirs. Only then may anything be sent to it.
	Verified bool
}

// Reachable is the account that has this name or address, in normal form, archived ones too. Its ID is zero when there is none.
func (s *Store) Reachable(ctx context.Context, key string) (Reach, error) {
	return s.reach(ctx, selectReachable, key)
}

// ReachableID is the account of that id, archived ones too. Its ID is zero when there is none.
func (s *Store) ReachableID(ctx context.Context, id int64) (Reach, error) {
	return s.reach(ctx, selectReachableID, id)
}

func (s *Store) reach(ctx context.Context, query string, of any) (Reach, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var r Reach
	err := s.pool.QueryRow(ctx, query, replan, of).Scan(append(r.fields(), &r.Verified)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Reach{}, nil
	}
	if err != nil {
		return Reach{}, fmt.Errorf("read account: %w", err)
	}
	r.utc()
	return r, nil
}

// SetEmailTx gives an account an address that its owner has just shown to be theirs, in the caller's READ COMMITTED
// transaction. It locks the roster until that ends, so it comes before any other lock. It fails with ErrName for what is no
// address, ErrNoAccount, or ErrEmailTaken; after the last one the transaction can only be rolled back.
func (s *Store) SetEmailTx(ctx context.Context, tx pgx.Tx, id int64, email string) error {
	key, err := NormalName(email)
	if err != nil {
		return err
	}
	if !strings.Contains(key, "@") {
		return &NameError{"an e-mail address has an @"}
	}
	before, err := readRoster(tx.QueryRow(ctx, lockRoster))
	if err != nil {
		return err
	}
	done, err := tx.Exec(ctx, updateEmail, before.Version+1, id, email, key)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "23505" {
		return ErrEmailTaken
	}
	if err != nil {
		return fmt.Errorf("set address: %w", err)
	}
	if done.RowsAffected() == 0 {
		return ErrNoAccount
	}
	_, err = tx.Exec(ctx, updateRoster, before.Version+1, 0, 0)
	return err
}
