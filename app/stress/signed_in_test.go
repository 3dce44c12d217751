package stress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// guarded is a shop outside demo mode: a small, correct sign-in before a correct sale. Its faults are switched on by tests.
type guarded struct {
	*shop
	mu       sync.Mutex
	demo     string // why it cannot be signed in to
	noMail   bool
	accounts map[string]string // username by address
	sessions map[string]string // username by session
	flows    map[string]string // address by flow
	proven   map[string]string // address by flow whose code was typed
	mails    []mailed
	codes    int
	refuse   int // requests for a code that are refused first
	from     map[string]bool
	mailFrom map[string]bool

	// The faults.
	trusting  bool // the name in the body decides
	talkative bool // everybody may look up everybody
	mixedUp   bool // a receipt has another's name
	forgetful bool // nobody is told what was bought
}

// mailed is a mail with a code.
type mailed struct{ to, code string }

func newGuarded() *guarded {
	return &guarded{shop: newShop(), accounts: map[string]string{}, sessions: map[string]string{}, flows: map[string]string{},
		proven: map[string]string{}, from: map[string]bool{}, mailFrom: map[string]bool{}}
}

func (g *guarded) openGuarded(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /api/flash-sale/status", g.status)
	mux.HandleFunc("POST /api/flash-sale/purchase", g.press)
	mux.HandleFunc("GET /api/flash-sale/purchase/{name}", g.lookUp)
	mux.HandleFunc("POST /sign-in/code", g.sendCode)
	mux.HandleFunc("POST /sign-in/code/verify", g.typeCode)
	mux.HandleFunc("POST /sign-up", g.signUp)
	mux.HandleFunc("GET /dev/mail", g.readMail)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func body(q *http.Request) map[string]string {
	said := map[string]string{}
	_ = json.NewDecoder(q.Body).Decode(&said)
	return said
}

func (g *guarded) sendCode(w http.ResponseWriter, q *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.from[q.Header.Get("X-Forwarded-For")] = true
	switch {
	case g.demo != "":
		refuse(w, 409, g.demo)
		return
	case g.refuse > 0:
		g.refuse--
		refuse(w, 429, "too-many-requests")
		return
	}
	g.codes++
	flow, to := fmt.Sprint("flow", g.codes), body(q)["name"]
	g.flows[flow] = to
	g.mails = append(g.mails, mailed{to, fmt.Sprintf("%06d", 123456+g.codes)})
	http.SetCookie(w, &http.Cookie{Name: "code-flow", Value: flow})
	say(w, 202, map[string]any{})
}

func (g *guarded) readMail(w http.ResponseWriter, q *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.noMail {
		http.NotFound(w, q)
		return
	}
	g.mailFrom[q.Header.Get("X-Forwarded-For")] = true
	for n, m := range slices.Backward(g.mails) {
		fmt.Fprintf(w, "<tr><td>2026</td><td>%s</td><td><a href=\"/dev/mail/%d\">%s is your code for localhost</a></td></tr>", m.to, n+1, m.code)
	}
}

// typeCode takes the newest code of the flow's address and no other.
func (g *guarded) typeCode(w http.ResponseWriter, q *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	flow, err := q.Cookie("code-flow")
	if err != nil {
		refuse(w, 401, "no-flow")
		return
	}
	to := g.flows[flow.Value]
	newest := mailed{}
	for _, m := range g.mails {
		if m.to == to {
			newest = m
		}
	}
	if newest.to == "" || newest.code != body(q)["code"] {
		refuse(w, 401, "refused")
		return
	}
	if name := g.accounts[to]; name != "" {
		g.start(w, name)
		return
	}
	g.proven[flow.Value] = to
	say(w, 200, map[string]any{"signUp": true})
}

func (g *guarded) signUp(w http.ResponseWriter, q *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	flow, err := q.Cookie("code-flow")
	if err != nil || g.proven[flow.Value] == "" {
		refuse(w, 401, "refused")
		return
	}
	name := body(q)["username"]
	g.accounts[g.proven[flow.Value]] = name
	g.start(w, name)
}

// start is called with the lock held.
func (g *guarded) start(w http.ResponseWriter, name string) {
	session := fmt.Sprint("s", len(g.sessions), name)
	for old, of := range g.sessions {
		if of == name {
			delete(g.sessions, old) // signing in again replaces the session
		}
	}
	g.sessions[session] = name
	http.SetCookie(w, &http.Cookie{Name: "session", Value: session})
	say(w, 201, map[string]any{"username": name})
}

func (g *guarded) who(q *http.Request) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	cookie, err := q.Cookie("session")
	if err != nil {
		return ""
	}
	return g.sessions[cookie.Value]
}

