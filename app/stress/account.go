package stress

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Account is a shopper of an instance outside demo mode: who it is, and the cookies that it was given. Like a browser it
// keeps them and sends them back. It is safe for concurrent use.
type Account struct {
	// Name is the username. Email is the address that codes go to; "" when the session came from a file.
	Name, Email string
	// Address is where the account's requests come from, as a proxy in front would say. An instance believes it when
	// TRUSTED_PROXIES has this machine.
	Address string

	// spent is the last mail whose code was typed, and mailed when it came. They belong to whoever signs the account in; one
	// at a time does.
	spent  string
	mailed time.Time

	mu      sync.Mutex
	cookies map[string]string
}

// newAccount is the n-th account of a run, from 0. Runs with another tag have other accounts.
func newAccount(tag string, n int) *Account {
	name := fmt.Sprintf("stress_%s_%d", tag, n+1)
	return &Account{Name: name, Email: name + "@stress.example", Address: address(n), cookies: map[string]string{}}
}

// address gives each of sixteen million accounts an address of its own.
func address(n int) string { return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255) }

// sessionCookies are the names that a session's cookie may have: the first one where there is TLS, else the second.
func sessionCookies() [2]string { return [2]string{"__Host-session", "session"} }

// Session is the cookie of the session, as a Cookie field has it; "" without a session.
func (a *Account) Session() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range sessionCookies() {
		if v := a.cookies[name]; v != "" {
			return name + "=" + v
		}
	}
	return ""
}

// forget drops all cookies, as a browser that is closed.
func (a *Account) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.cookies)
}

// keepCookies takes the cookies that an answer sets, and drops those that it takes back.
func (a *Account) keepCookies(set []*http.Cookie) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range set {
		if c.MaxAge < 0 || c.Value == "" {
			delete(a.cookies, c.Name)
		} else {
			a.cookies[c.Name] = c.Value
		}
	}
}

// sign writes into a request what a browser of this account sends: from where it comes, all cookies, and that the page is
// the shop's own.
func (a *Account) sign(r *http.Request) {
	if a.Address != "" {
		r.Header.Set("X-Forwarded-For", a.Address)
		r.Header.Set("X-Forwarded-Proto", "https") // as the proxy of a shop does; over HTTP nobody signs in from elsewhere
	}
	r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	a.mu.Lock()
	defer a.mu.Unlock()
	pairs := make([]string, 0, len(a.cookies))
	for name, value := range a.cookies {
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) > 0 {
		r.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
}

// parseAccount reads a line of an accounts file: a username and the cookie of a session.
func parseAccount(line string, n int) (*Account, error) {
	name, cookie, _ := strings.Cut(strings.TrimSpace(line), " ")
	key, value, ok := strings.Cut(strings.TrimSpace(cookie), "=")
	if !ok || name == "" || value == "" || key != sessionCookies()[0] && key != sessionCookies()[1] {
		return nil, fmt.Errorf("%w: line %d of the accounts file is not like \"USERNAME session=VALUE\"", ErrAccounts, n+1) // it may hold a session
	}
	return &Account{Name: name, Address: address(n), cookies: map[string]string{key: value}}, nil
}

// ReadAccounts reads an accounts file: a username and the cookie of a session on each line.
func ReadAccounts(content string) ([]*Account, error) {
	var list []*Account
	for n, line := range strings.Split(strings.TrimRight(content, "\n"), "\n") {
		a, err := parseAccount(line, n)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}
