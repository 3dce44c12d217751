package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
)

const (
	// lockFor is how long a lock stands that its holder does not renew: what a process that was killed keeps the others waiting.
	lockFor   = 30 * time.Second
	lockRenew = lockFor / 3
	// lockLook is the time between two tries of somebody who waits for a lock.
	lockLook = time.Second
)

// CertificateLocks are named locks that all processes of a deployment see, in Postgres. They order work that must not be done twice and
// would do no harm if it were: a holder that has not reached Postgres for 30 seconds may be overtaken. Safe for concurrent use.
type CertificateLocks struct {
	pool *pgxpool.Pool
	mu   sync.Mutex
	held map[string]*heldLock
	free chan struct{} // closed and made anew whenever a lock is given back
}

// heldLock is a lock of this process, which renews it until it is given back.
type heldLock struct {
	holder uuid.UUID
	cancel context.CancelFunc
	ended  chan struct{}
}

// NewCertificateLocks uses a pool whose search_path is the schema of the migrations.
func NewCertificateLocks(pool *pgxpool.Pool) *CertificateLocks {
	return &CertificateLocks{pool: pool, held: map[string]*heldLock{}, free: make(chan struct{})}
}

// Lock waits until nobody has the lock of that name, and takes it. Whoever took it gives it back by Unlock, and meanwhile it is renewed.
// The error is ctx's, or Postgres' for a lock that could not be asked for.
func (l *CertificateLocks) Lock(ctx context.Context, name string) error {
	one := &heldLock{holder: uuid.New(), ended: make(chan struct{})}
	for {
		taken, err := l.take(ctx, name, one.holder)
		if err != nil {
			return fmt.Errorf("take the lock %s: %w", name, err)
		}
		if taken {
			break
		}
		if err := events.Pause(ctx, lockLook/2+rand.N(lockLook/2)); err != nil {
			return fmt.Errorf("wait for the lock %s: %w", name, err)
		}
	}
	var keeping context.Context
	keeping, one.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.mu.Lock()
	l.held[name] = one
	l.mu.Unlock()
	go func() {
		defer close(one.ended)
		l.keep(keeping, name, one.holder)
	}()
	return nil
}

func (l *CertificateLocks) take(ctx context.Context, name string, holder uuid.UUID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, certificateTime)
	defer cancel()
	done, err := l.pool.Exec(ctx, sqlTakeLock, name, holder, lockFor.Seconds())
	return done.RowsAffected() == 1, err
}

// keep renews a lock until ctx ends, or somebody else has it. While Postgres is away it goes on trying: until then nobody else can take
// the lock either.
func (l *CertificateLocks) keep(ctx context.Context, name string, holder uuid.UUID) {
	for events.Pause(ctx, lockRenew) == nil {
		asking, cancel := context.WithTimeout(ctx, certificateTime)
		done, err := l.pool.Exec(asking, sqlKeepLock, name, holder, lockFor.Seconds())
		cancel()
		if err == nil && done.RowsAffected() == 0 {
			return
		}
	}
}

// errNotHeld means that this process does not hold the lock that is given back.
var errNotHeld = errors.New("this process does not hold it")

// Unlock gives a lock back, also when ctx has ended. On an error it is free after 30 seconds.
func (l *CertificateLocks) Unlock(ctx context.Context, name string) error {
	l.mu.Lock()
	one := l.held[name]
	l.mu.Unlock()
	if one == nil {
		return fmt.Errorf("give the lock %s back: %w", name, errNotHeld)
	}
	one.cancel()
	<-one.ended
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), certificateTime)
	defer cancel()
	_, err := l.pool.Exec(ctx, sqlFreeLock, name, one.holder)
	l.mu.Lock()
	if l.held[name] == one { // and not that of somebody who took it meanwhile
		delete(l.held, name)
	}
	close(l.free)
	l.free = make(chan struct{})
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("give the lock %s back: %w", name, err)
	}
	return nil
}

// Await returns when this process holds no lock, or ctx has ended.
func (l *CertificateLocks) Await(ctx context.Context) {
	for {
		l.mu.Lock()
		held, free := len(l.held), l.free
		l.mu.Unlock()
		if held == 0 {
			return
		}
		select {
		case <-free:
		case <-ctx.Done():
			return
		}
	}
}
