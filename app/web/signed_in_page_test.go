package web

import (
	"context"
	"net/http"
	"testing"
)

// Outside demo mode the page says who buys and has no field for a name.
func TestThePageOutsideDemoModeIsForWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	nobody := w.browse(t, "/")
	nobody.shows(t, 200, testID("sign-in-to-buy"), testID("sign-in-link"), `href="/sign-in?next=%2Fsales%2Ffirst%3Fbuy%3D1"`, testID("purchase-section"), testID("status-text"))
	nobody.lacks(t, testID("user-id-input"), testID("buy-now-button"), testID("account-link"), "DEMO")

	alice := w.browse(t, "/", "Test-Session: alice")
	alice.shows(t, 200, testID("account-link"), testID("buy-now-button"), testID("check-purchase-button"), `data-shopper="alice"`, "You buy as")
	alice.lacks(t, testID("user-id-input"), testID("sign-in-to-buy"), "autofocus", testID("purchase-result"))

	back := w.browse(t, "/?buy=1", "Test-Session: alice")
	back.shows(t, 200, "Press the button to buy.", "autofocus")
	if w.checkout.asks() != 0 {
		t.Error("looking at a page has bought")
	}

	demo := newWorld(t).browse(t, "/")
	demo.shows(t, 200, testID("user-id-input"))
	demo.lacks(t, testID("sign-in-link"), testID("sign-in-to-buy"), "data-shopper")
}

// A press without a session, or with one that has ended, leads to the sign-in and back to the button.
func TestAPressWithoutASessionLeadsToTheSignInAndBack(t *testing.T) {
	t.Parallel()
	const to = "/sign-in?next=%2F%3Fbuy%3D1"
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, session := range []string{"", "expired", "revoked"} {
		w := newWorld(t, accountsMode)
		res := w.send(t, "POST", buy, "", form, "Accept: text/html", "Test-Session: "+session)
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != to || res.Header.Get("Www-Authenticate") != "" {
			t.Errorf("%q by form: %d %v", session, res.StatusCode, res.Header)
		}
		res = w.send(t, "POST", buy, "", append(fragment("outcome"), form, "Test-Session: "+session)...)
		if res.StatusCode != http.StatusUnauthorized || res.Header.Get("Hx-Redirect") != to {
			t.Errorf("%q by htmx: %d %v", session, res.StatusCode, res.Header)
		}
		res.lacks(t, "DEMO")
		if w.checkout.asks() != 0 {
			t.Errorf("%q: the checkout was asked", session)
		}
	}
	w := newWorld(t, accountsMode)
	if res := w.send(t, "GET", "/account?x=1", "", "Accept: text/html"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/sign-in?next=%2Faccount%3Fx%3D1" {
		t.Errorf("a page: %d %v", res.StatusCode, res.Header)
	}
	res := w.send(t, "POST", "/account/email", "email=a@example.com", form, "Accept: text/html")
	res.shows(t, 401, `href="/sign-in"`, "Sign in")
	res.lacks(t, "DEMO")
}

func TestWhoIsSignedInChecksWithoutAName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	w.checkout.receipts["alice"] = receipt("alice")
	w.browse(t, "/?check=1", "Test-Session: alice").shows(t, 200, "You have already purchased this item!", `data-owner="alice"`)
	w.send(t, "GET", "/?check=1", "", append(fragment("outcome"), "Test-Session: alice")...).shows(t, 200, "You have already purchased this item!")
}

// A role without its second factor opens nothing yet: a page leads to where it is set up, and a program is told.
func TestWhoLacksASecondFactorIsLedToSetItUp(t *testing.T) {
	t.Parallel()
	waits := true
	w := newWorld(t, accountsMode, func(c *Config) {
		c.Principals.Unready = func(context.Context, int64) (bool, error) { return waits, nil }
	})
	alice := "Test-Session: alice"
	res := w.send(t, "GET", "/api/users", "", alice)
	res.problem(t, 403, "second-factor-needed")
	res.has(t, map[string]any{"link": "/account/second-factor"})
	w.send(t, "POST", "/api/flash-sale/reset", "", alice).problem(t, 403, "second-factor-needed")
	w.send(t, "POST", "/api/flash-sale/reset", "").problem(t, 401, "sign-in")
	if res := w.send(t, "GET", "/admin/team?x=1", "", alice, "Accept: text/html"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/account/second-factor?next=%2Fadmin%2Fteam%3Fx%3D1" {
		t.Errorf("a page: %d %v", res.StatusCode, res.Header)
	}
	form := "Content-Type: application/x-www-form-urlencoded"
	w.send(t, "POST", "/api/flash-sale/reset", "", alice, form, "Accept: text/html").shows(t, 403, `href="/account/second-factor"`, "Your account needs a second factor first")
	if len(w.ops.calls) != 0 {
		t.Errorf("done: %v", w.ops.calls)
	}
	waits = false
	w.send(t, "GET", "/api/users", "", alice).problem(t, 403, "not-operator")
}
