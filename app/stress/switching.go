package stress

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// switching changes presets between purchases, where every change must start from nothing, and then again and
// again while the crowd is pressing. What must hold: nobody has two receipts of one generation, every receipt that
// was ever answered can still be looked up, and when the presets rest the last one is sold out exactly.
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
	r.arrive(r.scenario.Users)
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
	part.arrive(users)
	if err := part.rush(ctx); err != nil {
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

// during lets the crowd press while presets change, and a last time after the last change. It gives the
// receipts seen before, by shopper; those of the last generation stay with the shoppers.
func (r *run) during(ctx context.Context) (map[string][]receipt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	rested := make(chan struct{})
	var switched error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(rested)
		if switched = r.switchPresets(ctx); switched != nil {
			cancel()
		}
	})
	err := r.everybody(ctx, "buying while presets change", r.shoppers, func(ctx context.Context, s *shopper) error {
		return r.pressUntil(ctx, s, rested)
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
		// Whoever pressed before the first change may well have bought in the round before.
		older[s.name], s.receipts, s.inherited = s.receipts, nil, false
	}
	err = r.everybody(ctx, "buying after the last change", r.shoppers, r.buy)
	r.duration += time.Since(began)
	if err != nil {
		return nil, err
	}
	return older, r.secondChance(ctx)
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

// pressUntil presses, again and again, until the presets rest.
func (r *run) pressUntil(ctx context.Context, s *shopper, rested <-chan struct{}) error {
	for {
		if err := r.buy(ctx, s); err != nil {
			return err
		}
		select {
		case <-rested:
			return nil
		case <-time.After(jitter(s, 20*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// checkOlder looks every receipt of the changing presets up where a claim's verdict stands: an order's id is its
// claim's. A purchase that somebody was told of must be there in every generation.
func (r *run) checkOlder(ctx context.Context, older map[string][]receipt) error {
	var mu sync.Mutex
	holder := map[string]string{}
	return r.everybody(ctx, "looking older receipts up", r.shoppers, func(ctx context.Context, s *shopper) error {
		for _, held := range older[s.name] {
			answer, err := r.client.send(ctx, requestTimeout, http.MethodGet, r.pick(s)+"/api/flash-sale/claims/"+held.ID, nil)
			if err != nil {
				return err
			}
			var said pressed
			err = answer.decode(&said)
			mu.Lock()
			if other := holder[held.ID]; other != "" {
				r.fault("doubled: receipt %s was given to %s and to %s", held.ID, other, s.name)
			}
			holder[held.ID] = s.name
			if err != nil || said.State != "ordered" || said.receipt != held {
				r.fault("lost: receipt %v of %s is answered %d, state %q, %v", held, s.name, answer.code, said.State, said.receipt)
			}
			mu.Unlock()
		}
		return nil
	})
}
