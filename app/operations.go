package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/inventory"
	"flashsale/sale"
)

// operations are the operator's actions that span several owners. Each writes in one transaction with its audit
// record, then makes the new state visible on this process before it returns; other processes follow within
// the lease.
type operations struct {
	*core
	log     *slog.Logger
	serving bool // an instance runs in this process and reconciles
	// patience is how long Verify waits for the holders to follow the ledger.
	patience time.Duration
	probing  *probes
}

func newOperations(c *core, log *slog.Logger) *operations {
	return &operations{core: c, log: log, probing: newProbes(c), patience: settlePatience}
}

// smallStock is the stock after a reset to the small size.
const smallStock = 5

// Reset begins a new generation with nothing sold: five units, or as many as before. The first ten shoppers exist
// afterwards; nobody else is touched.
func (o *operations) Reset(ctx context.Context, slug string, toSmall bool) (sale.Snapshot, error) {
	total := int64(sale.KeepTotal)
	if toSmall {
		total = smallStock
	}
	if _, err := o.users.EnsureSeries(ctx, 10, nil); err != nil {
		return sale.Snapshot{}, err
	}
	return o.beginGeneration(ctx, slug, total, "sale.reset", nil)
}

// Preset makes sure that enough shoppers who may purchase exist, then begins a new generation with its stock.
func (o *operations) Preset(ctx context.Context, slug string, p sale.Preset) (sale.Snapshot, error) {
	if err := o.users.EnsureAble(ctx, p.Users); err != nil {
		return sale.Snapshot{}, err
	}
	return o.beginGeneration(ctx, slug, p.Stock, "sale.preset", p)
}

func (o *operations) beginGeneration(ctx context.Context, slug string, total int64, action string, detail any) (sale.Snapshot, error) {
	before, err := o.board.Snapshot(slug)
	if err != nil {
		return before, err
	}
	after, err := o.change(ctx, slug, action, detail, func(tx pgx.Tx) error {
		_, err := o.sales.BeginGenerationTx(ctx, tx, before.Slug, total)
		return err
	})
	if err != nil {
		return after, err
	}
	// gofail: var retireDue struct{}
	o.tell(ctx, "the old generation's places expire later", o.places.Retire(ctx, inventory.Key(before.Key())))
	// gofail: var placesRetired struct{}
	return after, nil
}

// SetStock changes the number of units; what is sold stays sold, and fewer than that is sale.ErrBelowSold.
func (o *operations) SetStock(ctx context.Context, slug string, n int64) (sale.Snapshot, error) {
	return o.change(ctx, slug, "sale.stock", map[string]int64{"stockAmount": n}, func(tx pgx.Tx) error {
		_, err := o.sales.SetTotalTx(ctx, tx, o.slug(slug), n)
		return err
	})
}

// Pause is the stop button: every claim decided after its commit is declined.
func (o *operations) Pause(ctx context.Context, slug string) (sale.Snapshot, error) {
	return o.change(ctx, slug, "sale.pause", nil, func(tx pgx.Tx) error { return o.sales.PauseTx(ctx, tx, o.slug(slug)) })
}

// Resume lets a paused sale go on.
func (o *operations) Resume(ctx context.Context, slug string) (sale.Snapshot, error) {
	return o.change(ctx, slug, "sale.resume", nil, func(tx pgx.Tx) error { return o.sales.ResumeTx(ctx, tx, o.slug(slug)) })
}

// Close ends a sale before its time.
func (o *operations) Close(ctx context.Context, slug string) (sale.Snapshot, error) {
	return o.change(ctx, slug, "sale.close", nil, func(tx pgx.Tx) error { return o.sales.CloseTx(ctx, tx, o.slug(slug)) })
}

// change runs one operator action and its audit record in a transaction, and shows its result on this process.
func (o *operations) change(ctx context.Context, slug, action string, detail any, do func(pgx.Tx) error) (sale.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := pgx.BeginFunc(ctx, o.services.pool, func(tx pgx.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		// gofail: var changeWritten struct{}
		return o.audit.RecordTx(ctx, tx, events.Entry{Actor: "operator", Action: action, Subject: o.slug(slug), Detail: detail})
	})
	if err != nil {
		return sale.Snapshot{}, err
	}
	// gofail: var changeCommitted struct{}
	if err := o.board.Refresh(ctx); err != nil {
		return sale.Snapshot{}, fmt.Errorf("the change is made, but cannot be shown yet: %w", err)
	}
	after, err := o.board.Snapshot(slug)
	if err == nil {
		o.tell(ctx, "the holders follow with the next reconciling", o.reconciler.Now(ctx, inventory.Key(after.Key())))
	}
	return after, err
}

// tell logs a failure that repairs itself.
func (o *operations) tell(_ context.Context, what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		o.log.Warn(what, "error", err)
	}
}

// slug is the name of the sale that an empty slug means.
func (o *operations) slug(slug string) string {
	if slug != "" {
		return slug
	}
	s, err := o.board.Snapshot("")
	if err != nil {
		return slug
	}
	return s.Slug
}

// SeedUsers makes the first n shoppers of the series exist, known on this process when it returns.
func (o *operations) SeedUsers(ctx context.Context, n int) (int, error) {
	return o.seed(ctx, n, nil)
}

func (o *operations) seed(ctx context.Context, n int, progress func(done, total int)) (int, error) {
	created, err := o.users.EnsureSeries(ctx, n, progress)
	if err != nil {
		return created, err
	}
	return created, errors.Join(o.record(ctx, "users.seed", map[string]int{"userCount": n, "created": created}), o.learnNames(ctx))
}

// ArchiveUsers hides every account; their orders stay sold, and seeding brings a name back as the same person.
func (o *operations) ArchiveUsers(ctx context.Context) (int64, error) {
	n, err := o.users.ArchiveAll(ctx)
	if err != nil {
		return n, err
	}
	return n, errors.Join(o.record(ctx, "users.archive", map[string]int64{"archived": n}), o.learnNames(ctx))
}

// learnNames makes changed accounts known to this process. A command looks up the few names it needs and holds none.
func (o *operations) learnNames(ctx context.Context) error {
	if !o.serving {
		return nil
	}
	return o.directory.Refresh(ctx)
}

func (o *operations) record(ctx context.Context, action string, detail any) error {
	return pgx.BeginFunc(ctx, o.services.pool, func(tx pgx.Tx) error {
		return o.audit.RecordTx(ctx, tx, events.Entry{Actor: "operator", Action: action, Subject: "users", Detail: detail})
	})
}
