package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/users"
)

// HashCost is the work of one hash by argon2id. The zero value means 19 MiB and two passes, which OWASP names for servers
// that hash many passwords: 25 to 40 ms of one core. It may be changed at any time: each hash says its own cost, and
// is made anew when its owner signs in next.
type HashCost struct{ MemoryKiB, Passes uint32 }

// Hashes beyond these bounds are none of ours, and are not computed: they may take all memory.
const (
	maxMemoryKiB = 1 << 20
	maxPasses    = 64
)

// PasswordsConfig tunes Passwords. The zero value is the production setting, outside a sale.
type PasswordsConfig struct {
	Cost HashCost
	// Limit is how many may wait for the worker; 0 means 200.
	Limit int
	// Open is true while a sale is open. It is asked often, by several goroutines, and must not wait. Nil: never.
	Open func() bool
	// Logger gets a line when a hash could not be made anew; nil discards that.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: none.
	Registerer prometheus.Registerer
}

// Passwords is who can sign in by password. Everything that takes a hash waits in one bounded queue, and needs Run. It is safe for
// concurrent use.
type Passwords struct {
	store    *Store
	accounts *users.Store
	queue    *hashing
	params   argon2id.Params
	nobody   string
	log      *slog.Logger
}

// NewPasswords keeps passwords in store for the accounts of accounts; both use the same database. Run must run.
func NewPasswords(store *Store, accounts *users.Store, cfg PasswordsConfig) *Passwords {
	if cfg.Cost == (HashCost{}) {
		cfg.Cost = HashCost{MemoryKiB: 19 << 10, Passes: 2}
	}
	if cfg.Limit <= 0 {
		cfg.Limit = 200
	}
	if cfg.Open == nil {
		cfg.Open = func() bool { return false }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Passwords{
		store: store, accounts: accounts, queue: newHashing(cfg.Limit, cfg.Open), log: cfg.Logger,
		params: argon2id.Params{Memory: cfg.Cost.MemoryKiB, Iterations: cfg.Cost.Passes, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	}
	p.nobody = unmatchable(p.params)
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(p.metrics()...)
	}
	return p
}

// unmatchable is a hash that takes as long to check as any other and that no password has.
func unmatchable(c argon2id.Params) string {
	zeros := func(n uint32) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", c.Memory, c.Iterations, c.Parallelism, zeros(c.SaltLength), zeros(c.KeyLength))
}

// Run does the work of the queue until ctx ends. Those who wait then are turned away.
func (p *Passwords) Run(ctx context.Context) error { return p.queue.work(ctx) }

// Wait is how long somebody who comes now is likely to wait for the check of a password.
func (p *Passwords) Wait() time.Duration { return p.queue.Wait() }

// Counts is what the queue has done.
func (p *Passwords) Counts() HashingCounts { return p.queue.read() }

// Check gives the live account of that name, a username or a verified address, if the password is its own. Else it fails with ErrRefused,
// and whether the name is unknown, archived, or has no password takes the same work as a wrong password: the same statements
// and one hash. A full queue gives a *BusyError.
func (p *Passwords) Check(ctx context.Context, name, password string) (users.Account, error) {
	key, err := users.NormalName(name)
	if err != nil {
		key = "" // nobody's
	}
	account, err := p.accounts.WithName(ctx, key)
	if err != nil {
		return users.Account{}, err
	}
	renewed, err := p.verify(ctx, account.ID, password)
	if err != nil {
		return users.Account{}, err
	}
	p.renew(ctx, account.ID, renewed)
	return account, nil
}

// renewal is a hash and the one that takes its place, because its cost is not today's.
type renewal struct{ old, next string }

func (p *Passwords) renew(ctx context.Context, account int64, r renewal) {
	if r.next == "" {
		return
	}
	if err := p.store.renewPassword(ctx, account, r.old, r.next); err != nil {
		p.log.Warn("a password keeps its hash of another cost; it is tried again at the next sign-in", "error", err)
	}
}

// verify fails with ErrRefused unless the password is the account's. Account 0 has none.
func (p *Passwords) verify(ctx context.Context, account int64, password string) (renewal, error) {
	hash, err := p.store.passwordOf(ctx, account)
	if err != nil {
		return renewal{}, err
	}
	prepared, refused := preparePassword(password)
	known := hash != "" && refused == nil
	if !known {
		hash = p.nobody
	}
	var next string
	err = p.queue.do(ctx, func() (err error) {
		next, err = p.match(prepared, hash, known)
		return err
	})
	if err != nil {
		return renewal{}, err
	}
	return renewal{old: hash, next: next}, nil
}

// match is work for the queue. It gives the hash anew when its cost is not today's.
func (p *Passwords) match(prepared, hash string, known bool) (next string, err error) {
	params, _, _, err := argon2id.DecodeHash(hash)
	if err != nil || params.Memory > maxMemoryKiB || params.Iterations < 1 || params.Iterations > maxPasses || params.Parallelism < 1 {
		return "", errors.New("login: a password's hash cannot be read")
	}
	p.queue.hashed()
	matches, _, err := argon2id.CheckHash(prepared, hash)
	if err != nil {
		return "", errors.New("login: a password's hash cannot be read")
	}
	if !matches || !known {
		return "", ErrRefused
	}
	if *params == p.params {
		return "", nil
	}
	return p.create(prepared)
}

// create is work for the queue.
func (p *Passwords) create(prepared string) (string, error) {
	p.queue.hashed()
	hash, err := argon2id.CreateHash(prepared, &p.params)
	if err != nil {
		return "", fmt.Errorf("login: hash a password: %w", err)
	}
	return hash, nil
}

// Hash gives the hash of a password that somebody chooses, for SetTx. It fails with a *WeakError or a *BusyError.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	return p.hash(ctx, password)
}

