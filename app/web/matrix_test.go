package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
)

// asker is one column of the matrix: how a request says who it is from, and what each kind of route answers.
type asker struct {
	name   string
	fields []string
	// denied has the problem of each kind of route that this asker may not use; every other one lets it in.
	denied map[request.Who]string
}

func askers() []asker {
	nobody := map[request.Who]string{
		request.Oneself: "sign-in", request.SignedIn: "sign-in", request.Viewers: "sign-in", request.Operators: "sign-in", request.Exporters: "sign-in", request.Owners: "sign-in",
	}
	ended := map[request.Who]string{}
	for who := range nobody {
		ended[who] = "session-ended"
	}
	desk := func(from request.Who, problem string, also map[request.Who]string) map[request.Who]string {
		for who := from; who <= request.Owners; who++ {
			also[who] = problem
		}
		return also
	}
	return []asker{
		{"nobody", nil, nobody},
		{"a credential that is none", []string{"Test-Session: ?"}, nobody},
		{"an expired session", []string{"Test-Session: expired"}, ended},
		{"a revoked session", []string{"Test-Session: revoked"}, ended},
		{"the shopper", []string{"Test-Session: alice"}, desk(request.Viewers, "not-operator", map[request.Who]string{})},
		{"another shopper", []string{"Test-Session: bob"}, desk(request.Viewers, "not-operator", map[request.Who]string{request.Oneself: "not-you"})},
		{"a viewer", []string{"Test-Session: vera?"}, desk(request.Operators, "not-operator", map[request.Who]string{})},
		{"an operator", []string{"Test-Session: root!"}, desk(request.Owners, "not-operator", map[request.Who]string{})},
		{"an owner", []string{"Test-Session: olga!!"}, nil},
		{"a token to read", []string{"Authorization: Bearer read"}, desk(request.Operators, "token-scope", map[request.Who]string{request.SignedIn: "token"})},
		{"a token to operate", []string{"Authorization: Bearer operate"}, map[request.Who]string{
			request.Oneself: "not-you", request.SignedIn: "token", request.Viewers: "token-scope", request.Exporters: "token-scope", request.Owners: "token-scope"}},
		{"a token to export", []string{"Authorization: Bearer export"}, map[request.Who]string{
			request.Oneself: "not-you", request.SignedIn: "token", request.Viewers: "token-scope", request.Operators: "token-scope", request.Owners: "token-scope"}},
		{"a token that is none", []string{"Authorization: Bearer x", "Test-Session: olga!!"}, nobody},
	}
}

// fakeTokens takes the name of a scope for a token's secret.
func fakeTokens(_ context.Context, secret string) (request.Token, error) {
	scope, known := map[string]login.Scope{"read": login.Read, "operate": login.Operate, "export": login.Export}[secret]
	if !known {
		return request.Token{}, login.ErrNoSession
	}
	return request.Token{Name: secret, Account: 9, Username: "olga", Scopes: scope}, nil
}

// concrete is a request to a route.
func concrete(r request.Route) (method, target string) {
	method = r.Method
	if method == anyMethod {
		method = http.MethodGet
	}
	return method, strings.NewReplacer(":slug", "first", ":preset", "small", ":userIdentifier", "alice", ":id", orderA, ":name", "ended",
		":username", "bob", ":token", "none", ":secret", "none", "*", "x").Replace(r.Path)
}

