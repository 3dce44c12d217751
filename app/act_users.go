package app

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/web"
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
func (o *operations) SeedUsers(ctx context.Context, a web.Act, n int) (int, error) {
	return o.seed(ctx, a, n, nil)
}

// seed is one transaction for up to users.Chunk accounts. More are created chunk by chunk: the record of the start is
// committed before the first, that of the end with the last. After an error the chunks before it stand, and calling
// again completes them.
func (o *operations) seed(ctx context.Context, a web.Act, n int, progress func(done, total int)) (int, error) {
	if lastChunk(n) > 0 {
		leave, err := o.crowd()
		if err != nil {
			return 0, err
		}
		defer leave()
	}
	created, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (int, audit.Entry, error) {
		created, err := o.seedChunks(ctx, a, n, progress)
		if err != nil {
			return created, audit.Entry{}, err
		}
		last, err := o.users.EnsureSeriesTx(ctx, tx, lastChunk(n), n)
		created += last
		return created, usersEntry("users.seed", seeding{n, created}), err
	})
	if !first {
		return created, err
	}
	if progress != nil {
		progress(n, n)
	}
	o.tell(ctx, "the names are made, and will be known with the next look", o.learnNames(ctx))
	return created, nil
}

// seedChunks creates all chunks but the last, each in a transaction of its own beside that of the act, which holds
// nothing yet but the act's key.
func (o *operations) seedChunks(ctx context.Context, a web.Act, n int, progress func(done, total int)) (created int, err error) {
	if lastChunk(n) == 0 {
		return 0, nil
	}
	if err := o.recordStart(ctx, a, usersEntry("users.seed-started", seeding{UserCount: n})); err != nil {
		return 0, err
	}
	return o.users.EnsureSeries(ctx, lastChunk(n), func(done, _ int) {
		if progress != nil {
			progress(done, n)
		}
	})
}

// lastChunk is behind how many of n accounts the last chunk begins.
func lastChunk(n int) int { return max(0, n-1) / users.Chunk * users.Chunk }

// ArchiveUsers hides every account at one moment; their orders stay sold, and seeding brings a name back as the same
// person.
func (o *operations) ArchiveUsers(ctx context.Context, a web.Act) (int64, error) {
	leave, err := o.crowd()
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
		o.tell(ctx, "the accounts are archived, and will be forgotten with the next look", o.learnNames(ctx))
	}
	return archived, err
}

// crowd lets in an act that may change more accounts than one transaction should. Each holds one connection and needs another,
// so only as many as cannot use up the pool are let in; the others are told sale.ErrBusy.
func (o *operations) crowd() (leave func(), err error) {
	select {
	case o.crowds <- struct{}{}:
		return func() { <-o.crowds }, nil
	default:
		return nil, fmt.Errorf("accounts are being changed: %w", sale.ErrBusy)
	}
}

// recordStart says in the audit log that something long begins.
func (o *operations) recordStart(ctx context.Context, a web.Act, record audit.Entry) error {
	record.Actor = a.Principal
	return o.audit.Act(ctx, func(tx pgx.Tx) error { return o.audit.RecordTx(ctx, tx, record) })
}

func usersEntry(action string, detail any) audit.Entry {
	return audit.Entry{Action: action, Subject: "users", Detail: detail}
}

// learnTime bounds the look for names that an act has changed.
const learnTime = 30 * time.Second

// learnNames makes changed accounts known to this process. A command looks up the few names it needs and holds none.
func (o *operations) learnNames(ctx context.Context) error {
	if !o.serving {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), learnTime)
	defer cancel()
	return o.directory.Refresh(ctx)
}
