package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeOutside is a flash sale outside demo mode in memory, with sign-in by code. It is its own operator.
type fakeOutside struct {
	*fakeProduct
	mu       sync.Mutex
	names    map[string]string // by session
	mails    []string          // the addresses, newest first
	signIns  int
	pressers map[string]bool // addresses of peers
	closed   bool            // nobody can sign in
	full     bool            // presses are refused while somebody signs in
	busy     int
	begun    []int
	pace     time.Duration // how long a press takes
	broken   error
}

func (f *fakeOutside) Begin(_ context.Context, units int) error {
	f.fakeProduct.mu.Lock()
	defer f.fakeProduct.mu.Unlock()
	f.stock, f.owners, f.generation = units, map[string]bool{}, f.generation+1
	f.begun = append(f.begun, units)
	return nil
}

func (f *fakeOutside) Verify(context.Context) error { return f.broken }

func openOutside(t *testing.T) (*fakeOutside, Config) {
	t.Helper()
	f := &fakeOutside{fakeProduct: newFakeProduct(), names: map[string]string{}, pressers: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", f.metrics)
	mux.HandleFunc("GET /api/flash-sale/status", f.status)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, q *http.Request) {
		if _, err := q.Cookie("session"); err != nil || q.Header.Get("Accept-Encoding") != "gzip" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /api/flash-sale/purchase", f.press)
	mux.HandleFunc("POST /sign-in/code", func(w http.ResponseWriter, q *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.closed {
			http.Error(w, "{}", http.StatusNotFound)
			return
		}
		var asked struct{ Name string }
		_ = json.NewDecoder(q.Body).Decode(&asked)
		f.mails = slices.Insert(f.mails, 0, asked.Name)
		f.signIns++
		f.busy++
		http.SetCookie(w, &http.Cookie{Name: "code", Value: "c"})
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /dev/mail", func(w http.ResponseWriter, q *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for n, to := range f.mails {
			fmt.Fprintf(w, `<td>%s</td><td><a href="/dev/mail/%d">123456 is your code`, to, len(f.mails)-n)
		}
	})
	mux.HandleFunc("POST /sign-in/code/verify", func(w http.ResponseWriter, q *http.Request) { f.start(w, q, false) })
	mux.HandleFunc("POST /sign-up", func(w http.ResponseWriter, q *http.Request) { f.start(w, q, true) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	cfg := short(t, newFakeProduct())
	cfg.Crowd, cfg.Streams, cfg.Cycles, cfg.Accounts, cfg.betweenMails = Crowd{}, 0, 2, 30, time.Millisecond
	// Four connections press for 30 accounts in eight rounds: the last of them after the time that does not count.
	cfg.Slice, f.pace = 200*time.Millisecond, 15*time.Millisecond
	cfg.SignedIn = SignedIn{Target: Target{URL: server.URL, Ops: server.URL}, Operator: f}
	return f, cfg
}

// start gives a session: at a sign-up with the name, at a sign-in, whose flow does not say who it is, with another one.
func (f *fakeOutside) start(w http.ResponseWriter, q *http.Request, signUp bool) {
	var asked struct{ Username, Code string }
	_ = json.NewDecoder(q.Body).Decode(&asked)
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.signIns > 30; signUp || known {
		session := fmt.Sprint("s", len(f.names))
		f.names[session] = asked.Username
		f.busy--
		http.SetCookie(w, &http.Cookie{Name: "session", Value: session})
	}
	fmt.Fprint(w, `{}`)
}

func (f *fakeOutside) press(w http.ResponseWriter, q *http.Request) {
	f.mu.Lock()
	cookie, err := q.Cookie("session")
	name, refused := "", false
	if err == nil {
		name, refused = f.names[cookie.Value], f.full && f.busy > 0
	}
	f.pressers[strings.Split(q.RemoteAddr, ":")[0]] = true
	f.mu.Unlock()
	switch {
	case name == "":
		w.WriteHeader(http.StatusUnauthorized)
		return
	case refused:
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	time.Sleep(f.pace)
	q.Body = http.NoBody
	named := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(fmt.Sprintf(`{"username":%q}`, name)))
	f.purchase(w, named)
}

func TestPurchasesWithSessionsAreComparedWithDemoMode(t *testing.T) {
	t.Parallel()
	f, cfg := openOutside(t)
	r, err := run(t.Context(), cfg)
	if err != nil || !r.OK {
		t.Fatalf("%v %+v", err, r)
	}
	for name, want := range map[string]int{pathSignedInSoldOut: 409, pathSignedInPurchase: 201, pathSignedInPage: 200} {
		p := r.path(name)
		if p.Demo == nil || p.Ratio == nil || len(p.Codes) != 1 || p.Codes[want] == 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if r.path(pathPurchase).Demo != nil || r.path(pathNoop).Demo != nil {
		t.Error("demo mode was compared with itself")
	}
	if f.twice > 0 || len(f.names) != 30 || len(f.pressers) < 2 || !slices.Equal(slices.Sorted(slices.Values(f.begun)), []int{5, 5, 30, 30}) {
		t.Errorf("%d presses by owners, %d accounts, pressed from %v, sales of %v", f.twice, len(f.names), f.pressers, f.begun)
	}
	var text strings.Builder
	if err := r.writeText(&text); err != nil || !strings.Contains(text.String(), "confirmed purchases with sessions / in demo mode") {
		t.Errorf("%v\n%s", err, &text)
	}
}

// A slice in which all have pressed before it counts has no figures, and says so.
func TestAccountsThatRunOutAreSaid(t *testing.T) {
	t.Parallel()
	cfg := short(t, newFakeProduct())
	cfg.Slice, cfg.Shoppers = 5*time.Second, 100 // the first second does not count
	m, err := newMeter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	if err := m.measureSlice(t.Context(), m.path(pathPurchase)); !errors.Is(err, errRanOut) {
		t.Fatal(err)
	}
}

// The two of a pair are measured one after the other, and in the other order in the next cycle; every path once.
func TestPairsAreMeasuredTogether(t *testing.T) {
	t.Parallel()
	_, cfg := openOutside(t)
	if err := cfg.prepare(); err != nil {
		t.Fatal(err)
	}
	m, err := newMeter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	var order []string
	for _, s := range stations(m.paths) {
		names := []string{}
		for _, p := range s {
			names = append(names, p.name)
		}
		order = append(order, strings.Join(names, "+"))
	}
	want := []string{pathNoop, pathConstant, pathSoldOut + "+" + pathSignedInSoldOut, pathStatus, pathPage + "+" + pathSignedInPage, pathReserve, pathPurchase + "+" + pathSignedInPurchase}
	if !slices.Equal(order, want) {
		t.Fatalf("%v, want %v", order, want)
	}
}

// The quotient is that of the cycles: 0.5 and 1 here.
func TestTheQuotientIsThatOfEachCycle(t *testing.T) {
	t.Parallel()
	r := report{}
	r.finish([]*path{
		{name: pathNoop, slices: []slice{{rate: 1}, {rate: 1}}},
		{name: pathPurchase, slices: []slice{{rate: 200}, {rate: 400}}},
		{name: pathSignedInPurchase, slices: []slice{{rate: 100}, {rate: 400}}},
	})
	if q := r.toDemo(pathSignedInPurchase); q == nil || q.Median != .75 {
		t.Fatalf("%+v", q)
	}
	if q := r.toDemo(pathSignedInSoldOut); q != nil {
		t.Fatalf("not measured, and %+v", q)
	}
}

func TestAStormOfSignIns(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		f, cfg := openOutside(t)
		f.full, cfg.Storm, cfg.Cycles = full, 5, 1
		r, err := run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		s := r.Storm
		if s == nil || s.SignIns != 5 || f.signIns != 30+3*5 || s.Took.Median <= 0 || !full && (s.Calm.Median <= 0 || s.Refused != 0) || full && s.Refused == 0 {
			t.Fatalf("full %v: %d codes, %+v", full, f.signIns, s)
		}
		if verdict := r.stormGoal(); verdict.Found.Median != float64(s.Refused) || verdict.Why != "with 5 sign-ins" {
			t.Errorf("%+v", verdict)
		}
	}
}

func TestWithoutAccountsTheRestIsMeasured(t *testing.T) {
	t.Parallel()
	f, cfg := openOutside(t)
	f.closed, cfg.Cycles, cfg.Storm = true, 1, 5
	r, err := run(t.Context(), cfg)
	if err != nil || !r.OK || r.ratio(pathPurchase) == nil || r.toDemo(pathSignedInPurchase) != nil || r.Storm != nil {
		t.Fatalf("%v %+v", err, r)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "purchases with sessions: not measured: ") {
		t.Error(notes)
	}
}

func TestABrokenInvariantOutsideDemoModeIsNotOK(t *testing.T) {
	t.Parallel()
	f, cfg := openOutside(t)
	f.broken, cfg.Cycles = errors.New("I2 broken"), 1
	if r, err := run(t.Context(), cfg); err != nil || r.OK || !strings.Contains(strings.Join(r.Notes, "\n"), "outside demo mode: I2 broken") {
		t.Fatalf("%v %+v", err, r.Notes)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.SignedIn.Operator = nil }, func(c *Config) { c.Accounts = 9 }, func(c *Config) { c.Storm = 11 }, func(c *Config) { c.Storm = -1 },
	} {
		wrong := cfg
		change(&wrong)
		if err := wrong.prepare(); err == nil {
			t.Errorf("accepted: %d accounts, a storm of %d", wrong.Accounts, wrong.Storm)
		}
	}
}

// Shoppers come from many addresses, so a connection of the generator does, too.
func TestConnectionsComeFromAddressesOfTheirOwn(t *testing.T) {
	t.Parallel()
	g, err := newGenerator("http://127.0.0.1:1", 251)
	if err != nil {
		t.Fatal(err)
	}
	g.distances()
	if g.conns[0].from == nil {
		t.Skip("this system has one loopback address")
	}
	seen := map[string]bool{}
	for _, c := range g.conns {
		seen[c.from.IP.String()] = true
	}
	if len(seen) != 251 || seen["127.0.0.1"] {
		t.Errorf("%d addresses", len(seen))
	}
}

func TestAPressNamesNobody(t *testing.T) {
	t.Parallel()
	const want = "POST /api/flash-sale/purchase HTTP/1.1\r\nHost: h:1\r\nCookie: session=x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	if got := string(appendPress(nil, "h:1", "session=x")); got != want {
		t.Errorf("%q", got)
	}
}
