package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/users"
)

// Session is a signed-in account.
type Session struct {
	ID       uuid.UUID
	Account  int64
	Username string
	// Role is what the account had when the session started. A change of role ends the sessions.
	Role Role
	// Version is the version of the sign-ins at which the session started.
	Version int64
	// Renewed is when its time began to run, Expires when it ends, both in whole seconds.
	Renewed, Expires time.Time
	// Created and Origin are known to List only.
	Created time.Time
	Origin  Origin
}

// Origin is from where somebody signed in, for the owner of the account to recognise it.
type Origin struct {
	// Network is the client's address, Agent what the browser says of itself.
	Network, Agent string
}

// maxAgent is how much is kept of what a browser says of itself, in bytes.
const maxAgent = 200

// renewAfter is how old a session is at least before a page view renews it.
const renewAfter = 24 * time.Hour

const (
	sqlShareState  = `SELECT version FROM login_state FOR SHARE`
	sqlAccountRole = `SELECT u.username, coalesce((SELECT r.role FROM roles r WHERE r.user_id = u.id
			AND (NOT $2 OR EXISTS (SELECT FROM second_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL))), '')
		FROM users u WHERE u.id = $1 AND u.archived_at IS NULL`
	sqlStart = `INSERT INTO sessions (id, user_id, role, version, expires_at, network, agent)
		VALUES ($1, $2, $3, $4, now() + $5, $6, $7) RETURNING renewed_at, expires_at`
	sqlRenew = `UPDATE sessions SET renewed_at = now(), expires_at = now() + $2
		WHERE id = $1 AND ended_at IS NULL AND expires_at > now() RETURNING renewed_at, expires_at`
	sqlList = `SELECT id, role, created_at, renewed_at, expires_at, network, agent FROM sessions
		WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now() ORDER BY created_at DESC, id LIMIT 100`
)

// Start signs an account in. The credential is what the browser keeps; nothing else has it. ErrRefused: the
// account is archived.
func (s *Sessions) Start(ctx context.Context, account users.Account, from Origin) (credential string, started Session, err error) {
	started = Session{ID: uuid.New(), Account: account.ID}
	err = s.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// Before the role is read: whoever changes it has the row for itself.
		if err := tx.QueryRow(ctx, sqlShareState).Scan(&started.Version); err != nil {
			return err
		}
		var role string
		if err := tx.QueryRow(ctx, sqlAccountRole, account.ID, s.cfg.SecondFactor).Scan(&started.Username, &role); err != nil {
			return err
		}
		if role != "" {
			if started.Role, err = ParseRole(role); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, sqlStart, started.ID, account.ID, role, started.Version, s.lifetime,
			clip(from.Network, maxAgent), clip(from.Agent, maxAgent)).Scan(&started.Renewed, &started.Expires)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", Session{}, ErrRefused
	case err != nil:
		return "", Session{}, fmt.Errorf("start a session: %w", err)
	}
	credential, err = s.sign(&started)
	return credential, started, err
}

// Renew gives a session that is at least a day old its full time again. The credential is empty when there is nothing to do. It
// is for views of pages: a press for a unit never waits for it.
func (s *Sessions) Renew(ctx context.Context, old Session, now time.Time) (credential string, renewed Session, err error) {
	if now.Sub(old.Renewed) < min(renewAfter, s.lifetime/2) {
		return "", old, nil
	}
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	err = s.store.pool.QueryRow(ctx, sqlRenew, old.ID, s.lifetime).Scan(&old.Renewed, &old.Expires)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", old, ErrRevoked
	case err != nil:
		return "", old, fmt.Errorf("renew a session: %w", err)
	}
	credential, err = s.sign(&old)
	return credential, old, err
}

// List is the sessions of an account that have not ended, the newest first, at most a hundred.
func (s *Sessions) List(ctx context.Context, account int64) ([]Session, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	rows, err := s.store.pool.Query(ctx, sqlList, account)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Session, error) {
		one, role := Session{Account: account}, ""
		if err := row.Scan(&one.ID, &role, &one.Created, &one.Renewed, &one.Expires, &one.Origin.Network, &one.Origin.Agent); err != nil {
			return one, err
		}
		one.Created, one.Renewed, one.Expires = one.Created.UTC(), one.Renewed.UTC(), one.Expires.UTC()
		if role != "" {
			one.Role, err = ParseRole(role)
		}
		return one, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// clip is the first bytes of a text, without half a character at its end and without characters that nobody can see.
func clip(text string, most int) string {
	clean := make([]rune, 0, len(text))
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			r = ' '
		}
		if most -= len(string(r)); most < 0 {
			break
		}
		clean = append(clean, r)
	}
	return string(clean)
}
