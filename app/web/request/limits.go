package request

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"flashsale/users/login/limits"
)

// Concurrency bounds how many requests are under way at once. The zero value admits none.
type Concurrency struct {
	underWay atomic.Int64
	limit    int64
}

// NewConcurrency admits at most limit requests at once.
func NewConcurrency(limit int64) *Concurrency { return &Concurrency{limit: limit} }

// Acquire admits a request, or reports false when the limit is reached. An admitted request calls Release at its end.
func (c *Concurrency) Acquire() bool {
	if c.underWay.Add(1) > c.limit {
		c.underWay.Add(-1)
		return false
	}
	return true
}

// Release ends an admitted request.
func (c *Concurrency) Release() { c.underWay.Add(-1) }

// Attempts is limits.Limits: it counts attempts for all processes together.
type Attempts interface {
	Take(ctx context.Context, policy limits.Policy, keys ...string) limits.Verdict
}

// Limits refuse requests beyond the budgets of their policies, all in the same way: 429 with Retry-After and the RateLimit fields.
// In demo mode, and without Attempts, they refuse none. Safe for concurrent use.
type Limits struct {
	attempts Attempts
	limited  map[limits.Policy]prometheus.Counter
}

// NewLimits refuses what attempts refuses. In demo mode nobody has a limit.
func NewLimits(attempts Attempts, demo bool, reg prometheus.Registerer) *Limits {
	l := &Limits{attempts: attempts, limited: map[limits.Policy]prometheus.Counter{}}
	if demo {
		l.attempts = nil
	}
	limited := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_limited_total", Help: "Requests refused because they were too many, by the policy of the route.",
	}, []string{"policy"})
	for _, row := range limits.Policies() {
		l.limited[row.Policy] = limited.WithLabelValues(string(row.Policy))
	}
	return l
}

// Allow takes an attempt of the client's network, and of the account if the handler knows it (limits.AccountKey, limits.NameKey).
// Its error is the problem that refuses the request. Nil Limits refuse none.
func (l *Limits) Allow(c echo.Context, policy limits.Policy, account ...string) error {
	if l == nil || l.attempts == nil {
		return nil
	}
	r := c.Request()
	v := l.attempts.Take(r.Context(), policy, append(account, limits.NetworkKey(r.RemoteAddr))...)
	if v.OK {
		return nil
	}
	l.Refused(c.Response().Header(), policy, v)
	p := ErrTooMany.Problem("")
	p.RetryAfter = CeilSeconds(v.Wait)
	return &ProblemError{ErrTooMany, p}
}

// Refused counts a refusal, and sets the fields that say what the limit is and when it is over.
func (l *Limits) Refused(h http.Header, policy limits.Policy, v limits.Verdict) {
	if n, ok := l.limited[policy]; ok {
		n.Inc()
	}
	quota, rest := httpsfv.NewItem(string(policy)), httpsfv.NewItem(string(policy))
	quota.Params.Add("q", int64(v.Limit))
	quota.Params.Add("w", int64(CeilSeconds(v.Window)))
	rest.Params.Add("r", int64(v.Remaining))
	rest.Params.Add("t", int64(CeilSeconds(v.Wait)))
	for name, item := range map[string]httpsfv.Item{"RateLimit-Policy": quota, "RateLimit": rest} {
		if value, err := httpsfv.Marshal(httpsfv.List{item}); err == nil {
			h.Set(name, value)
		}
	}
}

// CeilSeconds is a time to wait in whole seconds, at least 1.
func CeilSeconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}
