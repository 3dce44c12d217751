package session

import (
	"bytes"
	"fmt"
	"image/png"
	"testing"

	"flashsale/users"
	"flashsale/users/login"
)

const (
	asAnn = "Test-Session: ann"
	asOda = "Test-Session: oda"
	asVic = "Test-Session: vic"
)

func TestTheAccount(t *testing.T) {
	email := "Cookie: email-code=email-flow"
	runAll(t, []scenario{
		{name: "the page", method: "GET", target: "/account", fields: []string{asAnn, page}, status: 200,
			has: []string{"ann@example.com", "/account/orders", "/account/sessions", `autocomplete="new-password"`, "Change the e-mail address", `action="/sign-out"`},
			not: []string{"Second factor", "/admin/team"}},
		{name: "the page without an address", method: "GET", target: "/account", fields: []string{asOda, page}, status: 200,
			has: []string{"No address", "Add an e-mail address", "owner", "Set up", "/admin/team"}, not: []string{"unverified.invalid"}},
		{name: "the page without mail", method: "GET", target: "/account", fields: []string{asAnn, page}, world: noMail, status: 200, not: []string{"/account/email"}},
		{name: "the page after a change", method: "GET", target: "/account?notice=password", fields: []string{asAnn, page}, status: 200, has: []string{"Your password is changed"}},
		{name: "the page with a text of somebody else", method: "GET", target: "/account?notice=You+have+won", fields: []string{asAnn, page}, status: 200, not: []string{"won"}},
		{name: "a shopper", method: "GET", target: "/account", fields: []string{asAnn}, status: 200, has: []string{`{"username":"ann","email":"ann@example.com","password":true}`}},
		{name: "an owner", method: "GET", target: "/account", fields: []string{asOda}, status: 200, has: []string{`{"username":"oda","password":true,"role":"owner","secondFactor":true}`}},
		{name: "a viewer", method: "GET", target: "/account", fields: []string{asVic}, status: 200, has: []string{`"role":"viewer","secondFactor":false`}},

		{name: "a new password", method: "POST", target: "/account/password", body: `{"current":"` + rightPassword + `","next":"another long one"}`, fields: []string{asAnn}, status: 204,
			cookies: []string{"session=credential-of-ann"}, calls: []string{"password of ann", "tell ann", "start ann 127.0.0.1", "end ann 0b"}, never: []string{"set password"}},
		{name: "a new password by form", method: "POST", target: "/account/password", body: form("current", rightPassword, "next", "another long one"), fields: []string{asAnn}, status: 303,
			location: "/account?notice=password", cookies: []string{"session=credential-of-ann"}},
		{name: "a wrong password", method: "POST", target: "/account/password", body: `{"current":"no","next":"another long one"}`, fields: []string{asAnn}, status: 401,
			has: []string{`"field":"current"`}, never: []string{"start", "password"}},
		{name: "a wrong password by form", method: "POST", target: "/account/password", body: form("current", "no", "next", "another long one"), fields: []string{asAnn}, status: 401,
			has: []string{"Current password is not right.", `aria-describedby="current-error"`, "ann@example.com"}, not: []string{"another long one"}},
		{name: "a weak password", method: "POST", target: "/account/password", body: form("current", rightPassword, "next", "12345678"), fields: []string{asAnn}, status: 422,
			has: []string{"This password is easy to guess.", `aria-describedby="next-error next-hint"`}, never: []string{"start"}},
		{name: "no password", method: "POST", target: "/account/password", body: form("current", rightPassword), fields: []string{asAnn}, status: 422,
			has: []string{"New password is required."}, never: []string{"start"}},
		{name: "passwords over the limit", method: "POST", target: "/account/password", body: `{"current":"` + rightPassword + `","next":"another long one"}`, fields: []string{asAnn},
			world: noBudget, status: 429, never: []string{"password"}},

		{name: "a new address", method: "POST", target: "/account/email", body: `{"email":"n@example.com","current":"` + rightPassword + `"}`, fields: []string{asAnn}, status: 202, cookies: []string{"email-code=email-flow"},
			calls: []string{"new address n@example.com of ann"}},
		{name: "a new address by form", method: "POST", target: "/account/email", body: form("email", "n@example.com", "current", rightPassword), fields: []string{asAnn}, status: 303,
			location: "/account/email/verify", cookies: []string{"email-code=email-flow"}},
		{name: "a new address without the password", method: "POST", target: "/account/email", body: `{"email":"n@example.com"}`, fields: []string{asAnn}, status: 422,
			has: []string{`"field":"current"`}, never: []string{"new address", "prove", "take code"}},
		{name: "a new address with a wrong password", method: "POST", target: "/account/email", body: form("email", "n@example.com", "current", "no"), fields: []string{asAnn}, status: 401,
			has: []string{`id="email-current-error"`, "Current password is not right.", `value="n@example.com"`}, not: []string{`id="current-error"`}, never: []string{"new address", "take code"}},
		{name: "a new address of an account without a password", method: "POST", target: "/account/email", body: `{"email":"n@example.com"}`, fields: []string{asAnn}, world: noPassword, status: 202,
			cookies: []string{"email-code=email-flow"}, calls: []string{"new address n@example.com of ann"}, never: []string{"prove"}},
		{name: "passwords for a new address over the limit", method: "POST", target: "/account/email", body: `{"email":"n@example.com","current":"` + rightPassword + `"}`, fields: []string{asAnn},
			world: noBudget, status: 429, never: []string{"prove", "new address"}},
		{name: "no address", method: "POST", target: "/account/email", body: form("email", ""), fields: []string{asAnn}, status: 422, has: []string{"New e-mail is required", `id="email-error"`}},
		{name: "a new address without mail", method: "POST", target: "/account/email", body: `{"email":"n@example.com"}`, fields: []string{asAnn}, world: noMail, status: 409},
		{name: "the page for its code", method: "GET", target: "/account/email/verify", fields: []string{asAnn, page}, status: 200, has: []string{`autocomplete="one-time-code"`}},
		{name: "its code", method: "POST", target: "/account/email/verify", body: `{"code":"123456"}`, fields: []string{asAnn, email}, status: 204, cookies: []string{"-email-code", "session=credential-of-ann"},
			calls: []string{"verified address of ann", "start ann 127.0.0.1", "end ann 0b"}},
		{name: "its code by form", method: "POST", target: "/account/email/verify", body: form("code", "123456", "next", "/x"), fields: []string{asAnn, email}, status: 303, location: "/x",
			cookies: []string{"-email-code"}},
		{name: "a wrong code", method: "POST", target: "/account/email/verify", body: form("code", "111111"), fields: []string{asAnn, email}, status: 401, has: []string{`id="code-error"`},
			never: []string{"verified"}},
		{name: "its code in another browser", method: "POST", target: "/account/email/verify", body: `{"code":"123456"}`, fields: []string{asAnn}, status: 410, never: []string{"verified"}},
	})
}

