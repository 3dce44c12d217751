package instance

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/combine"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/ledger"
)

// verdictsOf finds the verdicts of single claims; all requests that wait share one query.
type verdictsOf struct {
	ask *combine.Combiner[uuid.UUID, decision]
}

// decision is the verdict on a claim, if there is one.
type decision struct {
	verdict events.Verdict
	made    bool
}

func newVerdicts(store *ledger.Store, reg prometheus.Registerer) verdictsOf {
	lookups := verdictLookups(reg)
	return verdictsOf{combine.New(func(ctx context.Context, ids []uuid.UUID) ([]decision, error) {
		found, err := store.Verdicts(ctx, distinct(ids))
		if err != nil {
			return nil, err
		}
		return inOrder(ids, found), nil
	}, combine.Options{
		MaxBatch: 1_000, InFlight: 2, Queue: 5_000, Timeout: 2 * time.Second, MaxWait: maxWait,
		Observe: func(int) { lookups.Inc() },
	})}
}

func (v verdictsOf) find(ctx context.Context, id uuid.UUID) (events.Verdict, bool, error) {
	d, err := v.ask.Do(ctx, id)
	return d.verdict, d.made, saleError(err)
}

// distinct lists each id once: the same claim may be asked for by many.
func distinct(ids []uuid.UUID) []uuid.UUID {
	seen := make(map[uuid.UUID]bool, len(ids))
	once := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	return once
}

// inOrder gives each id its verdict.
func inOrder(ids []uuid.UUID, found []events.Verdict) []decision {
	byID := make(map[uuid.UUID]*events.Verdict, len(found))
	for i := range found {
		byID[found[i].ClaimID] = &found[i]
	}
	all := make([]decision, len(ids))
	for i, id := range ids {
		if v := byID[id]; v != nil {
			all[i] = decision{*v, true}
		}
	}
	return all
}

// saleError adds the sale's own error to that of a call which a combiner refused.
func saleError(err error) error {
	if errors.Is(err, combine.ErrFull) {
		return errors.Join(sale.ErrTooMany, err)
	}
	return err
}
