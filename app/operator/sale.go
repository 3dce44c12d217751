package operator

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/sale/ledger"
	"flashsale/users"
)

// SmallStock is the stock after a reset to the small size.
const SmallStock = 5

// Reset begins a new generation with nothing sold: five units, or as many as before. The first ten shoppers exist
// afterwards; nobody else is touched.
func (o *Acts) Reset(ctx context.Context, a Act, slug string, toSmall bool) (sale.Change, error) {
	total := int64(ledger.KeepTotal)
	if toSmall {
		total = SmallStock
	}
	return o.beginGeneration(ctx, a, slug, total, audit.Entry{Action: "sale.reset"}, func(tx pgx.Tx) error {
		_, err := o.users.EnsureSeriesTx(ctx, tx, users.FirstShoppers)
		return err
	})
}

// Preset makes sure that enough shoppers who may purchase exist, then begins a new generation with its stock.
func (o *Acts) Preset(ctx context.Context, a Act, slug string, p sale.Preset) (sale.Change, error) {
	return o.beginGeneration(ctx, a, slug, p.Stock, audit.Entry{Action: "sale.preset", Detail: p}, func(tx pgx.Tx) error {
		return o.users.EnsureAbleTx(ctx, tx, p.Users)
	})
}

// ResetTo begins a new generation with that stock and nothing sold. The first shoppers of the series exist afterwards. More of
// them than one transaction creates are an act of their own before the reset, which reports to progress, if that is not nil.
func (o *Acts) ResetTo(
	ctx context.Context, a Act, slug string, total int64, shoppers int, progress func(done, total int),
) (sale.Change, error) {
	if shoppers > users.Chunk {
		if _, err := o.Seed(ctx, a, shoppers, progress); err != nil {
			return sale.Change{}, fmt.Errorf("the sale was not reset: %w", err)
		}
		shoppers = 0
	}
	record := audit.Entry{Action: "sale.reset", Detail: map[string]int64{"stockAmount": total}}
	return o.beginGeneration(ctx, a, slug, total, record, func(tx pgx.Tx) error {
		_, err := o.users.EnsureSeriesTx(ctx, tx, shoppers)
		return err
	})
}

// beginGeneration makes the shoppers exist before it locks the sale, so that no purchase waits for them.
func (o *Acts) beginGeneration(
	ctx context.Context, a Act, slug string, total int64, record audit.Entry, shoppers func(pgx.Tx) error,
) (sale.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, bulkTime)
	defer cancel()
	done, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (sale.Change, audit.Entry, error) {
		if err := shoppers(tx); err != nil {
			return sale.Change{}, record, err
		}
		return o.changeTx(ctx, tx, a, slug, record, func(slug string) error {
			_, err := o.sales.BeginGenerationTx(ctx, tx, slug, total)
			return err
		})
	})
	if !first {
		return done, err
	}
	o.warn("the new generation has begun; names of new accounts are known after the next refresh", o.refreshNames(ctx))
	o.refresh(ctx, &done)
	return done, nil
}

// SetStock changes the number of units; what is sold stays sold, and fewer than that is sale.ErrBelowSold.
func (o *Acts) SetStock(ctx context.Context, a Act, slug string, n int64) (sale.Change, error) {
	record := audit.Entry{Action: "sale.stock", Detail: map[string]int64{"stockAmount": n}}
	return o.change(ctx, a, slug, record, func(ctx context.Context, tx pgx.Tx, slug string) error {
		_, err := o.sales.SetTotalTx(ctx, tx, slug, n)
		return err
	})
}

// Pause is the stop button: every claim decided after its commit is declined.
func (o *Acts) Pause(ctx context.Context, a Act, slug string) (sale.Change, error) {
	return o.change(ctx, a, slug, audit.Entry{Action: "sale.pause"}, o.sales.PauseTx)
}

// Resume lets a paused sale go on.
func (o *Acts) Resume(ctx context.Context, a Act, slug string) (sale.Change, error) {
	return o.change(ctx, a, slug, audit.Entry{Action: "sale.resume"}, o.sales.ResumeTx)
}

// Close ends a sale before its time.
func (o *Acts) Close(ctx context.Context, a Act, slug string) (sale.Change, error) {
	return o.change(ctx, a, slug, audit.Entry{Action: "sale.close"}, o.sales.CloseTx)
}

// Amend changes a sale's times and stock.
func (o *Acts) Amend(ctx context.Context, a Act, slug string, to sale.Amendment) (sale.Change, error) {
	record := audit.Entry{Action: "sale.amend", Detail: to}
	return o.change(ctx, a, slug, record, func(ctx context.Context, tx pgx.Tx, slug string) error {
		return o.sales.AmendTx(ctx, tx, slug, to)
	})
}

// change carries out an act on a sale, and shows its result on this process.
func (o *Acts) change(
	ctx context.Context, a Act, slug string, record audit.Entry, do func(context.Context, pgx.Tx, string) error,
) (sale.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	done, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (sale.Change, audit.Entry, error) {
		return o.changeTx(ctx, tx, a, slug, record, func(slug string) error { return do(ctx, tx, slug) })
	})
	if first {
		o.refresh(ctx, &done)
	}
	return done, err
}

// changeTx finds the sale of the act once, for the whole act, and reads its state before and after.
func (o *Acts) changeTx(
	ctx context.Context, tx pgx.Tx, a Act, slug string, record audit.Entry, do func(slug string) error,
) (ch sale.Change, _ audit.Entry, err error) {
	if ch.Before, err = o.sales.LockSaleTx(ctx, tx, slug); err != nil {
		return ch, record, err
	}
	record.Subject = ch.Before.Slug
	if err := a.Match.Allows(ch.Before.Revision); err != nil {
		return ch, record, err
	}
	if err := do(ch.Before.Slug); err != nil {
		return ch, record, err
	}
	ch.After, err = o.sales.LockSaleTx(ctx, tx, ch.Before.Slug)
	return ch, record, err
}
