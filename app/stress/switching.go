package stress

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// switching changes presets between purchases, where every change must start from nothing, and then again and again
// while shoppers press. What must be true: nobody has two receipts of one generation, every receipt that was ever
// answered can still be looked up, and after the last change the stock is sold out exactly.
func switching(ctx context.Context, r *run) error {
	if err := r.seed(ctx, 200); err != nil {
		return err
	}
	for _, round := range []struct {
		preset       string
		users, stock int
	}{{"small", 3, 5}, {"medium", 80, 100}, {"large", 200, 1000}, {"small", 10, 5}} {
		if err := r.between(ctx, round.preset, round.users, round.stock); err != nil {
			return err
		}
	}
	r.makeShoppers(r.scenario.Users)
	older, err := r.during(ctx)
	if err != nil {
		return err
	}
	if err := r.audit(ctx); err != nil {
		return err
	}
	return r.checkOlder(ctx, older)
}

// between is a whole small scenario with a preset of its own; its faults and counts join those of the run.
func (r *run) between(ctx context.Context, preset string, users, stock int) error {
	part := newRun(r.cfg, r.client, Scenario{Name: "switching " + preset, Users: users, Stock: stock, preset: preset})
	part.tally, part.bar = r.tally, r.bar
	if err := part.stock(ctx, preset, stock); err != nil {
		return err
	}
	part.makeShoppers(users)
	if err := part.pressAll(ctx); err != nil {
		return err
	}
	part.checkReceipts()
	if err := part.checkSold(ctx); err != nil {
		return err
	}
	r.duration += part.duration
	for _, fault := range part.faults {
		r.fault("after switching to %s: %s", preset, fault)
	}
	return nil
}

// during makes the shoppers press while presets change, and once more after the last change. It gives the receipts seen
// before, by shopper; those of the last generation stay with the shoppers.
func (r *run) during(ctx context.Context) (map[string][]receipt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	changed := make(chan struct{})
	var switched error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(changed)
		if switched = r.switchPresets(ctx); switched != nil {
			cancel()
		}
	})
	err := r.forEach(ctx, "buying while presets change", r.shoppers, func(ctx context.Context, s *shopper) error {
		return r.pressUntil(ctx, s, changed)
	})
	wg.Wait()
	if switched != nil {
		return nil, switched
	}
	if err != nil {
		return nil, err
	}
	older := map[string][]receipt{}
	for _, s := range r.shoppers {
		// A shopper who pressed before the first change may have bought in the generation before.
		older[s.name], s.receipts, s.inherited = s.receipts, nil, false
	}
	err = r.forEach(ctx, "buying after the last change", r.shoppers, r.buy)
	r.duration += time.Since(began)
	if err != nil {
		return nil, err
	}
	return older, r.pressAfterAllClaimed(ctx)
}

// switchPresets ends with the preset of the scenario.
func (r *run) switchPresets(ctx context.Context) error {
	stocks := map[string]int{"small": 5, "medium": 100, "large": 1000}
	for _, preset := range []string{"large", "small", "medium", "small", "large", r.scenario.preset} {
		if err := r.renew(ctx, preset, stocks[preset]); err != nil {
			return err
		}
		err := r.eachInstance(ctx, func(now status) error {
			if now.Generation != r.generation || now.MaxStock != stocks[preset] {
				return fmt.Errorf("generation %d with %d units is not shown", r.generation, stocks[preset])
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pressUntil presses, again and again, until the presets no longer change.
func (r *run) pressUntil(ctx context.Context, s *shopper, changed <-chan struct{}) error {
	for {
		if err := r.buy(ctx, s); err != nil {
			return err
		}
		select {
		case <-changed:
			return nil
		case <-time.After(jitter(s, 20*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// checkOlder looks up every receipt of the earlier generations where a claim's verdict can be read: an order's id is
// its claim's. A purchase that a shopper was told of must be there in every generation.
func (r *run) checkOlder(ctx context.Context, older map[string][]receipt) error {
	var mu sync.Mutex
	owner := map[string]string{}
	return r.forEach(ctx, "looking older receipts up", r.shoppers, func(ctx context.Context, s *shopper) error {
		for _, bought := range older[s.name] {
			answer, err := r.client.send(ctx, requestTimeout, http.MethodGet, r.pick(s)+"/api/flash-sale/claims/"+bought.ID, nil)
			if err != nil {
				return err
			}
			var said pressed
			err = answer.decode(&said)
			mu.Lock()
			if other := owner[bought.ID]; other != "" {
				r.fault("doubled: receipt %s was given to %s and to %s", bought.ID, other, s.name)
			}
			owner[bought.ID] = s.name
			if err != nil || said.State != "ordered" || said.receipt != bought {
				r.fault("lost: receipt %v of %s is answered %d, state %q, %v", bought, s.name, answer.code, said.State, said.receipt)
			}
			mu.Unlock()
		}
		return nil
	})
}
