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
	now, err := o.users.Roster(ctx)
	if err != nil {
		return 0, err
	}
	bulk := n-int(now.Series) > users.Chunk
	if bulk {
		leave, err := o.enterBulk()
		if err != nil {
			return 0, err
		}
		defer leave()
	}
	created, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (created int, _ audit.Entry, err error) {
		if bulk {
			if created, err = o.seedChunks(ctx, tx, a, n, progress); err != nil {
				return created, audit.Entry{}, err
			}
		}
		last, err := o.users.EnsureSeriesTx(ctx, tx, n)
		if errors.Is(err, users.ErrChunk) {
			err = fmt.Errorf("accounts were archived meanwhile: %w", sale.ErrBusy)
		}
		created += last
		return created, usersEntry("users.seed", seeding{n, created}), err
	})
	if !first {
		return created, err
	}
	if progress != nil {
		progress(n, n)
	}
	o.warn("the accounts are created; their names are known after the next refresh", o.refreshNames(ctx))
	return created, nil
}

// chunkTime is more than the longest that a chunk may take.
const chunkTime = 5 * time.Minute

// seedChunks creates all but the last users.Chunk accounts, in transactions of their own. The act's own transaction has locked
// nothing yet but the act's key, and is idle meanwhile for no longer than a chunk takes.
func (o *Acts) seedChunks(ctx context.Context, tx pgx.Tx, a Act, n int, progress func(done, total int)) (created int, err error) {
	if err := o.recordStart(ctx, a, usersEntry("users.seed-started", seeding{UserCount: n})); err != nil {
		return 0, err
	}
	if err := o.audit.LingerTx(ctx, tx, chunkTime); err != nil {
		return 0, err
	}
	var lost error
	created, err = o.users.EnsureSeries(ctx, n-users.Chunk, func(done, _ int) {
		lost = errors.Join(lost, tx.Conn().Ping(ctx))
		if progress != nil {
			progress(done, n)
		}
	})
	return created, errors.Join(err, lost)
}

// ArchiveUsers hides every account at one moment; their orders stay sold, and seeding brings a name back as the same
// person.
func (o *Acts) ArchiveUsers(ctx context.Context, a Act) (int64, error) {
	leave, err := o.enterBulk()
	if err != nil {
		return 0, err
	}
	defer leave()
	archived, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (int64, audit.Entry, error) {
		live, err := o.users.Live(ctx)
		if err == nil && live > users.Chunk {
			err = o.recordStart(ctx, a, usersEntry("users.archive-started", archiving{live}))
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

// enterBulk admits an act that may change more accounts than fit well into one transaction. Such an act keeps one connection
// and needs a second one. So only maxBulk of them run at once, which cannot use up the pool; the others get sale.ErrBusy.
func (o *Acts) enterBulk() (leave func(), err error) {
	select {
	case o.bulk <- struct{}{}:
		return func() { <-o.bulk }, nil
	default:
		return nil, fmt.Errorf("accounts are being changed: %w", sale.ErrBusy)
	}
}

// recordStart says in the audit log that something long begins.
func (o *Acts) recordStart(ctx context.Context, a Act, record audit.Entry) error {
	record.Actor = a.Principal
	return o.audit.Act(ctx, func(tx pgx.Tx) error { return o.audit.RecordTx(ctx, tx, record) })
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
