package login

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// followEvery is how often a process asks for the version of the sign-ins.
	followEvery = 300 * time.Millisecond
	// leaseTime is for how long what a process knows of ended sessions counts as true.
	leaseTime = time.Second
	// sweepEvery is how often rows that mean nothing any more are removed.
	sweepEvery = 10 * time.Minute
)

// SessionsConfig is what Sessions need.
type SessionsConfig struct {
	// Lifetime is how long a session lives after its start or its last renewal; 0 means 720 hours.
	Lifetime time.Duration
	// Keys come from outside: the first signs, all check. None: they are made and kept in the database.
	Keys [][]byte
	// SecondFactor keeps the role out of the sessions of an account that has not set up a second factor.
	SecondFactor bool
	// Gone is true for accounts that are archived or erased: their sessions are void. Nil: no account is.
	Gone func(account int64) bool
	// Logger gets a line when following fails and when it works again; nil discards that.
	Logger *slog.Logger
}

// Sessions starts, checks and ends sessions. What has ended, and the keys, it has in memory and follows by version, so that a
// check asks nobody. It is safe for concurrent use.
type Sessions struct {
	store    *Store
	cfg      SessionsConfig
	lifetime time.Duration
	keys     atomic.Pointer[keyring]
	revoked  revocations
	scratch  sync.Pool
	// following is held by the one who reads changes; at is the version read so far.
	following chan struct{}
	at        int64
	// read is when the last successful reading of the version began, in the process's own clock since began.
	read  atomic.Int64
	began time.Time
}

// NewSessions reads nothing yet: Refresh or Run does. store is for reading and writing; its connections should be such that no
// shopper's request uses them up.
func NewSessions(store *Store, cfg SessionsConfig) *Sessions {
	if cfg.Lifetime <= 0 {
		cfg.Lifetime = 720 * time.Hour
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Gone == nil {
		cfg.Gone = func(int64) bool { return false }
	}
	s := &Sessions{store: store, cfg: cfg, lifetime: cfg.Lifetime, following: make(chan struct{}, 1), began: time.Now()}
	s.keys.Store(newKeyring(cfg.Keys))
	s.read.Store(-int64(leaseTime))
	return s
}

// Run follows the changes until ctx ends, then returns nil.
func (s *Sessions) Run(ctx context.Context) error {
	tick, failing, swept := time.NewTicker(followEvery), false, time.Now()
	defer tick.Stop()
	for {
		err := s.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			s.cfg.Logger.Warn("ended sessions cannot be followed; shoppers are let in, operators are not", "error", err)
		case err == nil && failing:
			s.cfg.Logger.Info("ended sessions are followed again")
		}
		failing = err != nil
		if !failing && time.Since(swept) > sweepEvery {
			swept = time.Now()
			s.sweep(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Fresh is true while everything that ended more than a second ago is known to this process.
func (s *Sessions) Fresh() bool { return time.Since(s.began)-time.Duration(s.read.Load()) < leaseTime }

// Refresh reads what has changed since the last time, at once.
func (s *Sessions) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	select {
	case s.following <- struct{}{}:
		defer func() { <-s.following }()
	case <-ctx.Done():
		return fmt.Errorf("follow the sessions: %w", ctx.Err())
	}
	began := time.Since(s.began)
	if err := s.follow(ctx); err != nil {
		return fmt.Errorf("follow the sessions: %w", err)
	}
	s.read.Store(int64(began))
	return nil
}

// follow reads the changes after the version that was read last. A lower version means another database, or an older backup.
func (s *Sessions) follow(ctx context.Context) error {
	var version int64
	if err := s.store.pool.QueryRow(ctx, sqlVersion).Scan(&version); err != nil {
		return err
	}
	if version == s.at {
		return nil
	}
	anew := version < s.at || s.at == 0
	after := s.at
	if anew {
		after = 0
	}
	rows, err := s.store.pool.Query(ctx, sqlChanges, after, version)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[change])
	if err != nil {
		return err
	}
	if err := s.readKeys(ctx); err != nil {
		return err
	}
	s.revoked.take(list, anew, time.Now())
	s.at = version
	return nil
}

// readKeys reads the keys of the database. The first process makes the first one.
func (s *Sessions) readKeys(ctx context.Context) error {
	if len(s.cfg.Keys) > 0 {
		return nil
	}
	for {
		rows, err := s.store.pool.Query(ctx, sqlKeys, s.lifetime)
		if err != nil {
			return err
		}
		secrets, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return err
		}
		switch {
		case len(secrets) == 0:
		case s.keys.Load().has(secrets):
			return nil // with the credentials that it has proved
		default:
			s.keys.Store(newKeyring(secrets))
			return nil
		}
		if err := s.store.ensureKey(ctx); err != nil {
			return err
		}
	}
}

func (s *Sessions) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	for _, statement := range []string{sqlForgotten, sqlOld} {
		if _, err := s.store.pool.Exec(ctx, statement); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("old rows of sessions are removed later", "error", err)
		}
	}
}
