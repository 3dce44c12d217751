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
	operatorTime = 3 * time.Minute // seeding a million shoppers takes a while
	settleTime   = 20 * time.Second
	maxDocument  = 4 << 20
)

// ErrNotDemo is a product that wants to know who resets it.
var ErrNotDemo = errors.New("it is not in demo mode, and bench resets what it measures")

// shop is the operator's side of the product.
type shop struct {
	base   string
	client *http.Client
}

// state is what GET /api/flash-sale/status says, as far as it matters here.
type state struct {
	Status       string `json:"status"`
	CurrentStock int    `json:"currentStock"`
	MaxStock     int    `json:"maxStock"`
	Sold         int    `json:"sold"`
	Generation   int64  `json:"generation"`
	Version      int64  `json:"version"`
}

// Check is one invariant as the product sees it.
type Check struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// State is "ok", "broken" or "unknown".
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// call sends a request and reads its answer into into, unless that is nil.
func (s *shop) call(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, path, err)
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s answers %d: %w", path, response.StatusCode, ErrNotDemo)
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

// refusal is an answer that is not a 2xx.
type refusal struct {
	path string
	code int
	text string
}

func (e *refusal) Error() string { return e.path + " answers " + strconv.Itoa(e.code) + ": " + e.text }

// order is call for an operator's action; a product that is busy with another one is asked again.
func (s *shop) order(ctx context.Context, path string, body, into any) error {
	for try := 0; ; try++ {
		err := s.call(ctx, http.MethodPost, path, body, into)
		var refused *refusal
		if !errors.As(err, &refused) || try == 20 || refused.code != http.StatusConflict && refused.code != http.StatusServiceUnavailable {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *shop) seed(ctx context.Context, n int) error {
	return s.order(ctx, "/api/users/seed", map[string]int{"userCount": n}, nil)
}

// shoppers is how many there are.
func (s *shop) shoppers(ctx context.Context) (int, error) {
	var page struct{ Pagination struct{ Total int } }
	err := s.call(ctx, http.MethodGet, "/api/users?limit=1", nil, &page)
	return page.Pagination.Total, err
}

func (s *shop) status(ctx context.Context) (state, error) {
	var now state
	return now, s.call(ctx, http.MethodGet, "/api/flash-sale/status", nil, &now)
}

// begin starts a new generation with n units and returns when they are on sale.
func (s *shop) begin(ctx context.Context, n int) error {
	var began struct{ Generation int64 }
	if err := s.order(ctx, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true}, &began); err != nil {
		return err
	}
	if err := s.order(ctx, "/api/flash-sale/update-stock", map[string]int{"stockAmount": n}, nil); err != nil {
		return err
	}
	return s.await(ctx, "the new units are on sale", func(now state) bool {
		return now.Generation == began.Generation && now.Status == "active" && now.MaxStock == n && now.Sold == 0
	})
}

// await asks for the status until it is as wanted.
func (s *shop) await(ctx context.Context, what string, as func(state) bool) error {
	for deadline := time.Now().Add(settleTime); ; {
		now, err := s.status(ctx)
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

// verify asks the product about its invariants. Some hold only when nothing is under way, so a broken one is asked
// about again before it is believed.
func (s *shop) verify(ctx context.Context) ([]Check, error) {
	for try := 0; ; try++ {
		var said struct{ Checks []Check }
		if err := s.order(ctx, "/api/admin/verify", nil, &said); err != nil {
			return nil, err
		}
		if !anyBroken(said.Checks) || try == 5 {
			return said.Checks, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

func anyBroken(checks []Check) bool {
	for _, c := range checks {
		if c.State == "broken" {
			return true
		}
	}
	return false
}

// pause waits, or fails with ctx.
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

// appendName appends the n-th name, from 0, of the shoppers that POST /api/users/seed creates.
func appendName(b []byte, n int) []byte {
	names := [...]string{
		"john_doe", "jane_smith", "bob_wilson", "alice_johnson", "charlie_davis",
		"diana_prince", "eve_adams", "fiona_rodriguez", "george_miller", "hannah_clark",
	}
	b = append(append(b, names[n%len(names)]...), '_')
	return strconv.AppendInt(b, int64(n/len(names)+1), 10)
}