func TestSessionsAndOrders(t *testing.T) {
	other := "ee000000-0000-0000-0000-000000000000"
	runAll(t, []scenario{
		{name: "the page", method: "GET", target: "/account/sessions", fields: []string{asAnn, page}, status: 200,
			has: []string{"Firefox on Linux", "This browser", "198.51.100.1", "/account/sessions/" + other + "/end", "Sign out everywhere else", "&lt;script&gt;"},
			not: []string{"<script", "/account/sessions/0b"}},
		{name: "the list", method: "GET", target: "/account/sessions", fields: []string{asAnn}, status: 200, has: []string{`"current":true`, `"id":"` + other + `"`}},
		{name: "end one", method: "POST", target: "/account/sessions/" + other + "/end", fields: []string{asAnn}, status: 204, calls: []string{"end ann ee"}},
		{name: "end one by form", method: "POST", target: "/account/sessions/" + other + "/end", fields: []string{asAnn, page}, status: 303, location: "/account/sessions?notice=ended"},
		{name: "end this one", method: "POST", target: "/account/sessions/0b000000-0000-0000-0000-000000000000/end", fields: []string{asAnn, page, "Cookie: session=x"}, status: 303,
			location: "/", cookies: []string{"-session"}, calls: []string{"end ann 0b"}},
		{name: "end none", method: "POST", target: "/account/sessions/x/end", fields: []string{asAnn}, status: 404, never: []string{"end"}},
		{name: "end all others", method: "POST", target: "/account/sessions/end-all", fields: []string{asAnn}, status: 200, has: []string{`{"ended":2}`}, calls: []string{"end all of ann but 00", "start ann 127.0.0.1"},
			cookies: []string{"session=credential-of-ann"}},
		{name: "orders", method: "GET", target: "/account/orders", fields: []string{asAnn}, status: 200,
			has: []string{`"purchaseId":"07000000`, `clock","sale":"first","saleUrl":"/api/sales/first/status"`, `"unit":3`, `"cancelledAt":"2026-11-29T12:00:00.000Z"`}},
		{name: "the page of orders", method: "GET", target: "/account/orders", fields: []string{asAnn, page}, status: 200, has: []string{"07000000", "A &lt;fine&gt; clock", "Unit 3", `href="/api/sales/first/status"`, "29 November 2026, 12:00 UTC", "Cancelled", `href="/receipts/secret-of-07000000"`}},
		{name: "the list of orders has no secrets", method: "GET", target: "/account/orders", fields: []string{asAnn}, status: 200, has: []string{"07000000"}, not: []string{"receipts"}},
		{name: "the page without orders", method: "GET", target: "/account/orders", fields: []string{asVic, page}, status: 200, has: []string{"You have not bought anything yet."}},
		{name: "no orders", method: "GET", target: "/account/orders", fields: []string{asVic}, status: 200, has: []string{`{"orders":[]}`}},
	})
}

