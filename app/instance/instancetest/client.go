package instancetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Reply is an answer of the API.
type Reply struct {
	Status int
	Header http.Header
	Body   map[string]any
	Raw    string
}

// Text is a field that is a string.
func (r Reply) Text(field string) string {
	s, _ := r.Body[field].(string)
	return s
}

// Number is a field that is a number.
func (r Reply) Number(field string) float64 {
	n, _ := r.Body[field].(float64)
	return n
}

// Client sends requests to one instance over connections of its own.
type Client struct {
	T    *testing.T
	Base string
	HTTP *http.Client
}

// NewClient is a client of the instance at that address. It follows no redirect.
func NewClient(t *testing.T, base string) *Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 128, MaxConnsPerHost: 128}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{T: t, Base: base, HTTP: &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Call sends a request, with body as JSON; without an answer the test ends.
func (c *Client) Call(method, path string, body any) Reply {
	c.T.Helper()
	r, err := c.Try(method, path, body)
	if err != nil {
		c.T.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// Try is Call for requests that may fail.
func (c *Client) Try(method, path string, body any) (Reply, error) {
	return c.TryWith(method, path, body, http.Header{})
}

// TryWith is Try with header fields.
func (c *Client) TryWith(method, path string, body any, header http.Header) (Reply, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return Reply{}, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.Base+path, reader)
	if err != nil {
		return Reply{}, err
	}
	req.Header = header
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return Reply{}, err
	}
	r := Reply{Status: res.StatusCode, Header: res.Header, Raw: string(raw), Body: map[string]any{}}
	_ = json.Unmarshal(raw, &r.Body)
	return r, nil
}

// Buy sends one purchase request.
func (c *Client) Buy(name string) Reply {
	c.T.Helper()
	return c.Call(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
}

// BuySettled buys until there is a verdict: a pending claim is followed, and "not bought, safe to retry" is retried.
func (c *Client) BuySettled(name string) Reply {
	c.T.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := c.Buy(name)
		for r.Status == http.StatusAccepted && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
			if claim := c.Call(http.MethodGet, r.Header.Get("Location"), nil); claim.Status == http.StatusOK && claim.Text("state") == "ordered" {
				claim.Status = http.StatusCreated
				return claim
			} else if claim.Status != http.StatusAccepted {
				break
			}
		}
		if settled := r.Status != http.StatusServiceUnavailable && r.Status != http.StatusAccepted; settled || time.Now().After(deadline) {
			return r
		}
	}
}

// Status is the current sale as shoppers see it.
func (c *Client) Status() Reply {
	c.T.Helper()
	return c.Call(http.MethodGet, "/api/flash-sale/status", nil)
}

// Verifies fails the test when an invariant is broken.
func (c *Client) Verifies() {
	c.T.Helper()
	r := c.Call(http.MethodPost, "/api/admin/verify", nil)
	if r.Status != http.StatusOK || r.Body["ok"] != true {
		c.T.Errorf("verify answers %d: %s", r.Status, r.Raw)
	}
}

// Act sends a request with fields of its own, "Name: value".
func (c *Client) Act(method, path string, body any, fields ...string) Reply {
	c.T.Helper()
	header := http.Header{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		header.Set(name, value)
	}
	r, err := c.TryWith(method, path, body, header)
	if err != nil {
		c.T.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// Figure is a number of the answer's "before" or "after".
func (r Reply) Figure(when, name string) float64 {
	f, _ := r.Body[when].(map[string]any)
	n, _ := f[name].(float64)
	return n
}

// Is fails the test when the answer has another status or problem; problem is the end of its type, or "".
func (r Reply) Is(t testing.TB, status int, problem string) {
	t.Helper()
	kind := ""
	if problem != "" {
		kind = "/problems/" + problem
	}
	if r.Status != status || r.Text("type") != kind {
		t.Errorf("answered %d %s, want %d %s", r.Status, r.Raw, status, kind)
	}
}

// Until waits for the status to say so; only a failure takes long.
func (c *Client) Until(status string) Reply {
	c.T.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r := c.Status()
		if r.Text("status") == status {
			return r
		}
		if time.Now().After(deadline) {
			c.T.Fatalf("the status never says %s: %s", status, r.Raw)
		}
	}
}

// Amend changes the sale, at whichever revision it stands.
func (c *Client) Amend(to map[string]any) Reply {
	c.T.Helper()
	return c.Act(http.MethodPatch, "/api/admin/sales/flash-sale", to, "If-Match: *")
}
