package instance

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// behindProxy is a browser behind the trusted proxy, which speaks TLS to it.
func behindProxy(t *testing.T, base, client string) *visitor {
	t.Helper()
	v := newVisitor(t, base)
	v.header = map[string]string{"X-Forwarded-For": client, "X-Forwarded-Proto": "https"}
	return v
}

// Limits refuse who guesses, and nobody else: not a school behind one address, and not the owner of an account that others guess at.
func TestLimitsOfSigningIn(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.MailDev, d.Config.MaxStock = false, true, 200
	d.Config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	a := d.start(t)
	t.Run("40 shoppers at 40 addresses behind one proxy", func(t *testing.T) {
		buyTogether(t, a, "town", func(n int) string { return fmt.Sprintf("192.0.2.%d", n) })
	})
	t.Run("40 shoppers at one address", func(t *testing.T) {
		buyTogether(t, a, "school", func(int) string { return "198.51.100.7" })
	})
	// While a sale takes purchases, passwords get little of the machine.
	if _, err := a.wiring.acts.Pause(t.Context(), demo(), ""); err != nil {
		t.Fatal(err)
	}
	t.Run("unknown names", func(t *testing.T) { checkUnknownNames(t, a) })
	t.Run("forged addresses", func(t *testing.T) { checkForgedAddresses(t, a) })
	t.Run("one budget for name and address", func(t *testing.T) { checkOneBudget(t, a) })
	t.Run("nobody is locked out", func(t *testing.T) {
		countedTogether(t, a, func(round int) string { return checkNobodyLockedOut(t, a, round) })
	})
}

// buyTogether lets 40 people sign up by code and buy at once.
func buyTogether(t *testing.T, a *Instance, name string, from func(n int) string) {
	var bought atomic.Int64
	var all sync.WaitGroup
	for n := range 40 {
		v := behindProxy(t, a.URL(), from(n+1))
		all.Go(func() {
			who := fmt.Sprintf("%s_%d", name, n)
			if !v.signUpByCode(a, who+"@example.com", form{"username": who}) {
				return
			}
			r := v.buy()
			for r.Status == http.StatusAccepted {
				if r = v.get(r.Header.Get("Location")); r.Text("state") == "ordered" {
					r.Status = http.StatusCreated
				}
			}
			if r.Status != http.StatusCreated {
				t.Errorf("%s: %d %s", who, r.Status, r.Raw)
				return
			}
			bought.Add(1)
		})
	}
	all.Wait()
	if bought.Load() != 40 {
		t.Errorf("%d bought", bought.Load())
	}
}

// guesses tries wrong passwords, each at the next of names, until one is refused as too many, and says how many were taken.
func guesses(t *testing.T, v *visitor, most int, forge func(n int), names ...string) (taken int, wrong, refused reply) {
	t.Helper()
	for n := range most {
		if forge != nil {
			forge(n)
		}
		r := v.signIn(names[n%len(names)], "wrong "+strconv.Itoa(n))
		switch r.Status {
		case http.StatusUnauthorized:
			taken, wrong = taken+1, r
		case http.StatusTooManyRequests:
			return taken, wrong, r
		default:
			t.Fatalf("guess %d: %d %s", n, r.Status, r.Raw)
		}
	}
	return taken, wrong, refused
}

// budgetOf fails the test unless it is that of one account from one network: ten, and what comes back meanwhile.
func budgetOf(t *testing.T, taken int, refused reply) {
	t.Helper()
	refused.Is(t, http.StatusTooManyRequests, "too-many-requests")
	if taken < 10 || taken > 12 {
		t.Errorf("%d guesses were taken, want 10", taken)
	}
	if wait, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || wait < 1 || !strings.Contains(refused.Header.Get("RateLimit-Policy"), "sign-in") {
		t.Errorf("the refusal says %v", refused.Header)
	}
}

// known makes an account with a password and an address, from an address of this machine.
func known(t *testing.T, a *Instance, from, name string) *visitor {
	t.Helper()
	v := visitorFrom(t, from, a.URL())
	if !v.signUpByCode(a, name+"@example.com", form{"username": name, "password": goodPassword}) {
		t.FailNow()
	}
	return v
}

// told is an answer without what differs between two requests.
func told(r reply) string {
	delete(r.Body, "requestId")
	delete(r.Body, "instance")
	delete(r.Body, "retryAfter")
	return fmt.Sprintln(r.Status, r.Body, r.Header.Get("RateLimit-Policy"), len(r.Header))
}

// Nobody learns from the answers whether there is an account, and unknown names cost what known ones cost.
func checkUnknownNames(t *testing.T, a *Instance) {
	known(t, a, "127.0.0.20", "resident")
	stranger := visitorFrom(t, "127.0.0.21", a.URL())
	of, wrong, refused := guesses(t, stranger, 20, nil, "resident")
	ofNobody, wrongNobody, refusedNobody := guesses(t, stranger, 20, nil, "resident_of_nowhere")
	budgetOf(t, of, refused)
	budgetOf(t, ofNobody, refusedNobody)
	if told(wrong) != told(wrongNobody) || told(refused) != told(refusedNobody) {
		t.Errorf("a known name is told\n%s%s, an unknown one\n%s%s", told(wrong), told(refused), told(wrongNobody), told(refusedNobody))
	}
	one := stranger.post("/sign-in/code", form{"name": "resident"})
	other := visitorFrom(t, "127.0.0.21", a.URL()).post("/sign-in/code", form{"name": "resident_of_nowhere"})
	if one.Status != http.StatusAccepted || told(one) != told(other) {
		t.Errorf("a code for a known name is told %sfor an unknown one %s", told(one), told(other))
	}
}