func TestSettingUpASecondFactor(t *testing.T) {
	runAll(t, []scenario{
		{name: "the page", method: "GET", target: "/account/second-factor?next=/x", fields: []string{asVic, page}, status: 200,
			has: []string{"/account/second-factor/qr.png", "JBSW Y3DP EHPK 3PXP", `inputmode="numeric"`, `value="/x"`}},
		{name: "the secret", method: "GET", target: "/account/second-factor", fields: []string{asVic}, status: 200, has: []string{`"secret":"JBSWY3DPEHPK3PXP"`, "otpauth://totp/"}},
		{name: "the page when it is there", method: "GET", target: "/account/second-factor", fields: []string{asOda, page}, status: 200, has: []string{"It is set up."}, not: []string{"qr.png"}},
		{name: "the picture when it is there", method: "GET", target: "/account/second-factor/qr.png", fields: []string{asOda}, status: 409, has: []string{"second-factor-done"}},
		{name: "the first code", method: "POST", target: "/account/second-factor", body: form("code", "654321", "next", "/x"), fields: []string{asVic}, status: 200,
			has: []string{"AAAAA-11111", "BBBBB-22222", `href="/x"`, "shown once"}, cookies: []string{"session=credential-of-vic"}, calls: []string{"start vic 127.0.0.1", "end vic 0d"}},
		{name: "the first code as JSON", method: "POST", target: "/account/second-factor", body: `{"code":"654321"}`, fields: []string{asVic}, status: 200,
			has: []string{`{"recoveryCodes":["AAAAA-11111","BBBBB-22222"]}`}, cookies: []string{"session=credential-of-vic"}},
		{name: "a wrong code", method: "POST", target: "/account/second-factor", body: form("code", "1"), fields: []string{asVic}, status: 401,
			has: []string{"Code is not right", "JBSW Y3DP EHPK 3PXP"}, not: []string{"AAAAA"}, never: []string{"start"}},
		{name: "over the limit", method: "POST", target: "/account/second-factor", body: `{"code":"654321"}`, fields: []string{asVic}, world: noBudget, status: 429, not: []string{"AAAAA"}},
	})
}

func TestTheQRCodeIsAPictureThatNobodyKeeps(t *testing.T) {
	t.Parallel()
	res, body := newWorld().send("GET", "/account/second-factor/qr.png", "", asVic)
	picture, err := png.Decode(bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if side := picture.Bounds().Dx(); side < 200 || side != picture.Bounds().Dy() || res.Header.Get("Content-Type") != "image/png" || res.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%d pixels, %v", side, res.Header)
	}
}