func (g *guarded) press(w http.ResponseWriter, q *http.Request) {
	who, named := g.who(q), body(q)["username"]
	switch {
	case g.trusting && named != "":
		who = named
	case who == "":
		refuse(w, 401, "sign-in")
		return
	case named != "" && named != who:
		refuse(w, 403, "not-you")
		return
	}
	g.shop.mu.Lock()
	code, bought := g.decide(who)
	g.shop.mu.Unlock()
	if code == 409 {
		refuse(w, 409, "sold-out")
		return
	}
	if g.mixedUp {
		who = "somebody"
	}
	say(w, code, pressed{receipt: bought, Success: code == 201, UserID: who})
}

func (g *guarded) lookUp(w http.ResponseWriter, q *http.Request) {
	if who := g.who(q); !g.talkative && who != q.PathValue("name") {
		refuse(w, 403, "not-you")
		return
	}
	if g.forgetful {
		say(w, 200, map[string]any{"hasPurchased": false})
		return
	}
	g.check(w, q)
}

func TestAccountsSignInAheadAndBuy(t *testing.T) {
	t.Parallel()
	g := newGuarded()
	g.refuse = 3
	r := one(t, Config{URL: []string{g.openGuarded(t)}, Accounts: 300})
	if !r.OK || r.Users != 300 || r.Successful != 5 || r.Stock != 5 || r.Left != 0 || r.Codes["201"] != 5 || r.Codes["409"] != 295 || r.Ahead.Accounts != 300 {
		t.Fatalf("%+v", r)
	}
	if len(g.accounts) != 300 || len(g.sessions) != 300 || g.codes != 300 {
		t.Errorf("%d accounts, %d sessions, %d codes", len(g.accounts), len(g.sessions), g.codes)
	}
	if len(g.from) != 300 || g.from[""] || len(g.mailFrom) != 1 || !g.mailFrom[""] {
		t.Errorf("%d addresses of shoppers, mails read from %v", len(g.from), slices.Collect(maps.Keys(g.mailFrom)))
	}
	if len(r.Verify) != 0 {
		t.Error("the invariants were asked for over HTTP, which only an operator may")
	}
}

// A second code is typed from its own mail, and the new session replaces the old one.
func TestAccountsSignInAgain(t *testing.T) {
	t.Parallel()
	g := newGuarded()
	s := NewSignIns(g.openGuarded(t))
	defer s.Close()
	done := func() {}
	list, err := s.Create(t.Context(), 40, done)
	if err != nil {
		t.Fatal(err)
	}
	first := list[7].Session()
	s.Pause = 600 * time.Millisecond
	began := time.Now()
	if err := s.SignIn(t.Context(), list, done); err != nil {
		t.Fatal(err)
	}
	if time.Since(began) < 100*time.Millisecond {
		t.Error("a code was asked for right after the last one, and would not have come")
	}
	if again := list[7].Session(); again == "" || again == first || len(g.sessions) != 40 || g.codes != 80 {
		t.Errorf("session %q after %q, %d sessions, %d codes", again, first, len(g.sessions), g.codes)
	}
}

// What was sold before the run does not count as sold to its shoppers.
func TestAccountsBuyWhatTheSaleHasLeft(t *testing.T) {
	t.Parallel()
	g := newGuarded()
	g.stock = 100
	for n := range 40 {
		g.decide(fmt.Sprint("earlier", n))
	}
	var asked int
	verify := func(context.Context) ([]Check, error) {
		asked++
		return []Check{{ID: "I1", State: "ok"}}, nil
	}
	r := one(t, Config{URL: []string{g.openGuarded(t)}, Accounts: 80, Verify: verify})
	if !r.OK || r.Successful != 60 || r.Stock != 60 || r.Sold != 60 || asked != 1 || len(r.Verify) != 1 {
		t.Fatalf("%+v", r)
	}
}

