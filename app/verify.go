package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/app/web"
	"flashsale/events"
	"flashsale/events/consumer"
	"flashsale/inventory"
	"flashsale/sale"
)

const (
	stateOK      = "ok"
	stateBroken  = "broken"
	stateUnknown = "unknown"
)

// Verify checks the invariants that make a sale exact, against Postgres, Redis and the log. It says of each whether it holds,
// is broken, or cannot be checked from here. It calls nothing broken that it did not see at one moment, or see stay, and
// nothing ok that it did not read. It may run while the sale does.
func (o *operations) Verify(ctx context.Context) ([]web.Check, error) {
	units, shoppers, err := o.ordersChecks(ctx)
	if err != nil {
		return nil, err
	}
	return []web.Check{
		units,
		shoppers,
		{ID: "I3", Title: "every receipt ever answered exists", State: stateUnknown, Detail: "only shoppers know their receipts; `flashsale stress` checks it"},
		o.holdersCheck(ctx),
		o.logCheck(ctx),
		{ID: "I6", Title: "nobody is told sold out while units are left", State: stateUnknown, Detail: "only shoppers know their answers; the fault tests check it"},
		o.historyCheck(ctx),
	}, nil
}

// ordersChecks compares orders and stock as they are at one moment.
func (o *operations) ordersChecks(ctx context.Context) (units, shoppers web.Check, err error) {
	var counts []sale.Count
	var levels []inventory.Level
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, o.services.pool, moment, func(tx pgx.Tx) (err error) {
		if counts, err = o.sales.CountsTx(ctx, tx); err != nil {
			return err
		}
		levels, err = o.stock.AllLevelsTx(ctx, tx)
		return err
	})
	if err != nil {
		return units, shoppers, fmt.Errorf("compare orders and stock: %w", err)
	}
	return unitsCheck(counts, levels), shoppersCheck(counts), nil
}

func check(id, title string, broken []string) web.Check {
	if len(broken) == 0 {
		return web.Check{ID: id, Title: title, State: stateOK}
	}
	return web.Check{ID: id, Title: title, State: stateBroken, Detail: strings.Join(broken, "; ")}
}

func unitsCheck(counts []sale.Count, levels []inventory.Level) web.Check {
	live := map[sale.Key]sale.Count{}
	for _, c := range counts {
		live[c.Key] = c
	}
	var broken []string
	for _, l := range levels {
		c := live[sale.Key{Sale: l.Sale, Generation: l.Generation}]
		delete(live, sale.Key{Sale: l.Sale, Generation: l.Generation})
		if l.Taken != c.Live || l.Taken > l.Total || c.Units != c.Live || c.MaxUnit >= l.NextUnit && c.Live > 0 {
			broken = append(broken, fmt.Sprintf("sale %d generation %d: %d of %d units taken, %d live orders on %d units, highest unit %d of %d issued",
				l.Sale, l.Generation, l.Taken, l.Total, c.Live, c.Units, c.MaxUnit, l.NextUnit-1))
		}
	}
	for k, c := range live {
		if c.Live > 0 {
			broken = append(broken, fmt.Sprintf("sale %d generation %d: %d live orders without a stock row", k.Sale, k.Generation, c.Live))
		}
	}
	return check("I1", "units taken = live orders <= total, each order its own unit", broken)
}

func shoppersCheck(counts []sale.Count) web.Check {
	var broken []string
	for _, c := range counts {
		if c.Shoppers != c.Live {
			broken = append(broken, fmt.Sprintf("sale %d generation %d: %d live orders of %d shoppers", c.Sale, c.Generation, c.Live, c.Shoppers))
		}
	}
	return check("I2", "no shopper has two live orders in one sale", broken)
}

// logCheck: nothing that the ledger says it has read from the log is without a verdict.
func (o *operations) logCheck(ctx context.Context) web.Check {
	return logVerdict(o.ledger.Verify(ctx, o.withoutVerdict))
}

// logVerdict is ok only of a log that was read to the cursor in every partition. What was read and is broken is broken, however
// much was not read.
func logVerdict(findings []consumer.Finding) web.Check {
	var broken, unread []string
	for _, f := range findings {
		switch {
		case f.Broken():
			broken = append(broken, f.String())
		case f.Unread != nil:
			unread = append(unread, f.String())
		}
	}
	c := check("I5", "every claim in the log before the cursor has a verdict", broken)
	if c.State == stateOK && len(unread) > 0 {
		c.State, c.Detail = stateUnknown, "not all of the log was read: "+strings.Join(unread, "; ")
	}
	return c
}

// withoutVerdict names the claims that are neither ordered nor declined.
func (o *operations) withoutVerdict(ctx context.Context, claims []events.Claim) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(claims))
	for i, c := range claims {
		ids[i] = c.ID
	}
	verdicts, err := o.checkout.Verdicts(ctx, ids)
	if err != nil {
		return nil, err
	}
	decided := make(map[uuid.UUID]bool, len(verdicts))
	for _, v := range verdicts {
		decided[v.ClaimID] = true
	}
	return slices.DeleteFunc(ids, func(id uuid.UUID) bool { return decided[id] }), nil
}

// historyCheck: the orders of older generations are what they were when their generation ended.
func (o *operations) historyCheck(ctx context.Context) web.Check {
	wrong, pending, err := o.sales.DigestCheck(ctx)
	var broken []string
	for _, m := range wrong {
		broken = append(broken, fmt.Sprintf("sale %d generation %d: digest %s, stored %s", m.Sale, m.Generation, m.Found, m.Stored))
	}
	c := check("I7", "orders of older generations are unchanged", broken)
	switch {
	case len(wrong) > 0: // broken, whatever else could not be read
	case err != nil:
		c.State, c.Detail = stateUnknown, err.Error()
	case len(pending) > 0:
		c.State, c.Detail = stateUnknown, fmt.Sprintf("%d ended generations have no digest yet to compare with, the first is generation %d of sale %d",
			len(pending), pending[0].Generation, pending[0].Sale)
	}
	return c
}
