package operator

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
)

// Create makes a sale, as a draft. Errors: sale.ErrSlug, *sale.AmendError.
func (o *Acts) Create(ctx context.Context, a Act, c sale.Creation) (sale.Snapshot, error) {
	return o.create(ctx, a, func(context.Context, pgx.Tx) (sale.Creation, audit.Entry, error) {
		return c, audit.Entry{Action: "sale.create", Detail: created(c)}, nil
	})
}

// Duplicate makes a draft like another sale: what it sells, its stock, its limits and its zone. Without times it is planned for the
// same hour of the day, as the clocks in that zone show it, as many whole weeks later as bring its start behind now. Errors:
// sale.ErrNoSale, sale.ErrSlug, *sale.AmendError.
func (o *Acts) Duplicate(ctx context.Context, a Act, slug string, to sale.Creation) (sale.Snapshot, error) {
	return o.create(ctx, a, func(ctx context.Context, tx pgx.Tx) (sale.Creation, audit.Entry, error) {
		of, err := o.sales.LockSaleTx(ctx, tx, slug)
		if err != nil {
			return to, audit.Entry{}, err
		}
		if to.Product, err = o.sales.ProductTx(ctx, tx, of.Slug); err != nil {
			return to, audit.Entry{}, err
		}
		to.Total, to.Limit = of.Total, of.Limit
		if of.Texts != nil {
			to.Texts = *of.Texts
		}
		if to.Zone == "" {
			to.Zone = of.Zone
		}
		if to.StartsAt.IsZero() {
			to.StartsAt, to.EndsAt = NextWeek(&of, of.Now)
		}
		detail := created(to)
		detail["of"] = of.Slug
		return to, audit.Entry{Action: "sale.duplicate", Detail: detail}, nil
	})
}

// NextWeek is when a sale like of would be: a whole number of weeks later, with its start behind now.
func NextWeek(of *sale.Snapshot, now time.Time) (starts, ends time.Time) {
	zone, err := sale.Zone(of.Zone)
	if err != nil {
		zone = time.UTC
	}
	for weeks := 1; ; weeks++ {
		starts = of.StartsAt.In(zone).AddDate(0, 0, 7*weeks).UTC()
		if starts.After(now) {
			return starts, starts.Add(of.EndsAt.Sub(of.StartsAt))
		}
	}
}

func created(c sale.Creation) map[string]any {
	return map[string]any{"startTime": c.StartsAt, "endTime": c.EndsAt, "zone": c.Zone, "stock": c.Total, "name": c.Product.Name}
}

// create makes the sale that plan gives, and shows it on this process.
func (o *Acts) create(
	ctx context.Context, a Act, plan func(context.Context, pgx.Tx) (sale.Creation, audit.Entry, error),
) (sale.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	made, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (made sale.Snapshot, record audit.Entry, err error) {
		c, record, err := plan(ctx, tx)
		if err != nil {
			return made, record, err
		}
		record.Subject = c.Slug
		if err := o.sales.CreateTx(ctx, tx, c); err != nil {
			return made, record, err
		}
		if made, err = o.sales.LockSaleTx(ctx, tx, c.Slug); err != nil {
			return made, record, err
		}
		record, err = saying(record, nil, stateOf(&made, &c.Product))
		return made, record, err
	})
	if first {
		o.refresh(ctx, &sale.Change{Before: made, After: made})
	}
	return made, err
}

// Schedule announces a draft. Errors: sale.ErrState, *sale.AmendError.
func (o *Acts) Schedule(ctx context.Context, a Act, slug string) (sale.Change, error) {
	return o.change(ctx, a, slug, audit.Entry{Action: "sale.schedule"}, o.sales.ScheduleTx)
}

// Archive puts a draft or a closed sale away, or brings it back. Errors: sale.ErrState.
func (o *Acts) Archive(ctx context.Context, a Act, slug string, away bool) (sale.Change, error) {
	action := "sale.archive"
	if !away {
		action = "sale.bring-back"
	}
	return o.change(ctx, a, slug, audit.Entry{Action: action}, func(ctx context.Context, tx pgx.Tx, slug string) error {
		return o.sales.ArchiveTx(ctx, tx, slug, away)
	})
}
