package stress

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// audit compares what the shoppers were told with what is true afterwards. Everything that does not agree becomes a
// fault; an error means that something could not be looked at.
func (r *run) audit(ctx context.Context) error {
	if err := r.forEach(ctx, "settling", r.unsettled(), r.settle); err != nil {
		return err
	}
	r.checkReceipts()
	if err := r.checkSold(ctx); err != nil {
		return err
	}
	r.checkRefusals()
	if err := r.forEach(ctx, "asking again", r.winners(), r.pressAgain()); err != nil {
		return err
	}
	checks, err := r.verify(ctx)
	if err != nil {
		return err
	}
	r.checks = checks
	for _, c := range checks {
		if c.State == "broken" {
			r.fault("verify: %s %s: %s", c.ID, c.Title, c.Detail)
		}
	}
	r.checkUnexpected()
	return nil
}

func (r *run) unsettled() []*shopper {
	return r.those(func(s *shopper) bool { return s.unsettled })
}

func (r *run) winners() []*shopper {
	return r.those(func(s *shopper) bool { return len(s.receipts) > 0 })
}

func (r *run) those(who func(*shopper) bool) []*shopper {
	var list []*shopper
	for _, s := range r.shoppers {
		if who(s) {
			list = append(list, s)
		}
	}
	return list
}

// checkReceipts finds what exists twice: two receipts of one shopper, one receipt or unit of two shoppers.
func (r *run) checkReceipts() {
	owner, unit := map[string]string{}, map[int64]string{}
	for _, s := range r.shoppers {
		if len(s.receipts) > 1 {
			r.fault("doubled: %s has %d different receipts: %v", s.name, len(s.receipts), s.receipts)
		}
		if s.inherited {
			r.fault("doubled: the first press of %s was answered as a repeat", s.name)
		}
		for _, bought := range s.receipts {
			if other, taken := owner[bought.ID]; taken && other != s.name {
				r.fault("doubled: receipt %s was given to %s and to %s", bought.ID, other, s.name)
			}
			if other, taken := unit[bought.Unit]; taken && other != s.name && bought.Unit != 0 {
				r.fault("doubled: unit %d was sold to %s and to %s", bought.Unit, other, s.name)
			}
			owner[bought.ID], unit[bought.Unit] = s.name, s.name
		}
	}
	r.distinct = len(owner)
}

// checkSold compares the receipts with the units sold that every instance shows, and both with the outcome that the
// scenario must have.
func (r *run) checkSold(ctx context.Context) error {
	expected := min(r.scenario.Users, r.scenario.Stock)
	var last status
	err := r.eachInstance(ctx, func(now status) error {
		last = now
		if now.Sold != r.before+r.distinct || now.Generation != r.generation {
			return fmt.Errorf("%d units sold in generation %d", now.Sold, now.Generation)
		}
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if last == (status{}) {
		return err
	}
	r.sold, r.left = last.Sold-r.before, last.CurrentStock
	if last.Generation != r.generation {
		r.fault("disturbed: somebody reset the sale during the run (generation %d became %d)", r.generation, last.Generation)
	}
	if err != nil {
		r.checkDifference(last)
	}
	if r.distinct > r.scenario.Stock || last.Sold > last.MaxStock {
		r.fault("oversold: %d receipts and %d units sold of a stock of %d", r.distinct, last.Sold, r.scenario.Stock)
	}
	if len(r.winners()) != expected {
		r.fault("unexpected: %d of %d shoppers have a receipt, %d should", len(r.winners()), r.scenario.Users, expected)
	}
	if last.CurrentStock != r.scenario.Stock-expected {
		r.fault("unexpected: %d units are left, it should be %d", last.CurrentStock, r.scenario.Stock-expected)
	}
	return nil
}

func (r *run) checkDifference(last status) {
	switch {
	case last.Sold-r.before < r.distinct:
		r.fault("lost: shoppers have %d receipts, but only %d units are sold", r.distinct, last.Sold-r.before)
	case last.Sold-r.before > r.distinct:
		r.fault("lost: %d units are sold, but shoppers have only %d receipts", last.Sold-r.before, r.distinct)
	}
}

// checkRefusals finds "sold out" answers of a sale that was never sold out.
func (r *run) checkRefusals() {
	if refused := r.tally.problems["sold-out"]; refused > 0 && r.left > 0 && r.scenario.Users <= r.scenario.Stock {
		r.fault("untrue: \"sold out\" was answered %d times although there was enough for everybody", refused)
	}
}

// pressAgain presses for a winner when everything is over. The answer must be the same receipt and nothing new.
func (r *run) pressAgain() func(context.Context, *shopper) error {
	var mu sync.Mutex
	fault := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		r.fault(format, args...)
	}
	return func(ctx context.Context, s *shopper) error {
		bought := s.receipts[len(s.receipts)-1]
		said, code, err := r.repeat(ctx, s)
		switch {
		case err != nil:
			return err
		case said.ID != "" && said.Success:
			fault("doubled: %s, who has %v, bought once more: %v", s.name, bought, said.receipt)
		case said.receipt == bought:
		case said.ID != "":
			fault("changed: the receipt of %s was %v and is %v now", s.name, bought, said.receipt)
		default:
			fault("lost: %s, who has %v, was answered %d", s.name, bought, code)
		}
		return nil
	}
}

// repeat presses once more, and again only while there is no answer or the server asks to wait.
func (r *run) repeat(ctx context.Context, s *shopper) (said pressed, code int, err error) {
	for try := 0; ; try++ {
		answer, answered := r.purchase(ctx, s)
		busy := !answered || slices.Contains([]int{http.StatusAccepted, http.StatusTooManyRequests, http.StatusServiceUnavailable}, answer.code)
		switch {
		case ctx.Err() != nil:
			return pressed{}, 0, ctx.Err()
		case !busy:
			err := answer.decode(&said)
			return said, answer.code, err
		case try == maxPresses:
			return pressed{}, answer.code, nil
		}
		if err := pause(ctx, jitter(s, max(backoff(try), answer.retryAfter))); err != nil {
			return pressed{}, 0, err
		}
	}
}

func (r *run) checkUnexpected() {
	for text, n := range r.tally.unexpectedAnswers {
		r.fault("unexpected: %s (%d times)", text, n)
	}
	slices.Sort(r.faults)
}
