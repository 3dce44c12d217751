package login

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	sqlLockState  = `SELECT version FROM login_state FOR UPDATE`
	sqlRaiseState = `UPDATE login_state SET version = version + 1 RETURNING version`
	// The change outlives every session that it ends: none lives longer than the longest lifetime there is.
	sqlChange  = `INSERT INTO login_changes (version, session_id, user_id, expires_at) VALUES ($1, $2, $3, now() + $4::interval)`
	sqlEndOne  = `UPDATE sessions SET ended_at = now() WHERE id = $1 AND user_id = $2 AND ended_at IS NULL`
	sqlEndAll  = `UPDATE sessions SET ended_at = now() WHERE user_id = $1 AND ended_at IS NULL`
	sqlOthers  = `UPDATE sessions SET ended_at = now() WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL RETURNING id`
	sqlVersion = `SELECT version FROM login_state`
	sqlChanges = `SELECT version, session_id, user_id, expires_at FROM login_changes WHERE version > $1 AND version <= $2`
	sqlChanged = `SELECT (SELECT version FROM login_state) < $2
		OR EXISTS (SELECT FROM login_changes WHERE version > $2 AND session_id IS NULL AND user_id = $1)`
	sqlForgotten = `DELETE FROM login_changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM login_changes WHERE expires_at < now() LIMIT 1000))`
	sqlOld       = `DELETE FROM sessions WHERE id = ANY (ARRAY(SELECT id FROM sessions WHERE expires_at < now() - interval '1 day' LIMIT 1000))`
)

// Version is the version of the sign-ins now. Whoever proves an account in several steps keeps it from before the first one.
func (s *Sessions) Version(ctx context.Context) (version int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	if err := s.store.pool.QueryRow(ctx, sqlVersion).Scan(&version); err != nil {
		return 0, fmt.Errorf("read the version of the sign-ins: %w", err)
	}
	return version, nil
}

// Unchanged fails with ErrExpired when all sessions of the account have ended since a version: its password, its address or its role
// is another one, or its owner has signed out everywhere. What was proved before is void then.
func (s *Sessions) Unchanged(ctx context.Context, account, since int64) error {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	var changed bool
	err := s.store.pool.QueryRow(ctx, sqlChanged, account, since).Scan(&changed)
	switch {
	case err != nil:
		return fmt.Errorf("look whether the sign-ins of an account have changed: %w", err)
	case changed:
		return ErrExpired
	}
	return nil
}

// MaxLifetime is the longest time a session may have.
const MaxLifetime = 365 * 24 * time.Hour

// changeTx raises the version and records what ended: one session, all of an account, or, without both, the keys.
func changeTx(ctx context.Context, tx pgx.Tx, session *uuid.UUID, account *int64) error {
	var version int64
	if err := tx.QueryRow(ctx, sqlRaiseState).Scan(&version); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sqlChange, version, session, account, MaxLifetime)
	return err
}

// revokeAllTx ends every session that an account has, in the caller's transaction. Call it whenever who may sign in as the account,
// or what the account may do, has changed. It keeps login_state locked, which every sign-in waits for, until that ends.
func (s *Store) revokeAllTx(ctx context.Context, tx pgx.Tx, account int64) error {
	return EndAllTx(ctx, tx, account)
}

// EndAllTx is EndAll in the caller's transaction, for those who change who may sign in as an account.
func EndAllTx(ctx context.Context, tx pgx.Tx, account int64) error {
	err := changeTx(ctx, tx, nil, &account)
	if err == nil {
		_, err = tx.Exec(ctx, sqlEndAll, account)
	}
	if err != nil {
		return fmt.Errorf("end the sessions of an account: %w", err)
	}
	return nil
}

// End ends one session of an account, for all processes; for this one at once. A session that has ended, or is another
// account's, is left as it is.
func (s *Sessions) End(ctx context.Context, account int64, id uuid.UUID) error {
	return s.end(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := changeTx(ctx, tx, &id, &account); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlEndOne, id, account)
		return err
	})
}

// EndAll ends the sessions of an account but one, and returns how many. uuid.Nil ends them all, and sign-ins that are under way too.
func (s *Sessions) EndAll(ctx context.Context, account int64, but uuid.UUID) (ended int, err error) {
	err = s.end(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if but == uuid.Nil {
			if err := changeTx(ctx, tx, nil, &account); err != nil {
				return err
			}
			done, err := tx.Exec(ctx, sqlEndAll, account)
			ended = int(done.RowsAffected())
			return err
		}
		if _, err := tx.Exec(ctx, sqlLockState); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sqlOthers, account, but)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		ended = len(list)
		for i := range list {
			if err := changeTx(ctx, tx, &list[i], &account); err != nil {
				return err
			}
		}
		return nil
	})
	return ended, err
}

func (s *Sessions) end(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
	if err := s.store.transact(ctx, do); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return s.Refresh(ctx)
}

// revocations is what has ended before its time. It is safe for concurrent use.
type revocations struct {
	mu       sync.RWMutex
	sessions map[uuid.UUID]time.Time
	// accounts has, for each, the version before which its sessions are void.
	accounts map[int64]before
	// changes is how often take was called. It changes before mu is free again.
	changes atomic.Uint64
}

type before struct {
	version int64
	expires time.Time
}

func (r *revocations) has(of *Session) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ended := r.sessions[of.ID]; ended {
		return true
	}
	return of.Version < r.accounts[of.Account].version
}

// change is a row of login_changes.
type change struct {
	Version   int64
	SessionID *uuid.UUID
	UserID    *int64
	ExpiresAt time.Time
}

// take adds changes and forgets those whose sessions have expired by themselves.
func (r *revocations) take(list []change, anew bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes.Add(1)
	if anew || r.sessions == nil {
		r.sessions, r.accounts = map[uuid.UUID]time.Time{}, map[int64]before{}
	}
	for _, one := range list {
		switch {
		case one.SessionID != nil:
			r.sessions[*one.SessionID] = one.ExpiresAt
		case one.UserID != nil:
			r.accounts[*one.UserID] = before{max(one.Version, r.accounts[*one.UserID].version), one.ExpiresAt}
		}
	}
	for id, expires := range r.sessions {
		if now.After(expires) {
			delete(r.sessions, id)
		}
	}
	for id, until := range r.accounts {
		if now.After(until.expires) {
			delete(r.accounts, id)
		}
	}
}