func TestInvitations(t *testing.T) {
	runAll(t, []scenario{
		{name: "looked at", method: "GET", target: "/invitations/invited", fields: []string{page}, status: 200,
			has: []string{"operator", "Sign up and accept", "/sign-in?next=%2Finvitations%2Finvited"}, never: []string{"accept"}},
		{name: "looked at, signed in", method: "GET", target: "/invitations/invited", fields: []string{asAnn, page}, status: 200, has: []string{"Accept as ann"}, not: []string{`type="password"`}},
		{name: "the first owner's", method: "GET", target: "/invitations/first", status: 200, has: []string{"no owner yet"}},
		{name: "an old one", method: "GET", target: "/invitations/old", status: 410, has: []string{"no-invitation"}},
		{name: "accepted by somebody new", method: "POST", target: "/invitations/invited", body: form("username", "New", "password", rightPassword), status: 303,
			location: "/account/second-factor", cookies: []string{"session=credential-of-New"}, calls: []string{"accept invited as New"}},
		{name: "accepted, signed in", method: "POST", target: "/invitations/invited", fields: []string{asAnn, page}, status: 303, location: "/account/second-factor",
			cookies: []string{"session=credential-of-ann"}, calls: []string{"accept invited as ann", "end ann 0b"}, never: []string{"sign up"}},
		{name: "accepted where one factor is enough", method: "POST", target: "/invitations/invited", fields: []string{asAnn, page}, world: oneFactor, status: 303,
			location: "/account?notice=invited", cookies: []string{"session=credential-of-ann"}},
		{name: "an old one accepted", method: "POST", target: "/invitations/old", body: form("username", "New", "password", rightPassword), status: 410, never: []string{"sign up", "accept", "start"}},
		{name: "used meanwhile", method: "POST", target: "/invitations/invited", fields: []string{asAnn}, world: failing(login.ErrExpired), status: 410, never: []string{"start"}},
		{name: "for somebody who has the role", method: "POST", target: "/invitations/invited", fields: []string{asAnn}, world: failing(login.ErrHasRole), status: 409, has: []string{"has-role"}, never: []string{"start"}},
		{name: "a name that is taken", method: "POST", target: "/invitations/invited", body: form("username", "taken", "password", rightPassword), status: 409,
			has: []string{"Username is taken", `value="taken"`, "operator"}, never: []string{"accept"}},
	})
}

func failing(err error) func(*world, *Config) {
	return func(w *world, _ *Config) { w.err = err }
}

