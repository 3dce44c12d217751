package api

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashsale/users/login"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// limitedShopper is a checkout that answers every press in the same way.
type limitedShopper struct {
	oneShopper
	answer sale.Answer
	asked  sale.PurchaseRequest
}

func (c *limitedShopper) Buy(_ context.Context, p sale.PurchaseRequest) sale.Answer {
	c.asked = p
	return c.answer
}

// A shopper, or a network, over its limit is told which limit it is and when to come back.
func TestAPressTooOften(t *testing.T) {
	t.Parallel()
	hs, _ := newHandlers(t)
	snap := activeSale()
	snap.Limit = sale.PressLimit{AccountRate: 2, AccountBurst: 10, NetworkRate: 50, NetworkBurst: 200}
	shopper := &limitedShopper{answer: sale.Answer{Kind: sale.TooOften, RetryAfter: 1100 * time.Millisecond, Sale: snap}}
	hs.cfg.Checkout = shopper
	hs.cfg.Principals = request.Principals{Sessions: aliceSession{}}
	for over, want := range map[sale.PressBudget]string{
		sale.PressesOfAccount: `"purchase";q=10;w=5`, sale.PressesOfNetwork: `"purchase";q=200;w=4`,
	} {
		shopper.answer.Over = over
		rec, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = "[::ffff:192.0.2.7]:4711"
		if err := hs.Purchase(echo.New().NewContext(signedIn(r), rec)); err != nil || rec.Code != http.StatusTooManyRequests ||
			!strings.Contains(rec.Body.String(), `"type":"/problems/too-many-requests"`) || !strings.Contains(rec.Body.String(), `"retryAfter":2`) ||
			!strings.Contains(rec.Body.String(), `"timestamp":"`+at12+`","userId":"alice","version":57}`) {
			t.Errorf("%d %s, %v", rec.Code, rec.Body, err)
		}
		for field, value := range map[string]string{"RateLimit-Policy": want, "RateLimit": `"purchase";r=0;t=2`, "Retry-After": "2", "Sale-Version": "57"} {
			if got := rec.Header().Get(field); got != value {
				t.Errorf("%s: %s, want %s", field, got, value)
			}
		}
	}
	if shopper.asked.From != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("the checkout was asked for a press from %v", shopper.asked.From)
	}
}

func TestAPressHasAnAddressOutsideDemoModeOnly(t *testing.T) {
	t.Parallel()
	hs, _ := newHandlers(t)
	shopper := &limitedShopper{answer: sale.Answer{Kind: sale.Refused, Reason: sale.ReasonSoldOut, Sale: activeSale()}}
	hs.cfg.Checkout = shopper
	press := func(remote string) netip.Addr {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"username":"alice"}`))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = remote
		if err := hs.Purchase(echo.New().NewContext(signedIn(r), httptest.NewRecorder())); err != nil {
			t.Fatal(err)
		}
		return shopper.asked.From
	}
	if at := press("192.0.2.7:80"); at.IsValid() {
		t.Errorf("in demo mode a press is one from %v", at)
	}
	hs.cfg.Principals = request.Principals{Sessions: aliceSession{}}
	if at := press("@"); !at.IsValid() {
		t.Error("a client without an address has no limit")
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
