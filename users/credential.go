package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// insertAccount makes an account unless one of its names is or was another's. The roster is locked, so nobody takes the name meanwhile,
// and no id is used up for a name that is taken. $7 is what stands in the place of the username once that account is erased.
const (
	insertAccount = `
		WITH made AS (
			INSERT INTO users (username, username_key, email, email_key, email_verified_at, has_credential, changed)
			SELECT $2, $3, $4, $5, CASE WHEN $6 THEN now() END, true, $1
			WHERE NOT EXISTS (SELECT FROM users WHERE username_key IN ($3, $7)) AND NOT EXISTS (SELECT FROM users WHERE email_key = $5)
			RETURNING id
		)
		SELECT count(*), count(*), count(*), coalesce(max(id), 0) FROM made`
	selectTaken = `SELECT EXISTS (SELECT FROM users WHERE username_key IN ($1, $3)), EXISTS (SELECT FROM users WHERE email_key = $2)`

	selectProof = `SELECT has_credential FROM users WHERE id = $1 AND archived_at IS NULL`
	updateProof = `WITH now AS (UPDATE users SET has_credential = true, updated_at = now(), changed = $1
		WHERE id = $2 AND archived_at IS NULL AND NOT has_credential RETURNING 1) SELECT count(*), 0, 0, count(*) FROM now`
	updateKept = `WITH now AS (UPDATE users SET kept = $3, updated_at = now(), changed = $1
		WHERE id = $2 AND archived_at IS NULL RETURNING 1) SELECT count(*), 0, 0, count(*) FROM now`
	updateEmail = `WITH now AS (UPDATE users SET email = $3, email_key = $4, email_verified_at = now(), has_credential = true,
			updated_at = now(), changed = $1
		WHERE id = $2 AND archived_at IS NULL AND NOT EXISTS (SELECT FROM users WHERE email_key = $4 AND id <> $2)
		RETURNING 1) SELECT count(*), 0, 0, count(*) FROM now`

	selectSignIn = `SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.archived_at IS NULL AND u.username_key = $1
		UNION ALL
		SELECT ` + recordColumns + `, (SELECT version FROM roster) FROM users u
		WHERE u.archived_at IS NULL AND u.email_key = $1 AND u.email_verified_at IS NOT NULL`
)

var (
	// ErrTaken means that a name is another account's, or once was. It is wrapped by a *TakenError.
	ErrTaken = errors.New("the name is taken")
	// ErrNoAccount means that there is no live account with that id.
	ErrNoAccount = errors.New("there is no such account")
)

// TakenError says which name of a new account is taken: "username" or "email". It is an ErrTaken.
type TakenError struct{ Field string }

func (e *TakenError) Error() string { return "the " + e.Field + " is taken" }

// Unwrap makes errors.Is(err, ErrTaken) true.
func (e *TakenError) Unwrap() error { return ErrTaken }

// Newcomer is somebody who signs up.
type Newcomer struct {
	Username string
	// VerifiedEmail is an address whose owner has typed a code that was sent there, or empty. Any other address would keep it
	// from its owner.
	VerifiedEmail string
}

// names are a newcomer's names in their forms.
type names struct{ username, usernameKey, email, emailKey, erasedKey string }

// CreateTx makes an account that somebody can sign in as, in the caller's READ COMMITTED transaction, and keeps the roster
// locked until that ends. A name that any account has or had is taken, archived and erased accounts too. It fails with a *NameError or a
// *TakenError.
func (s *Store) CreateTx(ctx context.Context, tx pgx.Tx, who Newcomer) (Account, error) {
	n, err := s.named(ctx, tx, who)
	if err != nil {
		return Account{}, err
	}
	id, err := change(ctx, tx, insertAccount, n.username, n.usernameKey, n.email, n.emailKey, who.VerifiedEmail != "", n.erasedKey)
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	if id == 0 {
		return Account{}, taken(ctx, tx, n)
	}
	var r Record
	var version int64
	if err := tx.QueryRow(ctx, selectIDs, replan, []int64{id}).Scan(append(r.fields(), &version)...); err != nil {
		return Account{}, fmt.Errorf("read the new account: %w", err)
	}
	r.tidy()
	return r.Account, nil
}