func TestTheTeam(t *testing.T) {
	invitations, tokens := "/api/admin/team/invitations", "/api/admin/tokens"
	runAll(t, []scenario{
		{name: "the page", method: "GET", target: "/admin/team", fields: []string{asOda, page}, status: 200,
			has: []string{"no second factor yet", "/api/admin/team/vic/role", "/api/admin/team/oda/second-factor/reset", "Idempotency-Key", "Revoked", "Expired", "read, export", "never used"},
			not: []string{"/api/admin/team/vic/second-factor/reset", "/api/admin/tokens/02"}},
		{name: "the list", method: "GET", target: "/api/admin/team", fields: []string{asOda}, status: 200, has: []string{`{"username":"vic","role":"viewer","secondFactor":false`}},
		{name: "invite", method: "POST", target: invitations, body: `{"role":"operator"}`, fields: []string{asOda, "Idempotency-Key: k"}, status: 201,
			has: []string{`"link":"http://localhost:3001/invitations/fresh-token"`, `"role":"operator"`}, calls: []string{"invite operator by oda key k"}},
		{name: "invite by form", method: "POST", target: invitations, body: form("role", "viewer", "Idempotency-Key", "k"), fields: []string{asOda}, status: 201,
			has: []string{"http://localhost:3001/invitations/fresh-token", "shown once"}, calls: []string{"invite viewer by oda key k"}},
		{name: "invite for a public address", method: "POST", target: invitations, body: `{"role":"owner"}`, fields: []string{asOda}, status: 201,
			world: func(_ *world, c *Config) { c.PublicURL = "https://shop.example/" }, has: []string{`"https://shop.example/invitations/fresh-token"`}},
		{name: "invite to nothing", method: "POST", target: invitations, body: `{"role":"king"}`, fields: []string{asOda}, status: 422, has: []string{`"field":"role"`}, never: []string{"invite"}},
		{name: "invite again under the same key", method: "POST", target: invitations, body: `{"role":"viewer"}`, fields: []string{asOda}, world: func(w *world, _ *Config) { w.spent = true },
			status: 409, has: []string{"shown-before"}},
		{name: "a role", method: "POST", target: "/api/admin/team/vic/role", body: `{"role":"owner"}`, fields: []string{asOda}, status: 200,
			has: []string{`{"username":"vic","before":"viewer","role":"owner"}`}, calls: []string{"role of vic owner by oda"}},
		{name: "no role any more, by form", method: "POST", target: "/api/admin/team/vic/role", body: form("role", "none"), fields: []string{asOda}, status: 303, location: "/admin/team?notice=role",
			calls: []string{"role of vic none by oda"}},
		{name: "a role that there is not", method: "POST", target: "/api/admin/team/vic/role", body: `{"role":""}`, fields: []string{asOda}, status: 422, never: []string{"role"}},
		{name: "the last owner", method: "POST", target: "/api/admin/team/oda/role", body: form("role", "none"), fields: []string{asOda}, world: failing(login.ErrLastOwner), status: 409,
			has: []string{`role="alert"`, "The last owner stays an owner."}},
		{name: "a role of nobody", method: "POST", target: "/api/admin/team/nobody/role", body: `{"role":"owner"}`, fields: []string{asOda}, world: failing(users.ErrNoAccount), status: 404, has: []string{"no-account"}},
		{name: "who is no owner any more", method: "POST", target: invitations, body: `{"role":"owner"}`, fields: []string{asOda}, world: failing(login.ErrNotOwner), status: 403},
		{name: "a reset", method: "POST", target: "/api/admin/team/vic/second-factor/reset", fields: []string{asOda}, status: 204, calls: []string{"reset factor of vic by oda"}},
		{name: "a reset by form", method: "POST", target: "/api/admin/team/vic/second-factor/reset", body: form("Idempotency-Key", "k"), fields: []string{asOda}, status: 303, location: "/admin/team?notice=second-factor"},

		{name: "tokens", method: "GET", target: tokens, fields: []string{asOda}, status: 200, has: []string{`"name":"till","scopes":["read","export"]`}, not: []string{"secret"}},
		{name: "a token", method: "POST", target: tokens, body: `{"name":"till 2","scopes":"read operate","expiresDays":10}`, fields: []string{asOda}, status: 201,
			has: []string{`"secret":"fst_secret"`}, calls: []string{"token till 2 read+operate 2026-12-09 by oda"}},
		{name: "a token of a list of scopes", method: "POST", target: tokens, body: `{"name":"till 2","scopes":["read","operate"],"expiresDays":10}`, fields: []string{asOda}, status: 201,
			calls: []string{"token till 2 read+operate 2026-12-09 by oda"}},
		{name: "a token of a list of anything", method: "POST", target: tokens, body: `{"name":"till 2","scopes":["read",1]}`, fields: []string{asOda}, status: 422,
			has: []string{`"field":"scopes"`, `like \"read operate\"`}, never: []string{"token"}},
		{name: "a token by form", method: "POST", target: tokens, body: form("name", "till 2", "read", "true", "export", "true", "expiresDays", "90"), fields: []string{asOda}, status: 201,
			has: []string{"fst_secret", "shown once"}, calls: []string{"token till 2 read+export 2027-02-27 by oda"}},
		{name: "a token without scopes", method: "POST", target: tokens, body: form("name", "till 2", "expiresDays", "30"), fields: []string{asOda}, status: 422,
			has: []string{`value="till 2"`, `role="alert"`}, never: []string{"token"}},
		{name: "a token of an unknown scope", method: "POST", target: tokens, body: `{"name":"t","scopes":"read,all"}`, fields: []string{asOda}, status: 422, never: []string{"token"}},
		{name: "a token for ever", method: "POST", target: tokens, body: `{"name":"t","scopes":"read","expiresDays":366}`, fields: []string{asOda}, status: 422, has: []string{`"field":"expiresDays"`}, never: []string{"token"}},
		{name: "a token for a word", method: "POST", target: tokens, body: form("name", "t", "read", "true", "expiresDays", "soon"), fields: []string{asOda}, status: 422,
			has: []string{"Days until it ends must be a whole number.", `value="t"`, `value="soon"`}, never: []string{"token"}},
		{name: "a token without a name", method: "POST", target: tokens, body: form("read", "true"), fields: []string{asOda}, status: 422, has: []string{"Name is required."}, never: []string{"token"}},
		{name: "a token of a name that is there", method: "POST", target: tokens, body: `{"name":"till","scopes":"read"}`, fields: []string{asOda}, world: failing(login.ErrTokenName), status: 422, has: []string{`"field":"name"`}},
		{name: "a token's end", method: "POST", target: tokens + "/01000000-0000-0000-0000-000000000000/revoke", fields: []string{asOda}, status: 204, calls: []string{"revoke 01 by oda"}},
		{name: "a token's end by form", method: "POST", target: tokens + "/01000000-0000-0000-0000-000000000000/revoke", body: form("Idempotency-Key", "k"), fields: []string{asOda}, status: 303, location: "/admin/team?notice=revoked"},
		{name: "the end of no token", method: "POST", target: tokens + "/x/revoke", fields: []string{asOda}, status: 404, has: []string{"no-token"}, never: []string{"revoke"}},
	})
}