// TestWhoMayUseWhat is the matrix: every route for everybody who may ask.
func TestWhoMayUseWhat(t *testing.T) {
	t.Parallel()
	for _, r := range Routes() {
		if r.Stream {
			continue // TestWhoMayOpenAStream
		}
		method, target := concrete(r)
		body := `{"username":"alice"}`
		var w *world
		for _, a := range askers() {
			if w == nil {
				w = newWorld(t, accountsMode, func(c *Config) { c.Principals.Token = fakeTokens })
			}
			res := w.send(t, method, target, body, a.fields...)
			where := fmt.Sprintf("%s %s (%s) by %s", method, r.Path, r.Who, a.name)
			want := a.denied[r.Who]
			if r.Who == request.Oneself && r.Method == http.MethodPost {
				want = buying(a, want)
			}
			kind, _ := res.json["type"].(string)
			kind = strings.TrimPrefix(kind, "/problems/")
			if want == "" {
				if res.StatusCode == http.StatusUnauthorized || accessProblem(kind) {
					t.Errorf("%s: %d %s", where, res.StatusCode, res.raw)
				}
				w = nil // whoever is let in may change what the next one finds; whoever is refused has no effect
				continue
			}
			if kind != want || res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d %s, want %s", where, res.StatusCode, kind, want)
			}
			if w.checkout.asks()+len(w.ops.calls)+w.users.listedTimes+len(w.desk.queries)+len(w.desk.searches)+len(w.desk.filters) != 0 {
				t.Errorf("%s is refused and had an effect", where)
			}
			if strings.Contains(res.raw, "@example.com") {
				t.Errorf("%s shows an address: %s", where, res.raw)
			}
		}
		demo := newWorld(t).send(t, method, target, body)
		if kind, _ := demo.json["type"].(string); (kind == "/problems/demo-mode") != r.Accounts || demo.StatusCode == http.StatusUnauthorized {
			t.Errorf("%s %s in demo mode: %d %s", method, r.Path, demo.StatusCode, demo.raw)
		}
	}
}

// buying is the problem of a press: nobody buys for alice but alice, and no token buys.
func buying(a asker, looking string) string {
	switch {
	case strings.HasPrefix(a.name, "a token to"):
		return "token"
	case a.name == "a viewer", a.name == "an operator", a.name == "an owner":
		return "not-you"
	}
	return looking
}

func accessProblem(kind string) bool {
	switch kind {
	case "sign-in", "session-ended", "not-operator", "not-you", "token", "token-scope", "demo-mode":
		return true
	}
	return false
}

func TestARouteThatDoesNotSayWhoMayUseItDoesNotStart(t *testing.T) {
	t.Parallel()
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "POST /new does not say who may use it") {
			t.Errorf("%q", said)
		}
	}()
	router(nil, []request.Route{{Method: "POST", Path: "/new"}})
}

// Whoever cannot be known to be signed in still buys, and does not operate. The stop button always works.
func TestWhenEndedSessionsAreNotKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode, func(c *Config) { c.Principals.Sessions = staleSessions{} })
	for _, c := range []struct {
		method, target, session string
		status                  int
	}{
		{"POST", buy, "alice", 201},
		{"GET", buy + "/alice", "alice", 200},
		{"GET", "/api/users", "vera?", 503},
		{"POST", "/api/flash-sale/reset", "root!", 503},
		{"POST", "/api/flash-sale/resume", "root!", 503},
		{"POST", "/api/flash-sale/pause", "root!", 200},
		{"POST", "/api/admin/pause", "root!", 200},
		{"POST", "/api/admin/pause", "alice", 403},
	} {
		if res := w.send(t, c.method, c.target, "", "Test-Session: "+c.session); res.StatusCode != c.status {
			t.Errorf("%s %s by %s: %d, want %d: %s", c.method, c.target, c.session, res.StatusCode, c.status, res.raw)
		}
	}
}

// staleSessions are those of a process whose database is away.
type staleSessions struct{ fakeSessions }

func (staleSessions) Fresh() bool { return false }

func (staleSessions) Refresh(context.Context) error { return context.DeadlineExceeded }

// renewing renews every session and counts.
type renewing struct {
	fakeSessions
	times *int
}

func (r renewing) Renew(_ context.Context, old login.Session, now time.Time) (string, login.Session, error) {
	*r.times++
	old.Expires = now.Add(time.Hour)
	return "renewed", old, nil
}