// Free returns nil when somebody new may take the names as of now, and else what CreateTx would. It locks nothing.
func (s *Store) Free(ctx context.Context, who Newcomer) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	n, err := s.named(ctx, s.pool, who)
	if err != nil {
		return err
	}
	if err := taken(ctx, s.pool, n); !errors.Is(err, errNotTaken) {
		return err
	}
	return nil
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *Store) named(ctx context.Context, db querier, who Newcomer) (n names, err error) {
	if n.username, n.usernameKey, err = NewUsername(who.Username); err != nil {
		return names{}, err
	}
	n.email = placeholder()
	n.emailKey = n.email
	if who.VerifiedEmail != "" {
		n.email = displayed(who.VerifiedEmail)
		if n.emailKey, err = NormalAddress(who.VerifiedEmail); err != nil {
			return names{}, err
		}
	}
	digest, err := digests(ctx, db)
	if err != nil {
		return names{}, err
	}
	n.erasedKey = digest.username(n.usernameKey)
	return n, nil
}

// errNotTaken: the roster was not locked, or the database contradicts itself.
var errNotTaken = errors.New("no name is taken")

// taken says which of the names is.
func taken(ctx context.Context, db querier, n names) error {
	var username, email bool
	if err := db.QueryRow(ctx, selectTaken, replan, n.usernameKey, n.emailKey, n.erasedKey).Scan(&username, &email); err != nil {
		return fmt.Errorf("look who has the names: %w", err)
	}
	switch {
	case username:
		return &TakenError{Field: "username"}
	case email:
		return &TakenError{Field: "email"}
	}
	return errNotTaken
}

// WithName is the live account whose username, or verified address, is the name, which is given in normal form. Without one
// its ID is zero. Nobody signs in with an address that was not verified: it may be somebody else's.
func (s *Store) WithName(ctx context.Context, name string) (Account, error) {
	found, _, err := s.records(ctx, selectSignIn, name)
	if err != nil || len(found) == 0 {
		return Account{}, err
	}
	return found[0].Account, nil
}

// CredentialTx says that somebody can sign in as the account from now on. It locks the roster when that is new, so it comes before
// every lock of the caller's.
func (s *Store) CredentialTx(ctx context.Context, tx pgx.Tx, id int64) error {
	var has bool
	err := tx.QueryRow(ctx, selectProof, replan, id).Scan(&has)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoAccount
	}
	if err != nil {
		return fmt.Errorf("read account: %w", err)
	}
	if has {
		return nil
	}
	return s.one(ctx, tx, updateProof, id)
}

// ProtectTx says whether ArchiveAllTx passes over the account, as it does over those with a role. It keeps the roster locked
// until the caller's transaction ends.
func (s *Store) ProtectTx(ctx context.Context, tx pgx.Tx, id int64, on bool) error {
	return s.one(ctx, tx, updateKept, id, on)
}

// VerifyEmailTx gives an account an address whose owner has typed a code that was sent there. It fails with a *NameError, or a
// *TakenError when the address is or was another account's. It keeps the roster locked until the caller's transaction ends.
func (s *Store) VerifyEmailTx(ctx context.Context, tx pgx.Tx, id int64, email string) error {
	key, err := NormalAddress(email)
	if err != nil {
		return err
	}
	if err := s.one(ctx, tx, updateEmail, id, displayed(email), key); !errors.Is(err, ErrNoAccount) {
		return err
	}
	if err := tx.QueryRow(ctx, selectProof, replan, id).Scan(new(bool)); err != nil {
		return ErrNoAccount
	}
	return &TakenError{Field: "email"}
}

// one changes one live account.
func (s *Store) one(ctx context.Context, tx pgx.Tx, statement string, args ...any) error {
	n, err := change(ctx, tx, statement, args...)
	if err == nil && n == 0 {
		err = ErrNoAccount
	}
	if err != nil {
		return fmt.Errorf("change account: %w", err)
	}
	return nil
}
