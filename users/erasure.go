package users

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	selectErasureKey = `SELECT key FROM erasure_key`
	selectErasable   = `SELECT u.username_key, u.email_key, u.kept FROM users u WHERE u.id = $1 AND u.erased_at IS NULL`
	selectErased     = `SELECT EXISTS (SELECT FROM users u WHERE u.id = $1 AND u.erased_at IS NOT NULL)`
	// Of the room users/reminder, so that nobody who erases an account can forget them.
	deleteReminders = `DELETE FROM reminders WHERE user_id = $1`
	eraseAccount    = `
		WITH was AS MATERIALIZED (SELECT id, archived_at IS NULL AS live, may_purchase FROM users WHERE id = $2), gone AS (
			UPDATE users SET username = $3, username_key = $3, email = $4, email_key = $4, email_verified_at = NULL, has_credential = true,
				archived_at = coalesce(archived_at, now()), erased_at = now(), updated_at = now(), changed = $1
			WHERE id = $2 RETURNING id
		)
		SELECT count(*), -count(*) FILTER (WHERE live), -count(*) FILTER (WHERE live AND may_purchase), count(*) FROM was JOIN gone USING (id)`
)

// ErrKept means that an account has a role. Its role is taken away before it is erased.
var ErrKept = errors.New("the account has a role")

// digest gives what stands in the place of the names of an erased account: without the key nobody can tell whose they were, and
// with it the username stays taken for ever. The address is free again for its owner: another account shall be able to have it.
type digest struct{ key []byte }

func digests(ctx context.Context, db querier) (digest, error) {
	var d digest
	if err := db.QueryRow(ctx, selectErasureKey, replan).Scan(&d.key); err != nil {
		return digest{}, fmt.Errorf("read the key of erased names: %w", err)
	}
	return d, nil
}

func (d digest) of(purpose, name string) string {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(purpose + "\x00" + name))
	return hex.EncodeToString(mac.Sum(nil))
}

func (d digest) username(key string) string { return erasedName + d.of("username", key) }

// email differs from account to account, so that an address can be erased twice.
func (d digest) email(key string, id int64) string {
	return d.of(fmt.Sprint("email ", id), key) + erasedDomain
}

// EraseTx archives an account for ever and replaces its username and its address by keyed digests, in the caller's READ COMMITTED
// transaction. Its orders stay with its id, its reminders go. It keeps the roster locked until the transaction ends.
func (s *Store) EraseTx(ctx context.Context, tx pgx.Tx, id int64) error {
	if _, err := readRoster(tx.QueryRow(ctx, lockRoster)); err != nil {
		return err
	}
	var username, email string
	var kept bool
	err := tx.QueryRow(ctx, selectErasable, replan, id).Scan(&username, &email, &kept)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNoAccount
	case err != nil:
		return fmt.Errorf("read account: %w", err)
	case kept:
		return ErrKept
	}
	d, err := digests(ctx, tx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, deleteReminders, id); err != nil {
		return fmt.Errorf("delete reminders: %w", err)
	}
	return s.one(ctx, tx, eraseAccount, id, d.username(username), d.email(email, id))
}

// Erased reports whether the account of that id was erased.
func (s *Store) Erased(ctx context.Context, id int64) (erased bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := s.pool.QueryRow(ctx, selectErased, replan, id).Scan(&erased); err != nil {
		return false, fmt.Errorf("read account: %w", err)
	}
	return erased, nil
}
