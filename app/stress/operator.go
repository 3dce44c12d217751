package stress

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// status is what GET /api/flash-sale/status says, as far as it matters here.
type status struct {
	Status       string `json:"status"`
	CurrentStock int    `json:"currentStock"`
	MaxStock     int    `json:"maxStock"`
	Sold         int    `json:"sold"`
	Generation   int64  `json:"generation"`
	Version      int64  `json:"version"`
}

// Check is one invariant as POST /api/admin/verify sees it.
type Check struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// State is "ok", "broken" or "unknown".
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// order sends an operator's request to the first instance and reads its answer into into, unless that is nil.
// A server that is busy with another operator's request is asked again.
func (r *run) order(ctx context.Context, path string, body, into any) error {
	for try := 0; ; try++ {
		answer, err := r.client.send(ctx, operatorTimeout, http.MethodPost, r.client.bases[0]+path, body)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case answer.code == http.StatusUnauthorized || answer.code == http.StatusForbidden:
			return fmt.Errorf("%s answered %d at %s: %w", path, answer.code, r.client.bases[0], ErrNotDemo)
		case answer.code/100 == 2 && into == nil:
			return nil
		case answer.code/100 == 2:
			return answer.decode(into)
		case try < 20 && (answer.code == http.StatusConflict || answer.code == http.StatusServiceUnavailable):
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s answered %d: %s", path, answer.code, message(answer))
		}
	}
}

// message is what an answer says in words.
func message(answer reply) string {
	var said struct{ Message, Detail, Title string }
	if answer.decode(&said) != nil {
		return fmt.Sprintf("%.200q", answer.body)
	}
	for _, text := range []string{said.Detail, said.Message, said.Title} {
		if text != "" {
			return text
		}
	}
	return "without a message"
}

// seed makes the first n shoppers of the series exist who may purchase.
func (r *run) seed(ctx context.Context, n int) error {
	return r.order(ctx, "/api/users/seed", map[string]int{"userCount": SeriesLength(n)}, nil)
}

// stock starts a new generation with n units and waits until every instance sells them.
func (r *run) stock(ctx context.Context, preset string, n int) error {
	if err := r.renew(ctx, preset, n); err != nil {
		return err
	}
	return r.eachInstance(ctx, func(now status) error {
		switch {
		case now.Generation != r.generation || now.MaxStock != n || now.Sold != 0:
			return fmt.Errorf("shows %d of %d units sold in generation %d instead of 0 of %d in %d",
				now.Sold, now.MaxStock, now.Generation, n, r.generation)
		case now.Status != "active":
			return fmt.Errorf("the sale is %q, not active", now.Status)
		}
		return nil
	})
}

// renew starts a new generation with n units, by a preset or else by reset and number.
func (r *run) renew(ctx context.Context, preset string, n int) error {
	var began struct{ Generation int64 }
	if preset != "" {
		if err := r.order(ctx, "/api/flash-sale/stock-preset/"+preset, nil, &began); err != nil {
			return err
		}
	} else {
		if err := r.order(ctx, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true}, &began); err != nil {
			return err
		}
		if err := r.order(ctx, "/api/flash-sale/update-stock", map[string]int{"stockAmount": n}, nil); err != nil {
			return err
		}
	}
	r.generation = began.Generation
	return nil
}

// eachInstance asks every instance for its status until it satisfies want, and fails with the last complaint.
func (r *run) eachInstance(ctx context.Context, want func(status) error) error {
	deadline := time.Now().Add(r.cfg.settling)
	for _, base := range r.client.bases {
		for {
			now, err := r.status(ctx, base)
			if err == nil {
				err = want(now)
			}
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s: %w", base, err)
			}
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) status(ctx context.Context, base string) (status, error) {
	answer, err := r.client.send(ctx, requestTimeout, http.MethodGet, base+"/api/flash-sale/status", nil)
	if err != nil {
		return status{}, err
	}
	if answer.code != http.StatusOK {
		return status{}, fmt.Errorf("status answered %d: %s", answer.code, message(answer))
	}
	var now status
	return now, answer.decode(&now)
}

// verify asks the server about its own invariants. Some of them are true only when nothing is under way, so a broken
// one is asked about again before it is believed. Outside demo mode only an operator may ask, and then nobody does unless
// the caller of Run can.
func (r *run) verify(ctx context.Context) ([]Check, error) {
	ask := r.cfg.Verify
	switch {
	case ask != nil:
	case r.signedIn():
		return nil, nil
	default:
		ask = r.askToVerify
	}
	for try := 0; ; try++ {
		checks, err := ask(ctx)
		if err != nil {
			return nil, err
		}
		broken := slices.ContainsFunc(checks, func(c Check) bool { return c.State == "broken" })
		if !broken || try == r.cfg.doubting {
			return checks, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

func (r *run) askToVerify(ctx context.Context) ([]Check, error) {
	var said struct{ Checks []Check }
	err := r.order(ctx, "/api/admin/verify", nil, &said)
	return said.Checks, err
}

// signedIn is true outside demo mode.
func (r *run) signedIn() bool { return r.cfg.Accounts > 0 || len(r.cfg.Sessions) > 0 }
