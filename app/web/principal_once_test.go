package web

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"flashsale/app/web/request"
)

// Whose token a request carries is asked of Postgres, so it is asked once, also when the act is refused and the audit log gets a line.
func TestATokenIsAskedForOnceARequest(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	w := newWorld(t, accountsMode, func(c *Config) {
		c.Principals.Token = func(ctx context.Context, secret string) (request.Token, error) {
			asked.Add(1)
			return fakeTokens(ctx, secret)
		}
	})
	for _, one := range []struct {
		method, path, token, body string
		status                    int
	}{
		{"GET", "/api/users", "read", "", http.StatusOK},
		{"POST", "/api/users/seed", "operate", `{"userCount":1}`, http.StatusOK},
		{"POST", "/api/users/seed", "read", `{"userCount":1}`, http.StatusForbidden},
		{"POST", "/api/users/seed", "operate", `{"userCount":-1}`, http.StatusUnprocessableEntity},
	} {
		asked.Store(0)
		res := w.send(t, one.method, one.path, one.body, "Authorization: Bearer "+one.token)
		if res.StatusCode != one.status || asked.Load() != 1 {
			t.Errorf("%s %s with %s: %d, asked %d times: %s", one.method, one.path, one.token, res.StatusCode, asked.Load(), res.raw)
		}
	}
}
