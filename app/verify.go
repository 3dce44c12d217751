package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"flashsale/app/web"
	"flashsale/events"
	"flashsale/inventory"
	"flashsale/sale"
)

// settlePatience is how long verify waits for the holders to follow the ledger: twice what reconciling needs.
const settlePatience = 10 * time.Second

const (
	stateOK      = "ok"
	stateBroken  = "broken"
	stateUnknown = "unknown"
)

// Verify checks the invariants that make a sale exact, against Postgres, Redis and the log. It says of each whether
// it holds, is broken, or cannot be checked from here.
func (o *operations) Verify(ctx context.Context) ([]web.Check, error) {
	counts, err := o.sales.Counts(ctx)
	if err != nil {
		return nil, fmt.Errorf("count the orders: %w", err)
	}
	levels, err := o.stock.Levels(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read the stock: %w", err)
	}
	return []web.Check{
		unitsCheck(counts, levels),
		shoppersCheck(counts),
		{ID: "I3", Title: "every receipt ever answered exists", State: stateUnknown, Detail: "only shoppers know their receipts; `flashsale stress` checks it"},
		o.holdersCheck(ctx),
		o.logCheck(ctx),
		{ID: "I6", Title: "nobody is told sold out while units are left", State: stateUnknown, Detail: "only shoppers know their answers; the fault tests check it"},
		o.historyCheck(ctx),
	}, nil
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

// holdersCheck compares Redis with the ledger. Both move, so a difference counts only when it stays.
func (o *operations) holdersCheck(ctx context.Context) web.Check {
	const id, title = "I4", "holders in Redis = owners in the ledger, limit = total"
	if o.services.stack != nil && !o.serving {
		return web.Check{ID: id, Title: title, State: stateUnknown, Detail: "no instance is running; it rebuilds the holders when it starts"}
	}
	deadline := time.Now().Add(settlePatience)
	for {
		broken, err := o.holderDifferences(ctx)
		if err == nil && len(broken) == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			if err != nil {
				return web.Check{ID: id, Title: title, State: stateUnknown, Detail: "Redis or the ledger does not answer: " + err.Error()}
			}
			if len(broken) > 0 && o.logUnread(ctx) {
				return web.Check{ID: id, Title: title, State: stateUnknown,
					Detail: "claims in the log are still to be decided, their places have no order yet: " + strings.Join(broken, "; ")}
			}
			return check(id, title, broken)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// logUnread is true while the ledger has not read the log to its end, as for some seconds after the process that read
// it was killed. Places without an order may then belong to claims that nobody has looked at.
func (o *operations) logUnread(ctx context.Context) bool {
	lags, err := o.ledger.Lag(ctx)
	if err != nil {
		return true
	}
	for _, lag := range lags {
		if lag.Records > 0 {
			return true
		}
	}
	return false
}

func (o *operations) holderDifferences(ctx context.Context) ([]string, error) {
	ledger := ledgerOf{o.sales, o.stock, o.services.pool}
	keys, err := ledger.Current(ctx)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, k := range keys {
		owners, total, _, err := ledger.Owners(ctx, k)
		if err != nil {
			return nil, err
		}
		held, err := o.places.Count(ctx, k)
		if err != nil {
			return nil, err
		}
		missing, extra, err := o.places.Compare(ctx, k, owners)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 || len(extra) > 0 || held.Limit != total {
			broken = append(broken, fmt.Sprintf("sale %d generation %d: %d owners without a place, %d places without an order, limit %d for %d units",
				k.Sale, k.Generation, len(missing), len(extra), held.Limit, total))
		}
	}
	return broken, nil
}

// logCheck: nothing that the ledger says it has read from the log is without a verdict.
func (o *operations) logCheck(ctx context.Context) web.Check {
	const id, title = "I5", "every claim in the log before the cursor has a verdict"
	findings, err := o.ledger.Audit(ctx, o.withoutVerdict)
	if err != nil {
		return web.Check{ID: id, Title: title, State: stateUnknown, Detail: "the log does not answer: " + err.Error()}
	}
	var broken []string
	for _, f := range findings {
		if !f.OK() {
			broken = append(broken, f.String())
		}
	}
	return check(id, title, broken)
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
	const id, title = "I7", "orders of older generations are unchanged"
	wrong, err := o.sales.DigestCheck(ctx)
	if err != nil {
		return web.Check{ID: id, Title: title, State: stateUnknown, Detail: err.Error()}
	}
	var broken []string
	for _, m := range wrong {
		broken = append(broken, fmt.Sprintf("sale %d generation %d: digest %s, stored %s", m.Sale, m.Generation, m.Found, m.Stored))
	}
	return check(id, title, broken)
}