// hash is Hash for somebody of whom this is known.
func (p *Passwords) hash(ctx context.Context, password string, about ...string) (string, error) {
	prepared, err := prepareNewPassword(password)
	if err != nil {
		return "", err
	}
	var hash string
	err = p.queue.do(ctx, func() (err error) {
		if err = judge(prepared, about...); err == nil {
			hash, err = p.create(prepared)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return hash, nil
}

// SetTx gives an account a password, whatever it had, and ends all its sessions, in the caller's READ COMMITTED transaction. The roster may
// be locked in it, and login_state is. It fails with users.ErrNoAccount.
func (p *Passwords) SetTx(ctx context.Context, tx pgx.Tx, account int64, hash string) error {
	if err := p.accounts.CredentialTx(ctx, tx, account); err != nil {
		return err
	}
	if err := setPasswordTx(ctx, tx, account, hash); err != nil {
		return err
	}
	return p.store.revokeAllTx(ctx, tx, account)
}

// Has is true when the account has a password.
func (p *Passwords) Has(ctx context.Context, account int64) (bool, error) {
	hash, err := p.store.passwordOf(ctx, account)
	return hash != "", err
}

// Prove fails with ErrRefused unless the password is the account's, and with a *BusyError when the queue is full.
func (p *Passwords) Prove(ctx context.Context, account int64, password string) error {
	renewed, err := p.verify(ctx, account, password)
	if err != nil {
		return err
	}
	p.renew(ctx, account, renewed)
	return nil
}

// Set gives an account a password without the one that it has, if any, and ends all its sessions: the caller has another proof, and
// starts a new one for the one who gave it. It fails with users.ErrNoAccount, a *WeakError or a *BusyError.
func (p *Passwords) Set(ctx context.Context, account int64, next string) error {
	found, _, err := p.accounts.WithID(ctx, []int64{account})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return users.ErrNoAccount
	}
	hash, err := p.hash(ctx, next, found[0].Username, found[0].Email)
	if err != nil {
		return err
	}
	return p.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return p.SetTx(ctx, tx, account, hash) })
}

// Change gives an account another password when its current one is right, and ends all its sessions: the caller starts a new one for the
// one who asked. It fails with ErrRefused, a *WeakError or a *BusyError. An account without a password is given one by Set,
// after another proof.
func (p *Passwords) Change(ctx context.Context, account int64, current, next string) error {
	if _, err := prepareNewPassword(next); err != nil {
		return err
	}
	found, _, err := p.accounts.WithID(ctx, []int64{account})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return ErrRefused
	}
	old, err := p.verify(ctx, account, current)
	if err != nil {
		return err
	}
	hash, err := p.hash(ctx, next, found[0].Username, found[0].Email)
	if err != nil {
		return err
	}
	return p.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// Somebody else may have changed it meanwhile, because this one was stolen.
		replaced, err := replacePasswordTx(ctx, tx, account, old.old, hash)
		if err == nil && !replaced {
			err = ErrRefused
		}
		if err != nil {
			return err
		}
		return p.store.revokeAllTx(ctx, tx, account)
	})
}

// EraseTx erases an account (users.Store.EraseTx), forgets its password and ends its sessions, in the caller's transaction.
func (p *Passwords) EraseTx(ctx context.Context, tx pgx.Tx, account int64) error {
	if err := p.accounts.EraseTx(ctx, tx, account); err != nil {
		return err
	}
	if err := deletePasswordTx(ctx, tx, account); err != nil {
		return err
	}
	return p.store.revokeAllTx(ctx, tx, account)
}

func (p *Passwords) metrics() []prometheus.Collector {
	counter := func(name, help string, read func(HashingCounts) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read(p.Counts())) })
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flashsale_passwords_waiting", Help: "Passwords that wait to be checked or kept.",
		}, func() float64 { return float64(p.Counts().Waiting) }),
		counter("flashsale_password_hashes_total", "Hashes of passwords that were made, to check one or to keep one.",
			func(c HashingCounts) uint64 { return c.Hashes }),
		counter("flashsale_passwords_busy_total", "Passwords that were turned away because too many waited.",
			func(c HashingCounts) uint64 { return c.Busy }),
		counter("flashsale_passwords_left_total", "Passwords that nobody waited for any more when their turn came.",
			func(c HashingCounts) uint64 { return c.Left }),
	}
}
