package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// operatorTime bounds one request; seeding a million shoppers takes long.
	operatorTime = 3 * time.Minute
	// settleTime bounds the wait for the effect of an act, and for the work that purchases leave.
	settleTime = 20 * time.Second
	// maxDocument bounds an answer, in bytes.
	maxDocument = 4 << 20
)

// errNotDemo is returned when the product asks who resets it, and so is not in demo mode.
var errNotDemo = errors.New("it is not in demo mode, and bench resets what it measures")

// operator sends the requests of operators to the product: it seeds shoppers, begins sales, asks for the invariants.
type operator struct {
	base   string
	client *http.Client
}

// state is what is used of the answer to GET /api/flash-sale/status.
type state struct {
	Slug         string `json:"slug"`
	Status       string `json:"status"`
	CurrentStock int    `json:"currentStock"`
	MaxStock     int    `json:"maxStock"`
	Sold         int    `json:"sold"`
	Generation   int64  `json:"generation"`
	Version      int64  `json:"version"`
}

// check is the product's statement about one invariant.
type check struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// State is "ok", "broken" or "unknown".
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// call sends a request and decodes the answer's JSON into into; nil: the answer is not used.
func (o *operator) call(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, o.base+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := o.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, path, err)
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s answers %d: %w", path, response.StatusCode, errNotDemo)
	case response.StatusCode/100 != 2:
		return &refusal{path: path, code: response.StatusCode, text: fmt.Sprintf("%.300s", raw)}
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// refusal is an answer whose code is not 2xx.
type refusal struct {
	path string
	code int
	text string
}

func (e *refusal) Error() string { return e.path + " answers " + strconv.Itoa(e.code) + ": " + e.text }

// act is call for an operator's act. While the product is busy with another act it is asked again.
func (o *operator) act(ctx context.Context, path string, body, into any) error {
	for try := 0; ; try++ {
		err := o.call(ctx, http.MethodPost, path, body, into)
		var refused *refusal
		if !errors.As(err, &refused) || try == 20 || refused.code != http.StatusConflict && refused.code != http.StatusServiceUnavailable {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// seed makes the first n shoppers of the series exist, also those who may not purchase.
func (o *operator) seed(ctx context.Context, n int) error {
	return o.act(ctx, "/api/users/seed", map[string]int{"userCount": n}, nil)
}

// shoppers is how many shoppers exist.
func (o *operator) shoppers(ctx context.Context) (int, error) {
	var page struct{ Pagination struct{ Total int } }
	err := o.call(ctx, http.MethodGet, "/api/users?limit=1", nil, &page)
	return page.Pagination.Total, err
}

func (o *operator) status(ctx context.Context) (state, error) {
	var now state
	return now, o.call(ctx, http.MethodGet, "/api/flash-sale/status", nil, &now)
}

// begin starts a new generation with n units and returns when they are on sale.
func (o *operator) begin(ctx context.Context, n int) error {
	var began struct{ Generation int64 }
	if err := o.act(ctx, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true}, &began); err != nil {
		return err
	}
	if err := o.act(ctx, "/api/flash-sale/update-stock", map[string]int{"stockAmount": n}, nil); err != nil {
		return err
	}
	return o.await(ctx, "the new units are on sale", func(now state) bool {
		return now.Generation == began.Generation && now.Status == "active" && now.MaxStock == n && now.Sold == 0
	})
}

// await asks for the status until as returns true for it. what says, in the error, what was waited for.
func (o *operator) await(ctx context.Context, what string, as func(state) bool) error {
	for deadline := time.Now().Add(settleTime); ; {
		now, err := o.status(ctx)
		if err == nil && as(now) {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("not within %v: %s; the status is %+v", settleTime, what, now), err)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

// verify asks the product for its invariants. Some are true only when no work is left, so it asks again, a second later,
// when one is broken.
func (o *operator) verify(ctx context.Context) ([]check, error) {
	for try := 0; ; try++ {
		var answer struct{ Checks []check }
		if err := o.act(ctx, "/api/admin/verify", nil, &answer); err != nil {
			return nil, err
		}
		if !anyBroken(answer.Checks) || try == 5 {
			return answer.Checks, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

func anyBroken(checks []check) bool {
	for _, c := range checks {
		if c.State == "broken" {
			return true
		}
	}
	return false
}

// pause waits, or returns ctx's error as soon as ctx ends.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
