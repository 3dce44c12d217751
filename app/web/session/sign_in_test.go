package session

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/users/login/limits"
)

const (
	page    = "Accept: text/html"
	halfOda = "Cookie: second-factor=second-factor|12.7.false|2026-11-29T12:04:00Z"
)

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func TestSigningInByPassword(t *testing.T) {
	right := `{"name":"Ann","password":"` + rightPassword + `"}`
	runAll(t, []scenario{
		{name: "the page", method: "GET", target: "/sign-in?next=/?buy=1", status: 200,
			has: []string{`autocomplete="username"`, `autocomplete="current-password"`, `name="next" value="/?buy=1"`, "Send me a code", `action="/sign-in/code"`},
			not: []string{"DEMO"}},
		{name: "the page without mail", method: "GET", target: "/sign-in", world: noMail, status: 200, has: []string{"Sign in"}, not: []string{"Send me a code"}},
		{name: "the page, signed in", method: "GET", target: "/sign-in?next=/x", fields: []string{"Test-Session: ann"}, status: 303, location: "/x"},
		{name: "right", method: "POST", target: "/sign-in", body: right, status: 200, has: []string{`{"username":"ann"}`},
			cookies: []string{"session=credential-of-ann"}, calls: []string{"take sign-in ann " + limits.NetworkKey("127.0.0.1:40000"), "start ann 127.0.0.1", "remember ann"}},
		{name: "by address", method: "POST", target: "/sign-in", body: `{"name":"ann@example.com","password":"` + rightPassword + `"}`, status: 200,
			cookies: []string{"session=credential-of-ann"}, calls: []string{"take sign-in ann " + limits.NetworkKey("127.0.0.1:40000")}},
		{name: "by form", method: "POST", target: "/sign-in", body: form("name", "ann", "password", rightPassword, "next", "/?buy=1"), status: 303, location: "/?buy=1",
			cookies: []string{"session=credential-of-ann"}},
		{name: "by form, to the account", method: "POST", target: "/sign-in", body: form("name", "ann", "password", rightPassword), status: 303, location: "/account",
			cookies: []string{"session=credential-of-ann"}},
		{name: "by form, elsewhere", method: "POST", target: "/sign-in", body: form("name", "ann", "password", rightPassword, "next", "//evil.example"), status: 303,
			location: "/account", cookies: []string{"session=credential-of-ann"}},
		{name: "in the place of another session", method: "POST", target: "/sign-in", body: right, fields: []string{"Test-Session: vic"}, status: 200,
			cookies: []string{"session=credential-of-ann"}, calls: []string{"end vic 0d"}},
		{name: "wrong", method: "POST", target: "/sign-in", body: `{"name":"ann","password":"no"}`, status: 401, has: []string{"/problems/wrong-sign-in"}, never: []string{"start"}},
		{name: "unknown", method: "POST", target: "/sign-in", body: `{"name":"nobody","password":"no"}`, status: 401,
			has: []string{"/problems/wrong-sign-in"}, calls: []string{"check nobody", "take sign-in " + limits.NameKey("nobody") + " " + limits.NetworkKey("127.0.0.1:40000")}, never: []string{"start"}},
		{name: "wrong by form", method: "POST", target: "/sign-in", body: form("name", "ann", "password", "no", "next", "/?buy=1"), status: 401,
			has: []string{`role="alert"`, "do not belong together", `value="ann"`, `value="/?buy=1"`, "<title>Sign in"}, not: []string{`value="no"`, "aria-invalid"}},
		{name: "no password by form", method: "POST", target: "/sign-in", body: form("name", "ann"), status: 422,
			has: []string{"Password is required.", `aria-describedby="password-error"`, `aria-invalid="true"`}, never: []string{"check", "take"}},
		{name: "no name by form", method: "POST", target: "/sign-in", body: form("password", "no"), status: 422,
			has: []string{`id="name-error"`, `aria-invalid="true"`}, not: []string{`value="no"`}, never: []string{"check"}},
		{name: "a name twice", method: "POST", target: "/sign-in", body: "name=ann&name=bob&password=no", status: 422, has: []string{"must appear once", `value="ann"`}},
		{name: "over the limit", method: "POST", target: "/sign-in", body: right, world: noBudget, status: 429, has: []string{"too-many-requests", `"retryAfter":90`}, never: []string{"check"}},
		{name: "over the limit by form", method: "POST", target: "/sign-in", body: form("name", "ann", "password", rightPassword), world: noBudget, status: 429,
			has: []string{"pressed too often. The next attempt is taken in 90 seconds."}, never: []string{"check"}},
		{name: "the queue is full", method: "POST", target: "/sign-in", body: `{"name":"ann","password":"later"}`, status: 503, has: []string{"sign-in-busy", `"retryAfter":2`}},
		{name: "the queue is full, by form", method: "POST", target: "/sign-in", body: form("name", "ann", "password", "later"), status: 503,
			has: []string{"Many people are signing in", `value="ann"`}, not: []string{`value="later"`}},
		{name: "before anything is wired", method: "POST", target: "/sign-in", body: right, world: func(_ *world, c *Config) { c.Sessions = nil }, status: 503, never: []string{"check", "take"}},
		{name: "over HTTP from elsewhere", method: "POST", target: "/sign-in", body: right, fields: []string{"Host: shop.example"}, status: 403, has: []string{"/problems/insecure"}, never: []string{"check", "start"}},
	})
}