// Whatever an act of an owner is refused for, it is a problem with a name and a sentence, and never a fault of ours.
func TestRefusedActsOfOwners(t *testing.T) {
	var list []scenario
	for _, one := range []struct {
		err    error
		status int
		kind   string
	}{
		{login.ErrLastOwner, 409, "last-owner"}, {login.ErrOwnerExists, 409, "owner-exists"}, {login.ErrNotOwner, 403, "not-operator"}, {login.ErrHasRole, 409, "has-role"},
		{login.ErrEnrolled, 409, "second-factor-done"}, {login.ErrNotEnrolled, 403, "second-factor-needed"}, {login.ErrCooling, 429, "too-many-requests"},
		{login.ErrScope, 422, "invalid-request"}, {login.ErrTokenName, 422, "invalid-request"}, {login.ErrTokenLife, 422, "invalid-request"}, {login.ErrRole, 422, "invalid-request"},
		{login.ErrNoToken, 404, "no-token"}, {login.ErrExpired, 410, "code-expired"}, {login.ErrRefused, 401, "wrong-sign-in"}, {login.ErrTaken, 409, "taken"},
		{users.ErrNoAccount, 404, "no-account"}, {users.ErrName, 422, "invalid-request"}, {fmt.Errorf("act: %w", login.ErrLastOwner), 409, "last-owner"},
	} {
		list = append(list, scenario{
			name: one.err.Error(), method: "POST", target: "/api/admin/tokens", body: `{"name":"t","scopes":"read"}`, fields: []string{asOda}, world: failing(one.err),
			status: one.status, has: []string{"/problems/" + one.kind},
		}, scenario{
			name: one.err.Error() + " by form", method: "POST", target: "/api/admin/team/vic/role", body: form("role", "owner"), fields: []string{asOda}, world: failing(one.err),
			status: one.status, has: []string{"no second factor yet"}, not: []string{"login:"},
		})
	}
	runAll(t, list)
}

func TestABrowserHasAShortName(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on an iPhone",
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36":                            "Chrome on Android",
		"curl/8.5.0": "curl/8.5.0", "": "A browser without a name",
		"a very long name that somebody has written by hand": "a very long name that somebody has writt…",
	} {
		if got := browser(t.Context(), agent); got != want {
			t.Errorf("%q: %q", agent, got)
		}
	}
}
