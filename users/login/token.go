package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/users"
)

const (
	// tokenPrefix lets scanners of repositories find a token that somebody has published.
	tokenPrefix = "fst_"
	tokenBytes  = 32
	tokenLength = len(tokenPrefix) + 43 // of base64
	// TokenLife is the longest life of a token.
	TokenLife    = 365 * 24 * time.Hour
	longestToken = 60 // characters of a name
)

const (
	accessColumns = `t.id, t.name, t.user_id, u.username, t.scopes, t.made_at, t.expires_at, t.last_used_at, t.revoked_at`
	insertAccess  = `INSERT INTO api_tokens (id, name, digest, scopes, user_id, made_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6) RETURNING made_at`
	selectTokens = `SELECT ` + accessColumns + ` FROM api_tokens t JOIN users u ON u.id = t.user_id ORDER BY t.made_at DESC, t.id`
	// One token by its digest, with what its maker may do now.
	checkToken = `SELECT ` + accessColumns + `, coalesce(r.role, ''), u.archived_at IS NOT NULL, t.expires_at <= clock_timestamp(),
			t.last_used_at IS NULL OR t.last_used_at < clock_timestamp() - interval '1 minute'
		FROM api_tokens t JOIN users u ON u.id = t.user_id LEFT JOIN roles r ON r.user_id = t.user_id WHERE t.digest = $1`
	// Whoever comes second, or meets a revocation, does not wait.
	touchToken = `UPDATE api_tokens SET last_used_at = clock_timestamp()
		WHERE id = (SELECT id FROM api_tokens WHERE id = $1 AND revoked_at IS NULL
			AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute') FOR UPDATE SKIP LOCKED)`
	revokeToken = `UPDATE api_tokens AS t SET revoked_at = coalesce(revoked_at, clock_timestamp()) FROM users u
		WHERE t.id = $1 AND u.id = t.user_id RETURNING ` + accessColumns
)

// Token is a program's way in. It acts for the account that made it.
type Token struct {
	ID       uuid.UUID
	Name     string
	Account  int64
	Username string
	// Scopes are what it may do. CheckToken leaves out what its maker may not do any more.
	Scopes  Scope
	Made    time.Time
	Expires time.Time
	// LastUsed is at most a minute too old, and zero when the token was not used.
	LastUsed time.Time
	// Revoked is zero unless the token was ended before its time.
	Revoked time.Time
}

// TokenRequest is a token to be made. By is the account for which it acts, and Expires lies within TokenLife.
type TokenRequest struct {
	Name    string
	Scopes  Scope
	Expires time.Time
	By      Giver
}

// scopesOf is what the tokens of a role may do: those of a viewer read, those of an operator act and export too.
func scopesOf(r Role) Scope {
	switch r {
	case NoRole:
		return 0
	case Viewer:
		return Read
	case Operator, Owner:
	}
	return Read | Operate | Export
}

// CreateTokenTx makes a token in the caller's READ COMMITTED transaction. Nobody can read the secret again. Errors: ErrScope,
// ErrTokenName, ErrTokenLife.
func (s *Store) CreateTokenTx(ctx context.Context, tx pgx.Tx, r TokenRequest) (secret string, made Token, err error) {
	if made, err = r.checked(); err != nil {
		return "", made, err
	}
	// Under this lock the role does not change, and a token is not made that a change of it would have ended.
	if err := lockTeamTx(ctx, tx); err != nil {
		return "", made, err
	}
	role, err := roleTx(ctx, tx, r.By.Account)
	if err != nil {
		return "", made, err
	}
	if r.Scopes == 0 || r.Scopes&^scopesOf(role) != 0 {
		return "", made, ErrScope
	}
	secret = tokenPrefix + randomText(tokenBytes)
	err = tx.QueryRow(ctx, insertAccess, made.ID, made.Name, Digest(secret), int16(r.Scopes), r.By.Account, made.Expires).Scan(&made.Made)
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		switch refused.ConstraintName {
		case "api_tokens_name":
			return "", made, ErrTokenName
		case "api_tokens_life":
			return "", made, ErrTokenLife
		}
	}
	if err != nil {
		return "", made, fmt.Errorf("make a token: %w", err)
	}
	made.Made = made.Made.UTC()
	return secret, made, nil
}