func TestSigningInWithARole(t *testing.T) {
	right := func(name string) string { return `{"name":"` + name + `","password":"` + rightPassword + `"}` }
	runAll(t, []scenario{
		{name: "the code after all sessions have ended", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`, fields: []string{halfOda}, status: 410,
			world: func(w *world, _ *Config) { w.changed = true }, has: []string{"code-expired"}, never: []string{"start", "factor"}},
		{name: "the code after a proof of another version", method: "POST", target: "/sign-in/second-factor", body: form("code", "654321"), status: 410,
			fields: []string{"Cookie: second-factor=second-factor|12.6.false|2026-11-29T12:04:00Z"}, never: []string{"start", "factor"}},
		{name: "the code of the program before", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`, status: 410,
			fields: []string{"Cookie: second-factor=second-factor|12|2026-11-29T12:04:00Z"}, never: []string{"start", "factor"}},
		{name: "the code after a code by e-mail", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`, status: 200,
			fields:  []string{"Cookie: second-factor=second-factor|12.7.true|2026-11-29T12:04:00Z"},
			cookies: []string{"session=credential-of-oda", "fresh-code=fresh-code|12.f0000000-0000-0000-0000-000000000000|2026-11-29T12:15:00Z"}},
		{name: "half", method: "POST", target: "/sign-in", body: right("oda"), status: 200, has: []string{`{"secondFactor":true}`},
			cookies: []string{"second-factor=second-factor|12.7.false|2026-11-29T12:05:00Z"}, never: []string{"start"}},
		{name: "half by form", method: "POST", target: "/sign-in", body: form("name", "oda", "password", rightPassword, "next", "/admin/team"), status: 303,
			location: "/sign-in/second-factor?next=%2Fadmin%2Fteam", cookies: []string{"second-factor=second-factor|12.7.false|2026-11-29T12:05:00Z"}, never: []string{"start"}},
		{name: "without a second factor yet", method: "POST", target: "/sign-in", body: form("name", "vic", "password", rightPassword, "next", "/x"), status: 303,
			location: "/account/second-factor?next=%2Fx", cookies: []string{"session=credential-of-vic"}},
		{name: "without need of one", method: "POST", target: "/sign-in", body: right("oda"), world: oneFactor, status: 200,
			has: []string{`{"username":"oda","role":"owner"}`}, cookies: []string{"session=credential-of-oda"}},
		{name: "the page", method: "GET", target: "/sign-in/second-factor", fields: []string{halfOda}, status: 200,
			has: []string{`autocomplete="one-time-code"`, `inputmode="numeric"`, "recovery codes"}},
		{name: "the page without the half", method: "GET", target: "/sign-in/second-factor?next=/x", status: 303, location: "/sign-in?next=%2Fx"},
		{name: "the code", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`, fields: []string{halfOda}, status: 200,
			has: []string{`"role":"owner"`}, cookies: []string{"session=credential-of-oda", "-second-factor"}, calls: []string{"take second-factor oda " + limits.NetworkKey("127.0.0.1:40000")}},
		{name: "a wrong code", method: "POST", target: "/sign-in/second-factor", body: form("code", "111111"), fields: []string{halfOda}, status: 401,
			has: []string{"Code is not right", `aria-describedby="code-error code-hint"`}, never: []string{"start"}},
		{name: "a code without the half", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`, status: 410, has: []string{"code-expired"}, never: []string{"factor", "start"}},
		{name: "a code with an old half", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`,
			fields: []string{"Cookie: second-factor=second-factor|12.7.false|2026-11-29T12:00:00Z"}, status: 410, never: []string{"factor", "start"}},
		{name: "a code with a half of something else", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`,
			fields: []string{"Cookie: second-factor=proof|12.7.false|2026-11-29T12:10:00Z"}, status: 410, never: []string{"factor", "start"}},
		{name: "over the limit", method: "POST", target: "/sign-in/second-factor", body: `{"code":"654321"}`, fields: []string{halfOda}, world: noBudget, status: 429, never: []string{"factor"}},
	})
}

func TestSigningInByCode(t *testing.T) {
	runAll(t, []scenario{
		{name: "send", method: "POST", target: "/sign-in/code", body: `{"name":"ann"}`, status: 202, has: []string{"If there is an address"}, cookies: []string{"code=flow"},
			calls: []string{"code to ann ", "take code ann " + limits.NetworkKey("127.0.0.1:40000")}},
		{name: "send to nobody", method: "POST", target: "/sign-in/code", body: `{"name":"nobody"}`, status: 202, has: []string{"If there is an address"}, cookies: []string{"code=flow"}},
		{name: "send again", method: "POST", target: "/sign-in/code", body: `{"name":"ann"}`, fields: []string{"Cookie: code=before"}, status: 202, cookies: []string{"code=flow"},
			calls: []string{"code to ann before"}},
		{name: "send by form", method: "POST", target: "/sign-in/code", body: form("name", "ann", "next", "/?buy=1"), status: 303,
			location: "/sign-in/code/verify?next=%2F%3Fbuy%3D1", cookies: []string{"code=flow"}},
		{name: "send to no name", method: "POST", target: "/sign-in/code", body: form("name", ""), status: 422, has: []string{`id="name-error"`, "E-mail or username is required"}},
		{name: "send without mail", method: "POST", target: "/sign-in/code", body: `{"name":"ann"}`, world: noMail, status: 409, has: []string{"mail-off"}},
		{name: "send over the limit", method: "POST", target: "/sign-in/code", body: `{"name":"ann"}`, world: noBudget, status: 429, never: []string{"code"}},
		{name: "the page", method: "GET", target: "/sign-in/code/verify?next=/x", fields: []string{"Cookie: code=flow"}, status: 200,
			has: []string{`autocomplete="one-time-code"`, `value="/x"`}},
		{name: "the page in another browser", method: "GET", target: "/sign-in/code/verify", status: 303, location: "/sign-in"},
		{name: "right", method: "POST", target: "/sign-in/code/verify", body: `{"code":"123456"}`, fields: []string{"Cookie: code=flow"}, status: 200,
			has: []string{`{"username":"ann"}`}, cookies: []string{"session=credential-of-ann", "-code"}},
		{name: "right, with a role", method: "POST", target: "/sign-in/code/verify", body: `{"code":"123456"}`, fields: []string{"Cookie: code=flow-of-oda"}, status: 200,
			has: []string{`{"secondFactor":true}`}, cookies: []string{"second-factor=second-factor|12.7.true|2026-11-29T12:05:00Z"}, never: []string{"start"}},
		{name: "right, new address", method: "POST", target: "/sign-in/code/verify", body: form("code", "123456", "next", "/x"), fields: []string{"Cookie: code=flow-of-nobody"}, status: 303,
			location: "/sign-up?next=%2Fx", cookies: []string{"proof=proof|new@example.com|2026-11-29T12:15:00Z", "-code"}, never: []string{"start"}},
		{name: "wrong", method: "POST", target: "/sign-in/code/verify", body: form("code", "111111"), fields: []string{"Cookie: code=flow"}, status: 401,
			has: []string{`aria-describedby="code-error"`, "autofocus"}, not: []string{`value="111111"`}, never: []string{"start"}},
		{name: "too late", method: "POST", target: "/sign-in/code/verify", body: `{"code":"000000"}`, fields: []string{"Cookie: code=flow"}, status: 410, has: []string{"code-expired"}},
		{name: "in another browser", method: "POST", target: "/sign-in/code/verify", body: `{"code":"123456"}`, status: 410, never: []string{"start"}},
		{name: "a link is looked at", method: "GET", target: "/sign-in/link/link", fields: []string{page}, status: 200,
			has: []string{"Sign in as ann", `method="post"`, `action="/sign-in/link/link"`}, never: []string{"spend", "start"}},
		{name: "a link is used", method: "POST", target: "/sign-in/link/link", fields: []string{page}, status: 303, location: "/account", cookies: []string{"session=credential-of-ann"},
			calls: []string{"spend link"}},
		{name: "an old link", method: "GET", target: "/sign-in/link/old", status: 410, has: []string{"code-expired"}},
		{name: "an old link is used", method: "POST", target: "/sign-in/link/old", status: 410, never: []string{"start"}},
		{name: "a link without mail", method: "GET", target: "/sign-in/link/link", world: noMail, status: 409, has: []string{"mail-off"}},
	})
}

func TestSigningUp(t *testing.T) {
	proof := "Cookie: proof=proof|new@example.com|2026-11-29T12:10:00Z"
	runAll(t, []scenario{
		{name: "the page", method: "GET", target: "/sign-up?next=/x", status: 200, has: []string{`autocomplete="new-password"`, `type="email"`, `value="/x"`}},
		{name: "the page without mail", method: "GET", target: "/sign-up", world: noMail, status: 200, not: []string{`type="email"`}},
		{name: "the page with a proved address", method: "GET", target: "/sign-up", fields: []string{proof}, status: 200, has: []string{"new@example.com", "(optional)"}, not: []string{`type="email"`}},
		{name: "the page with a proof of nothing", method: "GET", target: "/sign-up", fields: []string{"Cookie: proof=guess"}, status: 200, not: []string{"new@example.com"}},
		{name: "by password", method: "POST", target: "/sign-up", body: `{"username":"New","password":"` + rightPassword + `"}`, status: 201, has: []string{`{"username":"New"}`},
			cookies: []string{"session=credential-of-New"}, calls: []string{"sign up New " + rightPassword + " ", "take sign-up " + limits.NetworkKey("127.0.0.1:40000")}},
		{name: "by form", method: "POST", target: "/sign-up", body: form("username", "New", "password", rightPassword, "next", "/?buy=1"), status: 303, location: "/?buy=1",
			cookies: []string{"session=credential-of-New"}},
		{name: "with an address", method: "POST", target: "/sign-up", body: form("username", "New", "password", rightPassword, "email", "n@example.com", "next", "/x"), status: 303,
			location: "/account/email/verify?next=%2Fx", cookies: []string{"session=credential-of-New", "email-code=email-flow"},
			calls: []string{"new address n@example.com of New", "sign up New " + rightPassword + " "}},
		{name: "with an address, without mail", method: "POST", target: "/sign-up", body: `{"username":"New","password":"` + rightPassword + `","email":"n@example.com"}`,
			world: noMail, status: 409, has: []string{"mail-off"}, never: []string{"sign up"}},
		{name: "with a proved address alone", method: "POST", target: "/sign-up", body: `{"username":"New"}`, fields: []string{proof}, status: 201,
			cookies: []string{"session=credential-of-New", "-proof"}, calls: []string{"sign up New  new@example.com"}},
		{name: "without password and proof", method: "POST", target: "/sign-up", body: `{"username":"New"}`, status: 422, has: []string{`"field":"password"`}, never: []string{"sign up"}},
		{name: "with an old proof", method: "POST", target: "/sign-up", body: `{"username":"New"}`, fields: []string{"Cookie: proof=proof|new@example.com|2026-11-29T12:00:00Z"}, status: 422, never: []string{"sign up"}},
		{name: "with the seal of something else", method: "POST", target: "/sign-up", body: `{"username":"New"}`, fields: []string{"Cookie: proof=second-factor|new@example.com|2026-11-29T12:10:00Z"}, status: 422, never: []string{"sign up"}},
		{name: "with a proof of nothing", method: "POST", target: "/sign-up", body: `{"username":"New"}`, fields: []string{"Cookie: proof=guess"}, status: 422, never: []string{"sign up"}},
		{name: "a name that is taken", method: "POST", target: "/sign-up", body: `{"username":"taken","password":"` + rightPassword + `"}`, status: 409,
			has: []string{"/problems/taken", `"field":"username"`}, never: []string{"start"}},
		{name: "a name that is taken, by form", method: "POST", target: "/sign-up", body: form("username", "taken", "password", rightPassword, "email", "n@example.com"), status: 409,
			has: []string{"Username is taken, please choose another one.", `value="taken"`, `value="n@example.com"`, `aria-describedby="username-error"`}},
		{name: "a name that nobody can have", method: "POST", target: "/sign-up", body: form("username", "a/b", "password", rightPassword), status: 422,
			has: []string{"Username is not acceptable: a username must not contain /."}},
		{name: "a weak password", method: "POST", target: "/sign-up", body: `{"username":"New","password":"12345678"}`, status: 422,
			has: []string{"/problems/weak-password", `"field":"password"`, "easy to guess"}},
		{name: "a weak password, by form", method: "POST", target: "/sign-up", body: form("username", "New", "password", "12345678"), status: 422,
			has: []string{"This password is easy to guess.", `value="New"`, `aria-describedby="password-error password-hint"`}, not: []string{"Password This"}},
		{name: "the queue is full", method: "POST", target: "/sign-up", body: `{"username":"New","password":"later"}`, status: 503, has: []string{`"retryAfter":2`}},
		{name: "over the limit", method: "POST", target: "/sign-up", body: `{"username":"New","password":"` + rightPassword + `"}`, world: noBudget, status: 429, never: []string{"sign up"}},
	})
}

func TestSigningOut(t *testing.T) {
	runAll(t, []scenario{
		{name: "signed in", method: "POST", target: "/sign-out", fields: []string{"Test-Session: ann", "Cookie: session=x"}, status: 204, cookies: []string{"-session"}, calls: []string{"end ann 0b"}},
		{name: "by form", method: "POST", target: "/sign-out", fields: []string{"Test-Session: ann", page, "Cookie: session=x"}, status: 303, location: "/", cookies: []string{"-session"}},
		{name: "not signed in", method: "POST", target: "/sign-out", status: 204, cookies: []string{"-session"}, never: []string{"end"}},
	})
}

// The answer says the same, in the same words, for a name that exists and one that does not.
func TestAnswersDoNotTellWhoExists(t *testing.T) {
	t.Parallel()
	for target, body := range map[string]string{"/sign-in": `{"name":"NAME","password":"wrong"}`, "/sign-in/code": `{"name":"NAME"}`} {
		res, known := newWorld().send("POST", target, strings.ReplaceAll(body, "NAME", "ann"))
		other, unknown := newWorld().send("POST", target, strings.ReplaceAll(body, "NAME", "nobody"))
		if res.StatusCode != other.StatusCode || known != unknown || len(res.Cookies()) != len(other.Cookies()) {
			t.Errorf("%s: %d %s and %d %s", target, res.StatusCode, known, other.StatusCode, unknown)
		}
	}
}

func TestCookiesAreBoundToTheHostOverTLS(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{"http://localhost:3001/": "x", "https://localhost/": "__Host-x", "https://shop.example/": "__Host-x"} {
		if got := cookieName(httptest.NewRequest(http.MethodGet, target, nil), "x"); got != want {
			t.Errorf("%s: %s", target, got)
		}
	}
}

func TestAWaitIsSaidInWords(t *testing.T) {
	t.Parallel()
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
	for seconds, want := range map[int]string{1: "1 second", 90: "90 seconds", 120: "2 minutes", 601: "11 minutes"} {
		if got := nextAttempt(c, seconds); got != "The next attempt is taken in "+want+"." {
			t.Errorf("%d: %q", seconds, got)
		}
	}
	if m := moment(c, time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))); m.Text != "2 January 2026, 02:04 UTC" || m.ISO != "2026-01-02T02:04:05.000Z" {
		t.Errorf("%+v", m)
	}
}

func TestEverybodyWhoHasToSignInIsRefused(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"GET /account", "GET /account/sessions", "GET /account/orders", "GET /account/second-factor", "GET /account/second-factor/qr.png",
		"GET /account/email/verify", "POST /account/password", "POST /account/email", "POST /account/email/verify", "POST /account/sessions/end-all",
		"POST /account/sessions/" + "0b000000-0000-0000-0000-000000000000/end", "POST /account/second-factor"} {
		method, path, _ := strings.Cut(target, " ")
		w := newWorld()
		if res, body := w.send(method, path, ""); res.StatusCode != http.StatusUnauthorized || len(w.calls) > 0 {
			t.Errorf("%s: %d %s, %q", target, res.StatusCode, body, w.calls)
		}
	}
}