func TestSessionsComeFromAFile(t *testing.T) {
	t.Parallel()
	g := newGuarded()
	g.sessions["a1"], g.sessions["b2"] = "anna", "bert"
	list, err := ReadAccounts("anna session=a1\nbert session=b2\n")
	if err != nil {
		t.Fatal(err)
	}
	if r := one(t, Config{URL: []string{g.openGuarded(t)}, Sessions: list}); !r.OK || r.Successful != 2 || g.codes != 0 {
		t.Fatalf("%+v", r)
	}
	for _, wrong := range []string{"anna", "anna session=", "anna secret=top", "session=hush"} {
		if _, err := ReadAccounts("bert session=b2\n" + wrong + "\n"); !errors.Is(err, ErrAccounts) || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestFaultsOfSignedInPurchasesAreFound(t *testing.T) {
	t.Parallel()
	for want, fault := range map[string]func(*guarded){
		"pressed for another and was answered":              func(g *guarded) { g.trusting = true },
		"pressed without a session and was answered":        func(g *guarded) { g.trusting = true },
		"asked what another has bought and was answered 20": func(g *guarded) { g.talkative = true },
		"is told {{ 0} false}":                              func(g *guarded) { g.forgetful = true },
		`was given the receipt of "somebody"`:               func(g *guarded) { g.mixedUp = true },
	} {
		g := newGuarded()
		fault(g)
		r := one(t, Config{URL: []string{g.openGuarded(t)}, Accounts: 12})
		if r.OK || !strings.Contains(strings.Join(r.Faults, "\n"), want) {
			t.Errorf("%q is not in %v", want, r.Faults)
		}
	}
}

func TestAccountsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*guarded){
		"it is in demo mode":              func(g *guarded) { g.demo = "demo-mode" },
		"start it with DEMO=false":        func(g *guarded) { g.demo = "forwarded" },
		"an instance with MAIL_DEV=true":  func(g *guarded) { g.noMail = true },
		"the sale is \"sold-out\" with 0": func(g *guarded) { g.stock = 0 },
	} {
		g := newGuarded()
		change(g)
		if _, err := drive(t, Config{URL: []string{g.openGuarded(t)}, Accounts: 3}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	for _, n := range []int{-1, MaxAccounts + 1} {
		if _, err := drive(t, Config{URL: []string{"http://localhost:1"}, Accounts: n}); !errors.Is(err, ErrScenario) {
			t.Errorf("%d accounts: %v", n, err)
		}
	}
}

// A code that was typed is not typed again, and a session is not sent as two.
func TestAnAccountsCookies(t *testing.T) {
	t.Parallel()
	a := newAccount("x", 70_000)
	a.keepCookies([]*http.Cookie{{Name: "session", Value: "1"}, {Name: "flow", Value: "2"}})
	a.keepCookies([]*http.Cookie{{Name: "flow", MaxAge: -1}, {Name: "session", Value: "3"}})
	q := httptest.NewRequest(http.MethodPost, "http://shop.test:81/x", nil)
	a.sign(q)
	if got := q.Header.Get("Cookie"); got != "session=3" || a.Session() != got {
		t.Errorf("cookies %q, session %q", got, a.Session())
	}
	if q.Header.Get("X-Forwarded-For") != "10.1.17.112" || q.Header.Get("Origin") != "http://shop.test:81" || q.Header.Get("Sec-Fetch-Site") != "same-origin" {
		t.Errorf("%v", q.Header)
	}
	a.keepCookies([]*http.Cookie{{Name: "__Host-session", Value: "9"}})
	if a.Session() != "__Host-session=9" {
		t.Error(a.Session())
	}
	if a.forget(); a.Session() != "" {
		t.Error("a browser that was closed still has a session")
	}
}
