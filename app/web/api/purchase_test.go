package api

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashsale/users/login"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// A network over its limit is told when to come back, and a shopper in it who owns a unit gets the receipt.
func TestLimitPerNetwork(t *testing.T) {
	t.Parallel()
	hs, _ := newHandlers(t)
	shopper, now := &oneShopper{}, noon
	hs.cfg.Checkout = shopper
	hs.cfg.Principals = request.Principals{Sessions: aliceSession{}}
	hs.limits = request.NewRateLimiter(0.5, 2, func() time.Time { return now })
	press := func() (*httptest.ResponseRecorder, error) {
		rec := httptest.NewRecorder()
		return rec, hs.Purchase(echo.New().NewContext(signedIn(httptest.NewRequest(http.MethodPost, "/", nil)), rec))
	}
	for range 2 {
		if rec, err := press(); err != nil || rec.Code != http.StatusCreated {
			t.Fatalf("within the limit: %d, %v", rec.Code, err)
		}
	}
	rec, err := press()
	if p := request.ProblemOf(err); p.Type != "/problems/too-many-requests" || p.Status != http.StatusTooManyRequests || p.UserID != "alice" || p.RetryAfter != 2 ||
		p.Version != 57 || p.Timestamp != at12 {
		t.Errorf("over the limit: %v, %+v", err, p)
	}
	for field, want := range map[string]string{"RateLimit": `"purchase";r=0;t=2`, "RateLimit-Policy": `"purchase";q=2;w=4`, "Sale-Version": "57"} {
		if got := rec.Header().Get(field); got != want {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
	if shopper.requests != 2 {
		t.Errorf("%d requests reached the checkout", shopper.requests)
	}
	shopper.owns = &sale.Receipt{Username: "alice", Unit: 3}
	if rec, err := press(); err != nil || rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), `"unit":3`) {
		t.Errorf("over the limit an owner gets %d %s, %v", rec.Code, rec.Body, err)
	}
	shopper.owns, now = nil, now.Add(2*time.Second)
	if rec, err := press(); err != nil || rec.Code != http.StatusCreated {
		t.Errorf("after the wait: %d, %v", rec.Code, err)
	}
}

// aliceSession takes every credential for alice's.
type aliceSession struct{}

func (aliceSession) Check(string, time.Time) (login.Session, error) {
	return login.Session{Account: 7, Username: "alice"}, nil
}

func (aliceSession) Fresh() bool { return true }

func (aliceSession) Refresh(context.Context) error { return nil }

func (aliceSession) Renew(_ context.Context, old login.Session, _ time.Time) (string, login.Session, error) {
	return "", old, nil
}

func signedIn(r *http.Request) *http.Request {
	r.TLS = &tls.ConnectionState{}
	r.Header.Set("Cookie", "__Host-session=any")
	return r
}
