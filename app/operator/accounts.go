package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
)

// seeding is what the audit log says of a seeding.
type seeding struct {
	UserCount int `json:"userCount"`
	Created   int `json:"created"`
}

// archiving is what the audit log says of archiving.
type archiving struct {
	Archived int64 `json:"archived"`
}

// SeedUsers makes the first n shoppers of the series exist, known on this process when it returns.
func (o *Acts) SeedUsers(ctx context.Context, a Act, n int) (int, error) {
	return o.Seed(ctx, a, n, nil)
}

// Seed is SeedUsers, and reports to progress, if that is not nil. It is one transaction when at most users.Chunk accounts are
// missing. More are created chunk by chunk: the record of the start is committed before the first, that of the end with the
// last. After an error the chunks before it remain, and calling again completes them.
func (o *Acts) Seed(ctx context.Context, a Act, n int, progress func(done, total int)) (int, error) {
	exist := 0
	created, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (int, audit.Entry, error) {
		created, err := o.seedChunks(ctx, tx, a, n, func(done, total int) {
			exist = done
			if progress != nil {
				progress(done, total)
			}
		})
		if err != nil {
			return created, audit.Entry{}, err
		}
		last, err := o.users.EnsureSeriesTx(ctx, tx, n)
		if errors.Is(err, users.ErrChunk) {
			err = fmt.Errorf("accounts were archived meanwhile: %w", sale.ErrBusy)
		}
		created += last
		return created, usersEntry("users.seed", seeding{n, created}), err
	})
	if !first {
		return created, unfinished(exist, n, err)
	}
	if progress != nil {
		progress(n, n)
	}
	o.warn("the accounts are created; their names are known after the next refresh", o.refreshNames(ctx))
	return created, nil
}

// unfinished adds to the error of a seeding how many shoppers of the series exist, when its first chunks are committed.
func unfinished(exist, n int, err error) error {
	if err == nil || exist == 0 {
		return err
	}
	return &users.UnfinishedError{Done: exist, Total: n, Cause: err}
}

// chunkTime is more than the longest that a chunk may take.
const chunkTime = 5 * time.Minute

// seedChunks creates all but the last users.Chunk accounts, in transactions of their own. The act's own transaction has locked
// nothing yet but the act's key, and is idle meanwhile for no longer than a chunk takes.
func (o *Acts) seedChunks(ctx context.Context, tx pgx.Tx, a Act, n int, progress func(done, total int)) (created int, err error) {
	now, err := o.users.RosterTx(ctx, tx)
	if err != nil || n-int(now.Series) <= users.Chunk {
		return 0, err
	}
	if err := o.exclusive(ctx, tx); err != nil {
		return 0, err
	}
	if err := o.recordStart(ctx, a, usersEntry("users.seed-started", seeding{UserCount: n})); err != nil {
		return 0, err
	}
	if err := o.audit.LingerTx(ctx, tx, chunkTime); err != nil {
		return 0, err
	}
	var lost error
	created, err = o.users.EnsureSeries(ctx, n-users.Chunk, func(done, _ int) {
		lost = errors.Join(lost, tx.Conn().Ping(ctx))
		progress(done, n)
	})
	return created, errors.Join(err, lost)
}

// ArchiveUsers hides every account without a role at one moment; their orders stay sold, and seeding brings a name back as the
// same person.
func (o *Acts) ArchiveUsers(ctx context.Context, a Act) (int64, error) {
	archived, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (int64, audit.Entry, error) {
		if err := o.exclusive(ctx, tx); err != nil {
			return 0, audit.Entry{}, err
		}
		now, err := o.users.RosterTx(ctx, tx)
		if err == nil && now.Live > users.Chunk {
			err = o.recordStart(ctx, a, usersEntry("users.archive-started", archiving{now.Live}))
		}
		if err != nil {
			return 0, audit.Entry{}, err
		}
		n, err := o.users.ArchiveAllTx(ctx, tx)
		return n, usersEntry("users.archive", archiving{n}), err
	})
	if first {
		o.warn("the accounts are archived; their names are known until the next refresh", o.refreshNames(ctx))
	}
	return archived, err
}

// exclusive refuses an act beside another one, of any process, that changes accounts in more than one transaction or all of them:
// between its transactions it would find what the other one says it has done undone. It also keeps these acts, each of which
// needs two connections, from using up the pool.
func (o *Acts) exclusive(ctx context.Context, tx pgx.Tx) error {
	alone, err := o.users.AloneTx(ctx, tx)
	if err == nil && !alone {
		err = fmt.Errorf("accounts are being changed: %w", sale.ErrBusy)
	}
	return err
}

// recordStart says in the audit log that something long begins.
func (o *Acts) recordStart(ctx context.Context, a Act, record audit.Entry) error {
	return o.audit.Act(ctx, func(tx pgx.Tx) error { return o.audit.RecordTx(ctx, tx, a.signed(record)) })
}

func usersEntry(action string, detail any) audit.Entry {
	return audit.Entry{Action: action, Subject: "users", Detail: detail}
}

// namesTime bounds the reading of names that an act has changed.
const namesTime = 30 * time.Second

// refreshNames makes changed accounts known to this process. A command has no names in memory: it looks up the few it needs.
func (o *Acts) refreshNames(ctx context.Context) error {
	if !o.serving {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), namesTime)
	defer cancel()
	return o.directory.Refresh(ctx)
}