// What somebody writes into the fields of proxies is no other address.
func checkForgedAddresses(t *testing.T, a *Instance) {
	direct := visitorFrom(t, "127.0.0.30", a.URL())
	taken, _, refused := guesses(t, direct, 20, func(n int) {
		direct.header = map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d", n), "Forwarded": fmt.Sprintf("for=203.0.113.%d", n), "X-Real-IP": fmt.Sprintf("203.0.113.%d", n)}
	}, "forged_directly")
	budgetOf(t, taken, refused)

	// The proxy adds the address that it sees at the end.
	through := behindProxy(t, a.URL(), "")
	taken, _, refused = guesses(t, through, 20, func(n int) {
		through.header["X-Forwarded-For"] = fmt.Sprintf("203.0.113.%d, 198.51.100.99", n)
	}, "forged_behind")
	budgetOf(t, taken, refused)

	// Nor does a stranger's word make a connection one with TLS.
	direct.header = map[string]string{"X-Forwarded-Proto": "https"}
	direct.post("/sign-in/code", form{"name": "forged@example.com"})
	if _, plain := direct.cookies["code"]; !plain || direct.cookies["__Host-code"] != "" {
		t.Errorf("the cookies are %v", direct.cookies)
	}
}

// An account has one budget, however it is spelled and whichever of its names is tried.
func checkOneBudget(t *testing.T, a *Instance) {
	known(t, a, "127.0.0.40", "spelled")
	guesser := visitorFrom(t, "127.0.0.41", a.URL())
	taken, _, refused := guesses(t, guesser, 40, nil, "spelled", "spelled@example.com", "SPELLED", "Spelled@Example.com")
	budgetOf(t, taken, refused)
	for _, name := range []string{"spelled", "spelled@example.com"} {
		if r := guesser.signIn(name, goodPassword); r.Status != http.StatusTooManyRequests {
			t.Errorf("%s with the right password beyond the budget: %d", name, r.Status)
		}
	}
}

// However much strangers guess, the owner signs in where the owner has signed in before. Each round is about another account, from
// other networks. It says what was wrong.
func checkNobodyLockedOut(t *testing.T, a *Instance, round int) (wrong string) {
	t.Helper()
	name, home := fmt.Sprintf("wanted_%d", round), fmt.Sprintf("127.0.%d.50", 20+round)
	known(t, a, home, name)
	who, err := a.wiring.users.WithName(t.Context(), name)
	if err != nil || who.ID == 0 {
		t.Fatal(who, err)
	}
	// As many as all strangers together may, from more networks than a test can guess from.
	spent := false
	for n := 0; n < 400 && !spent; n++ {
		v := a.wiring.limits.Take(t.Context(), "sign-in", "account:"+strconv.FormatInt(who.ID, 10), fmt.Sprintf("network:203.0.113.%d:1", n%200))
		spent = !v.OK && v.Limit >= 300
	}
	if !spent {
		return "strangers have no budget in common"
	}
	stranger := visitorFrom(t, fmt.Sprintf("127.0.%d.51", 20+round), a.URL())
	if r := stranger.signIn(name, goodPassword); r.Status != http.StatusTooManyRequests {
		return fmt.Sprintf("one more stranger: %d %s", r.Status, r.Raw)
	}
	owner := visitorFrom(t, home, a.URL())
	if r := owner.signIn(name, goodPassword); r.Status != http.StatusOK {
		return fmt.Sprintf("the owner: %d %s", r.Status, r.Raw)
	}

	// The same with codes: seven networks ask for as many as they may. The mail of the sign-up was a while ago.
	if _, err := a.wiring.servers.pool.Exec(t.Context(), `UPDATE login_codes SET created_at = created_at - interval '2 minutes'`); err != nil {
		t.Fatal(err)
	}
	_, spentLink := a.mailTo(t, name+"@example.com")
	for n := range 7 {
		asks := visitorFrom(t, fmt.Sprintf("127.0.%d.%d", 40+round, n+1), a.URL())
		for range 5 {
			asks.cookies = map[string]string{}
			asks.post("/sign-in/code", form{"name": name})
		}
	}
	if r := stranger.post("/sign-in/code", form{"name": name}); r.Status != http.StatusTooManyRequests {
		return fmt.Sprintf("one more stranger asks for a code: %d %s", r.Status, r.Raw)
	}
	owner = visitorFrom(t, home, a.URL())
	if r := owner.post("/sign-in/code", form{"name": name}); r.Status != http.StatusAccepted {
		return fmt.Sprintf("the owner asks for a code: %d %s", r.Status, r.Raw)
	}
	link := spentLink
	eventually(t, "a mail with another link", func() bool { _, link = a.mailTo(t, name+"@example.com"); return link != spentLink })
	if r := owner.post(link, nil); r.Text("username") != name {
		return fmt.Sprintf("the owner with the link of the mail: %d %s", r.Status, r.Raw)
	}
	return ""
}