// checked is the token of a request that may be carried out.
func (r TokenRequest) checked() (Token, error) {
	name, err := users.NormalName(r.Name)
	if err != nil || utf8.RuneCountInString(name) > longestToken {
		return Token{}, ErrTokenName
	}
	if left := time.Until(r.Expires); left <= 0 || left > TokenLife+time.Minute {
		return Token{}, ErrTokenLife
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return Token{}, fmt.Errorf("make a token: %w", err)
	}
	return Token{ID: id, Name: name, Account: r.By.Account, Username: r.By.Name, Scopes: r.Scopes, Expires: r.Expires.UTC()}, nil
}

// Tokens are all tokens, the newest first, expired and revoked ones too.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectTokens)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Token, error) { return scanToken(row) })
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return list, nil
}

// RevokeTokenTx ends a token. One that was revoked before stays as it was. An operator ends tokens of its own, an owner all.
// Errors: ErrNoToken, ErrNotOwner.
func (s *Store) RevokeTokenTx(ctx context.Context, tx pgx.Tx, id uuid.UUID, by Giver) (Token, error) {
	revoked, err := scanToken(tx.QueryRow(ctx, revokeToken, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return revoked, ErrNoToken
	}
	if err != nil {
		return revoked, fmt.Errorf("revoke a token: %w", err)
	}
	if revoked.Account != by.Account {
		err = ownerTx(ctx, tx, by)
	}
	return revoked, err
}

// CheckToken says whose token a secret is and what it may do now: never more than its maker. It is one look-up by an index; at most
// once a minute it also writes when the token was used. Errors: ErrNoSession for what is no token, ErrExpired, ErrRevoked, also when
// its maker may do nothing of it any more.
func (s *Store) CheckToken(ctx context.Context, secret string) (Token, error) {
	if len(secret) != tokenLength || !strings.HasPrefix(secret, tokenPrefix) {
		return Token{}, ErrNoSession
	}
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	var now tokenState
	t, err := scanToken(s.pool.QueryRow(ctx, checkToken, Digest(secret)), &now.role, &now.archived, &now.expired, &now.due)
	if errors.Is(err, pgx.ErrNoRows) {
		return Token{}, ErrNoSession
	}
	if err != nil {
		return Token{}, fmt.Errorf("look for a token: %w", err)
	}
	if err := now.limit(&t); err != nil {
		return Token{}, err
	}
	if now.due {
		// When this fails the token is as good as before; the time of its use is too old.
		_, _ = s.pool.Exec(ctx, touchToken, t.ID)
	}
	return t, nil
}

// tokenState is what decides on a token at its use.
type tokenState struct {
	role              string
	archived, expired bool
	due               bool // its last use is to be written
}

// limit takes from the token what its maker may not do.
func (n tokenState) limit(t *Token) error {
	role := NoRole
	if n.role != "" && !n.archived {
		var err error
		if role, err = ParseRole(n.role); err != nil {
			return err
		}
	}
	t.Scopes &= scopesOf(role)
	switch {
	case !t.Revoked.IsZero(), t.Scopes == 0:
		return ErrRevoked
	case n.expired:
		return ErrExpired
	}
	return nil
}

// scanToken reads accessColumns, and what follows them.
func scanToken(row pgx.Row, more ...any) (t Token, err error) {
	var scopes int16
	var used, revoked *time.Time
	into := append([]any{&t.ID, &t.Name, &t.Account, &t.Username, &scopes, &t.Made, &t.Expires, &used, &revoked}, more...)
	if err := row.Scan(into...); err != nil {
		return Token{}, err
	}
	t.Scopes, t.Made, t.Expires = Scope(scopes), t.Made.UTC(), t.Expires.UTC()
	if used != nil {
		t.LastUsed = used.UTC()
	}
	if revoked != nil {
		t.Revoked = revoked.UTC()
	}
	return t, nil
}
