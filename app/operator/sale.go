package operator

import (
	"context"
	"fmt"
	"time"

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

// StockChange is what becomes of the number of units: it is set to Set, or Add is added, which may be less than zero.
type StockChange struct {
	Set *int64
	Add int64
}

// of is the number of units that there are afterwards.
func (c StockChange) of(total int64) int64 {
	if c.Set != nil {
		return *c.Set
	}
	return total + c.Add
}

// ChangeStock is SetStock for a change that is relative to what there is when the act is carried out. Errors: *sale.AmendError for
// fewer units than are sold and for more than most.
func (o *Acts) ChangeStock(ctx context.Context, a Act, slug string, c StockChange, most int64) (sale.Change, error) {
	return o.amendAs(ctx, a, slug, "sale.stock", func(before *sale.Snapshot) (to sale.Amendment, err error) {
		total := c.of(before.Total)
		if total > most {
			return to, &sale.AmendError{Field: sale.FieldStock, Reason: fmt.Sprintf("cannot be more than %d", most), Kind: sale.ErrBelowSold}
		}
		return sale.Amendment{Total: &total}, nil
	})
}

// Open lets a scheduled sale begin now. Errors: sale.ErrState, *sale.AmendError.
func (o *Acts) Open(ctx context.Context, a Act, slug string) (sale.Change, error) {
	return o.amendAs(ctx, a, slug, "sale.open", func(before *sale.Snapshot) (to sale.Amendment, err error) {
		if before.State != sale.Scheduled {
			return to, fmt.Errorf("sale %s is %s: %w", before.Slug, before.State, sale.ErrState)
		}
		return sale.Amendment{StartsAt: &before.Now}, nil
	})
}

// Extend lets a sale end later. Errors: *sale.AmendError.
func (o *Acts) Extend(ctx context.Context, a Act, slug string, by time.Duration) (sale.Change, error) {
	return o.amendAs(ctx, a, slug, "sale.extend", func(before *sale.Snapshot) (sale.Amendment, error) {
		end := before.EndsAt.Add(by)
		return sale.Amendment{EndsAt: &end}, nil
	})
}

// amendAs is Amend for an amendment that depends on the sale as it is when the act is carried out.
func (o *Acts) amendAs(
	ctx context.Context, a Act, slug, action string, plan func(before *sale.Snapshot) (sale.Amendment, error),
) (sale.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	done, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (ch sale.Change, record audit.Entry, err error) {
		before, err := o.sales.LockSaleTx(ctx, tx, slug)
		if err != nil {
			return ch, record, err
		}
		to, planned := plan(&before)
		return o.changeTx(ctx, tx, a, before.Slug, audit.Entry{Action: action, Detail: to}, func(slug string) error {
			if planned != nil {
				return planned
			}
			return o.sales.AmendTx(ctx, tx, slug, to)
		})
	})
	if first {
		o.refresh(ctx, &done)
	}
	return done, err
}

// BeginAnew begins a new generation with nothing sold, and as many units as before when total is nil. No account is touched.
// allowed may refuse it by the sale as it is when the act is carried out. Errors: those of allowed.
func (o *Acts) BeginAnew(
	ctx context.Context, a Act, slug string, total *int64, allowed func(before *sale.Snapshot) error,
) (sale.Change, error) {
	units, record := int64(ledger.KeepTotal), audit.Entry{Action: "sale.reset"}
	if total != nil {
		units, record.Detail = *total, map[string]int64{"stockAmount": *total}
	}
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	done, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (ch sale.Change, _ audit.Entry, err error) {
		before, err := o.sales.LockSaleTx(ctx, tx, slug)
		if err != nil {
			return ch, record, err
		}
		return o.changeTx(ctx, tx, a, before.Slug, record, func(slug string) error {
			if err := allowed(&before); err != nil {
				return err
			}
			_, err := o.sales.BeginGenerationTx(ctx, tx, slug, units)
			return err
		})
	})
	if first {
		o.refresh(ctx, &done)
	}
	return done, err
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

// changeTx finds the sale of the act once, for the whole act, and reads its state before and after. Its record says both.
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
	sold, err := o.soldTx(ctx, tx, ch.Before.Slug, record.Detail)
	if err != nil {
		return ch, record, err
	}
	if err := do(ch.Before.Slug); err != nil {
		return ch, record, err
	}
	if ch.After, err = o.sales.LockSaleTx(ctx, tx, ch.Before.Slug); err != nil {
		return ch, record, err
	}
	sells, err := o.soldTx(ctx, tx, ch.Before.Slug, record.Detail)
	if err != nil {
		return ch, record, err
	}
	record, err = saying(record, stateOf(&ch.Before, sold), stateOf(&ch.After, sells))
	return ch, record, err
}
