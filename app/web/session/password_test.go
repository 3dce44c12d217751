package session

import "testing"

// What a session that ann has started by a code carries, and some that prove nothing.
const (
	annsSession  = "0b000000-0000-0000-0000-000000000000"
	freshAnn     = "Cookie: fresh-code=fresh-code|11." + annsSession + "|2026-11-29T12:10:00Z"
	freshOld     = "Cookie: fresh-code=fresh-code|11." + annsSession + "|2026-11-29T12:00:00Z"
	freshOther   = "Cookie: fresh-code=fresh-code|11.0c000000-0000-0000-0000-000000000000|2026-11-29T12:10:00Z"
	freshPurpose = "Cookie: fresh-code=proof|11." + annsSession + "|2026-11-29T12:10:00Z"
)

// Who has just signed in by a code sets a password without the old one, whether there is one or not.
func TestAPasswordIsSetAfterAFreshCode(t *testing.T) {
	target, next := "/account/password", `{"next":"another long one"}`
	list := []scenario{
		{name: "the page without a password", method: "GET", target: "/account", fields: []string{asAnn, page}, world: noPassword, status: 200,
			has: []string{"Send me a code for that", `action="/sign-in/code"`, `value="/account"`}, not: []string{`action="/account/password"`, "Current password"}},
		{name: "the page without a password after a code", method: "GET", target: "/account", fields: []string{asAnn, page, freshAnn}, world: noPassword, status: 200,
			has: []string{`action="/account/password"`, "Set the password"}, not: []string{"Current password", "Send me a code for that"}},
		{name: "the page with a password", method: "GET", target: "/account", fields: []string{asAnn, page}, status: 200, has: []string{"Forgotten the password?", "Current password"}},
		{name: "the page with a password after a code", method: "GET", target: "/account", fields: []string{asAnn, page, freshAnn}, status: 200,
			has: []string{"Set the password", `id="email-current"`}, not: []string{`id="current"`, "Forgotten"}},
		{name: "the page of somebody whom no code reaches", method: "GET", target: "/account", fields: []string{asOda, page}, status: 200, not: []string{"Forgotten"}},
		{name: "the account without a password", method: "GET", target: "/account", fields: []string{asAnn}, world: noPassword, status: 200, has: []string{`"password":false`}},

		{name: "set", method: "POST", target: target, body: next, fields: []string{asAnn, freshAnn}, world: noPassword, status: 204,
			cookies: []string{"session=credential-of-ann", "-fresh-code"}, calls: []string{"set password of ann", "tell ann", "start ann 127.0.0.1", "end ann 0b"}},
		{name: "reset by form", method: "POST", target: target, body: form("next", "another long one"), fields: []string{asAnn, freshAnn}, status: 303, location: "/account?notice=password",
			cookies: []string{"session=credential-of-ann", "-fresh-code"}, calls: []string{"set password of ann"}},
		{name: "set without mail", method: "POST", target: target, body: next, fields: []string{asAnn, freshAnn}, world: noMail, status: 204,
			cookies: []string{"session=credential-of-ann"}, never: []string{"tell"}},
		{name: "a weak one", method: "POST", target: target, body: form("next", "12345678"), fields: []string{asAnn, freshAnn}, status: 422,
			has: []string{"This password is easy to guess.", `aria-describedby="next-error next-hint"`}, never: []string{"start", "tell"}},
		{name: "over the limit", method: "POST", target: target, body: next, fields: []string{asAnn, freshAnn}, world: noBudget, status: 429, never: []string{"set"}},
		{name: "with a wrong old one after a code", method: "POST", target: target, body: `{"current":"no","next":"another long one"}`, fields: []string{asAnn, freshAnn}, status: 401, never: []string{"set", "start"}},
		{name: "by form without a code", method: "POST", target: target, body: form("next", "another long one"), fields: []string{asAnn}, world: noPassword, status: 403,
			has: []string{`role="alert"`, "A new password needs a fresh code", "Send me a code for that"}, never: []string{"set", "start"}},
		{name: "reset by form without a code", method: "POST", target: target, body: form("next", "another long one"), fields: []string{asAnn}, status: 422,
			has: []string{"Current password is required."}, never: []string{"set", "start"}},
		{name: "a sign-in by code", method: "POST", target: "/sign-in/code/verify", body: `{"code":"123456"}`, fields: []string{"Cookie: code=flow"}, status: 200,
			cookies: []string{"session=credential-of-ann", "fresh-code=fresh-code|11.f0000000-0000-0000-0000-000000000000|2026-11-29T12:15:00Z"}},
	}
	for name, proof := range map[string]string{"no code": "X: y", "an old code": freshOld, "a code of another session": freshOther, "another proof": freshPurpose} {
		list = append(list, scenario{name: "set after " + name, method: "POST", target: target, body: next, fields: []string{asAnn, proof}, world: noPassword, status: 403,
			has: []string{"fresh-code-needed"}, never: []string{"set", "start"}})
	}
	list = append(list, scenario{name: "a code of somebody else", method: "POST", target: target, body: next, fields: []string{asVic, freshAnn}, world: noPassword, status: 403, never: []string{"set"}},
		scenario{name: "a sign-in by password", method: "POST", target: "/sign-in", body: `{"name":"ann","password":"` + rightPassword + `"}`, status: 200, cookies: []string{"session=credential-of-ann"}})
	runAll(t, list)
}

func TestASignInByPasswordIsNoFreshCode(t *testing.T) {
	t.Parallel()
	res, _ := newWorld().send("POST", "/sign-in", `{"name":"ann","password":"`+rightPassword+`"}`)
	for _, c := range res.Cookies() {
		if c.Name == cookieFresh {
			t.Errorf("cookie %v", c)
		}
	}
}
