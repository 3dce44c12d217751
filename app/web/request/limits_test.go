package request

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"flashsale/users/login/limits"
)

// counting answers every attempt with the same verdict, and remembers for whom it was asked.
type counting struct {
	limits.Verdict
	policy limits.Policy
	keys   []string
}

func (c *counting) Take(_ context.Context, policy limits.Policy, keys ...string) limits.Verdict {
	c.policy, c.keys = policy, keys
	return c.Verdict
}

func attempt(l *Limits, keys ...string) (*httptest.ResponseRecorder, error) {
	rec, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/sign-in", nil)
	r.RemoteAddr = "192.0.2.7:4711"
	return rec, l.Allow(echo.New().NewContext(r, rec), limits.SignIn, keys...)
}

func TestTooManyRequestsAreAProblemThatSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	c := &counting{Verdict: limits.Verdict{OK: true, Remaining: 3, Limit: 10, Window: 10 * time.Minute}}
	l := NewLimits(c, false, reg)
	if rec, err := attempt(l, limits.AccountKey(7)); err != nil || rec.Header().Get("RateLimit") != "" {
		t.Errorf("within the limit: %v, %v", err, rec.Header())
	}
	if c.policy != limits.SignIn || !slices.Equal(c.keys, []string{"account:7", "network:192.0.2.7:4711"}) {
		t.Errorf("asked for %s of %q", c.policy, c.keys)
	}
	c.Verdict = limits.Verdict{Wait: 59100 * time.Millisecond, Limit: 10, Window: 10 * time.Minute}
	rec, err := attempt(l, limits.AccountKey(7))
	if p := ProblemOf(err); !errors.Is(err, ErrTooMany) || p.Status != http.StatusTooManyRequests || p.RetryAfter != 60 {
		t.Errorf("beyond the limit: %v, %+v", err, p)
	}
	for field, want := range map[string]string{"RateLimit": `"sign-in";r=0;t=60`, "RateLimit-Policy": `"sign-in";q=10;w=600`} {
		if got := rec.Header().Get(field); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
	if n := testutil.ToFloat64(l.limited[limits.SignIn]); n != 1 {
		t.Errorf("%v refusals are counted", n)
	}
}

func TestNobodyHasALimitInDemoMode(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*Limits{"demo mode": NewLimits(&counting{}, true, nil), "nobody counts": NewLimits(nil, false, nil)} {
		if _, err := attempt(l); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:40000":                        "192.0.2.7",
		"[2001:db8:1:2233:4:5:6:7]:80":           "2001:db8:1:2200::",
		"[2001:db8:1:22ff:ffff:ffff:ffff:1]:443": "2001:db8:1:2200::",
		"[::ffff:192.0.2.7]:80":                  "192.0.2.7",
		"@":                                      "@",
	} {
		if got := Network(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestConcurrencyCountsExactly(t *testing.T) {
	t.Parallel()
	g := NewConcurrency(10)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 200 {
				if g.Acquire() {
					if n := g.underWay.Load(); n < 1 {
						t.Errorf("%d under way", n)
					}
					g.Release()
				}
			}
		})
	}
	wg.Wait()
	for i := range 10 {
		if !g.Acquire() {
			t.Fatalf("no room for %d of 10", i)
		}
	}
	if g.Acquire() {
		t.Error("an eleventh was admitted")
	}
}