func TestAViewOfAPageRenewsTheSessionAndAPressDoesNot(t *testing.T) {
	t.Parallel()
	times := 0
	w := newWorld(t, accountsMode, func(c *Config) { c.Principals.Sessions = renewing{times: &times} })
	for _, c := range []struct {
		method, target, accept string
		renews                 bool
	}{
		{"GET", "/", "text/html", true}, {"POST", buy, "text/html", false}, {"POST", buy, "", false}, {"GET", "/api/sales", "", false},
	} {
		times = 0
		res := w.send(t, c.method, c.target, "", "Test-Session: alice", "Accept: "+c.accept)
		cookie := res.Header.Get("Set-Cookie")
		if (times == 1) != c.renews || strings.HasPrefix(cookie, "__Host-session=renewed; Path=/; Expires=") != c.renews {
			t.Errorf("%s %s: %d times, %q", c.method, c.target, times, cookie)
		}
		if c.renews && !strings.HasSuffix(cookie, "; HttpOnly; Secure; SameSite=Lax") {
			t.Error(cookie)
		}
	}
}

// An act that is refused to somebody with a role or a token is told to the audit log, with what it was on; what others are refused is not.
func TestRefusedActsAreNoted(t *testing.T) {
	t.Parallel()
	var noted []string
	take := func(c *Config) {
		c.Refused = func(f audit.Refusal) {
			noted = append(noted, strings.Join([]string{f.Actor, f.Network, f.Means, f.What, f.Why, f.Sale, f.Order + f.Shopper, f.Field, f.Seen, strconv.FormatInt(f.Present, 10)}, "|"))
		}
	}
	w := newWorld(t, accountsMode, take, func(c *Config) { c.Principals.Token = fakeTokens })
	for _, field := range []string{"Test-Session: vera?", "Authorization: Bearer read", "Test-Session: alice", "Test-Session: revoked", "X: y"} {
		w.send(t, "POST", "/api/admin/pause", "", field)
	}
	w.send(t, "POST", "/api/flash-sale/update-stock", `{"stockAmount":-1}`, "Test-Session: root!")
	w.send(t, "POST", "/api/admin/pause", "", "Test-Session: root!")
	w.send(t, "GET", "/api/users?page=0", "", "Test-Session: root!")
	// From a page it is the same.
	w.browse(t, "/admin/sales/first/close", "Test-Session: vera?")
	id := receipt("a").OrderID.String()
	w.send(t, "POST", "/api/admin/orders/"+id+"/cancel", `{}`, "Test-Session: root!")
	w.ops.err = users.ErrNoAccount
	w.submit(t, "/api/admin/shoppers/%C3%84nne/bar", url.Values{"reason": {"bot"}}, "Test-Session: root!")
	w.ops.err = &sale.RevisionError{Seen: `"7"`, Present: 9}
	w.submit(t, "/api/admin/sales/first/stock", url.Values{"how": {"set"}, "amount": {"7"}, "If-Match": {`"7"`}}, "Test-Session: root!")
	w.ops.err = sale.ErrState
	w.send(t, "POST", "/api/admin/sales/first/resume", "", "Test-Session: root!", "If-Match: *")
	w.ops.err = errors.New("a fault of ours is none of the operator's")
	w.send(t, "POST", "/api/admin/sales/first/pause", "", "Test-Session: root!")
	demo := newWorld(t, take)
	demo.ops.err = sale.ErrState
	demo.send(t, "POST", "/api/admin/sales/first/pause", "")
	want := []string{
		"vera|192.0.2.7|session|POST /api/admin/pause|not-operator|||||0",
		"olga/read|192.0.2.7|token read|POST /api/admin/pause|token-scope|||||0",
		"root|192.0.2.7|session|POST /api/flash-sale/update-stock|invalid-request|||stockAmount||0",
		"vera|192.0.2.7|session|GET /admin/sales/:slug/close|not-operator|first||||0",
		"root|192.0.2.7|session|POST /api/admin/orders/:id/cancel|invalid-request||" + id + "|reason||0",
		"root|192.0.2.7|session|POST /api/admin/shoppers/:name/bar|no-account||Änne|||0",
		`root|192.0.2.7|session|POST /api/admin/sales/:slug/stock|revision-changed|first|||"7"|9`,
		"root|192.0.2.7|session|POST /api/admin/sales/:slug/resume|wrong-state|first||||0",
		"demo|192.0.2.7|demo mode|POST /api/admin/sales/:slug/pause|wrong-state|first||||0",
	}
	if !slices.Equal(noted, want) {
		t.Errorf("noted %s", strings.Join(noted, "\n"))
	}
}
