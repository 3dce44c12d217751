package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashsale/app/stress"
)

// The paths of the instance outside demo mode. Each is compared with the same path of the product, which is in demo mode.
const (
	pathSignedInSoldOut  = "signed-in-" + pathSoldOut
	pathSignedInPurchase = "signed-in-" + pathPurchase
	pathSignedInPage     = "signed-in-" + pathPage
)

// partner is the path that a path is compared with; "" when there is none.
func (p *path) partner() string {
	for _, prefix := range []string{"signed-in-", prefixHandshake, prefixFresh, prefixSecure, prefixTwo} {
		if name, ok := strings.CutPrefix(p.name, prefix); ok {
			return name
		}
	}
	return ""
}

// SignedIn is an instance outside demo mode. It shows mails at /dev/mail, and believes 127.0.0.1 what it forwards, so that the
// accounts are made from an address each.
type SignedIn struct {
	Target
	// Operator does what only operators may there.
	Operator Operator
}

// Operator does on an instance outside demo mode what only its operators may.
type Operator interface {
	// Begin begins a sale of so many units.
	Begin(ctx context.Context, units int) error
	// Verify fails when an invariant is broken.
	Verify(ctx context.Context) error
}

// members are the accounts of the instance outside demo mode, with the session of each as a Cookie field has it.
type members struct {
	signIns  *stress.SignIns
	accounts []*stress.Account
	cookies  []string
}

// signUp makes the accounts. Without them what needs sessions is not measured, and the report says why.
func (m *meter) signUp(ctx context.Context) error {
	if m.cfg.SignedIn.URL == "" {
		return nil
	}
	m.bar.show("accounts")
	m.members.signIns = stress.NewSignIns(m.cfg.SignedIn.URL)
	if m.cfg.betweenMails > 0 {
		m.members.signIns.Pause = m.cfg.betweenMails
	}
	list, err := m.members.signIns.Create(ctx, m.cfg.Accounts, func() {})
	if errors.Is(err, stress.ErrAccounts) {
		m.note("purchases with sessions: not measured: %v", err)
		m.paths = slices.DeleteFunc(m.paths, func(p *path) bool { return p.target == m.cfg.SignedIn.Target })
		m.members.accounts = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	m.members.accounts = list
	for _, a := range list {
		// They signed in as through a proxy that speaks TLS; the presses come from this machine over HTTP, where the cookie has its
		// plain name.
		m.members.cookies = append(m.members.cookies, strings.TrimPrefix(a.Session(), "__Host-"))
	}
	return nil
}

func (m *members) close() {
	if m.signIns != nil {
		m.signIns.Close()
	}
}

// distances gives every connection a loopback address of its own to come from, as shoppers have: outside demo mode an address
// may press only so often. Only Linux has these addresses without configuration.
func (g *generator) distances() {
	if runtime.GOOS != "linux" {
		return
	}
	for i, c := range g.conns {
		c.from = &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+i/250), byte(1+i%250))}
	}
}

// viewSignedIn asks for the first page by one account after the other.
func (m *meter) viewSignedIn(context.Context) (requests, error) {
	host, count := m.path(pathSignedInPage).load.host, &atomic.Int64{}
	return func(b []byte) ([]byte, bool) {
		cookie := m.members.cookies[int(count.Add(1))%len(m.members.cookies)]
		b = append(append(appendView(b, host), "Cookie: "...), cookie...)
		return append(b, "\r\n\r\n"...), true
	}, nil
}

// cookieRequests are one request each of the first n accounts, or with repeat again and again. They begin at a random account.
func (m *meter) cookieRequests(host string, n int, repeat bool) requests {
	first, count := m.random.IntN(n), &atomic.Int64{}
	return func(b []byte) ([]byte, bool) {
		at := int(count.Add(1)) - 1
		if at >= n && !repeat {
			return b, false
		}
		return appendPress(b, host, m.members.cookies[(first+at)%n]), true
	}
}

// appendPress appends a press by the owner of a session. It names nobody: the session says who it is.
func appendPress(b []byte, host, cookie string) []byte {
	b = append(append(b, "POST /api/flash-sale/purchase HTTP/1.1\r\nHost: "...), host...)
	b = append(append(b, "\r\nCookie: "...), cookie...)
	return append(b, "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"...)
}

// beginSignedIn begins a sale of the instance outside demo mode and returns when its units are on sale.
func (m *meter) beginSignedIn(ctx context.Context, units int) error {
	before, err := m.outside.status(ctx)
	if err != nil {
		return err
	}
	if err := m.cfg.SignedIn.Operator.Begin(ctx, units); err != nil {
		return fmt.Errorf("begin a sale: %w", err)
	}
	return m.outside.await(ctx, "the new units are on sale", func(now state) bool {
		return now.Generation > before.Generation && now.Status == "active" && now.MaxStock == units && now.Sold == 0
	})
}

// openSignedIn is openSale with sessions.
func (m *meter) openSignedIn(ctx context.Context) (requests, error) {
	n := len(m.members.cookies)
	if err := m.beginSignedIn(ctx, n); err != nil {
		return nil, err
	}
	return m.cookieRequests(m.host(pathSignedInPurchase), n, false), nil
}

// sellOutSignedIn is sellOut with sessions.
func (m *meter) sellOutSignedIn(ctx context.Context) (requests, error) {
	if err := m.beginSignedIn(ctx, buyers); err != nil {
		return nil, err
	}
	load, n := m.path(pathSignedInSoldOut).load, len(m.members.cookies)
	for i := range buyers {
		if err := load.buy(ctx, i, m.members.cookies[n-1-i]); err != nil {
			return nil, err
		}
	}
	err := m.outside.await(ctx, "the sale is sold out", func(now state) bool { return now.Status == "sold-out" })
	return m.cookieRequests(load.host, n-buyers, true), err
}

// buy presses until the press has its receipt.
func (g *generator) buy(ctx context.Context, conn int, cookie string) error {
	for try := 0; ; try++ {
		code, body, err := g.conns[conn%len(g.conns)].do(ctx, appendPress(nil, g.host, cookie), time.Now().Add(answerTime))
		if err == nil && (code == http.StatusCreated || code == http.StatusOK) {
			return nil
		}
		if try == 20 {
			return errors.Join(fmt.Errorf("a press with a session answers %d: %.300s", code, body), err)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// settleSignedIn is settle for the instance outside demo mode.
func (m *meter) settleSignedIn(ctx context.Context) error {
	return m.settleAt(ctx, m.cfg.SignedIn.Target, settleTime)
}

// stations are the paths in the order in which a cycle measures them. Two that are compared are one station: they are measured
// one directly after the other, in each cycle in the other order.
func stations(paths []*path) [][]*path {
	var list [][]*path
	for _, p := range paths {
		at := slices.IndexFunc(list, func(s []*path) bool { return s[0].name == p.partner() })
		if at < 0 {
			list = append(list, []*path{p})
		} else {
			list[at] = append(list[at], p)
		}
	}
	return list
}

const (
	// stormRounds is how often purchases are measured beside a storm of sign-ins and without one, in turn.
	stormRounds = 3
	// stormRate is how many shoppers press in a second meanwhile, stormTime for how long they do. The rate is far below what the
	// instance can do, because the question is whether it still does that.
	stormRate = 1000
	stormTime = 4 * time.Second
)

// stormFigures compare purchases beside many sign-ins by code with those without. Latencies count from when a press was due.
type stormFigures struct {
	SignIns int `json:"signIns"`
	// Took is how long the sign-ins took, in milliseconds.
	Took *quartiles `json:"signInsTookMs"`
	// Presses are those that were due while the sign-ins were under way. Refused are those of all that were not answered 201.
	Presses int `json:"presses"`
	Refused int `json:"refused"`
	// Calm and Storm are the p99 of purchases without and with the sign-ins, Ratio the second divided by the first, per round.
	Calm  *quartiles `json:"p99WithoutMs"`
	Storm *quartiles `json:"p99WithMs"`
	Ratio *quartiles `json:"ratioOfP99"`
}

// measureStorm lets accounts sign in by code, all at once, while a sale runs.
func (m *meter) measureStorm(ctx context.Context) error {
	if m.cfg.Storm == 0 || len(m.members.accounts) == 0 {
		return nil
	}
	m.bar.show("a storm of sign-ins")
	found := stormFigures{SignIns: m.cfg.Storm}
	var took, calm, storm, ratio []float64
	for n := range stormRounds {
		list := m.members.accounts[n*m.cfg.Storm : (n+1)*m.cfg.Storm]
		if err := m.members.signIns.Rest(ctx, list); err != nil {
			return err
		}
		signIn := func(ctx context.Context) error { return m.members.signIns.SignIn(ctx, list, func() {}) }
		beside, without := stormRun{}, stormRun{}
		runs := []func() error{
			func() (err error) { beside, err = m.pressBeside(ctx, signIn); return err },
			func() (err error) { without, err = m.pressBeside(ctx, nil); return err },
		}
		if n%2 == 1 {
			slices.Reverse(runs)
		}
		for _, run := range runs {
			if err := run(); err != nil {
				return fmt.Errorf("a storm of sign-ins: %w", err)
			}
		}
		found.Presses, found.Refused = found.Presses+len(beside.latencies), found.Refused+beside.refused+without.refused
		b, w := milliseconds(quantile(beside.latencies, .99)), milliseconds(quantile(without.latencies, .99))
		took, calm, storm = append(took, milliseconds(beside.took)), append(calm, w), append(storm, b)
		if w > 0 && b > 0 {
			ratio = append(ratio, b/w)
		}
	}
	found.Took, found.Calm, found.Storm, found.Ratio = quartilesOf(took), quartilesOf(calm), quartilesOf(storm), quartilesOf(ratio)
	m.report.Storm = &found
	return nil
}

// stormRun is one run of presses at a rate. latencies are of the 201s that were due while something else was under way, or of
// all; the shortest first. took is how long that took.
type stormRun struct {
	latencies []time.Duration
	refused   int
	took      time.Duration
}

// pressed is one press at a rate, due and took counted from the start of the run and from when it was due.
type pressed struct {
	due, took time.Duration
	code      int
}

// pressBeside begins a sale and lets one account after the other press at a rate, while meanwhile is under way; nil: alone.
func (m *meter) pressBeside(ctx context.Context, meanwhile func(context.Context) error) (stormRun, error) {
	n := min(len(m.members.cookies), int(stormRate*stormTime.Seconds()))
	if err := m.beginSignedIn(ctx, len(m.members.cookies)); err != nil {
		return stormRun{}, err
	}
	load := m.path(pathSignedInPurchase).load
	until, began := time.Hour, time.Now()
	var failed error
	var wg sync.WaitGroup
	if meanwhile != nil {
		wg.Go(func() {
			failed = meanwhile(ctx)
			until = time.Since(began)
		})
	}
	presses, err := load.atRate(ctx, stormRate, n, began, func(b []byte, at int) []byte { return appendPress(b, load.host, m.members.cookies[at]) })
	wg.Wait()
	if err == nil {
		err = failed
	}
	if err != nil {
		return stormRun{}, err
	}
	found := stormRun{took: until}
	for _, p := range presses {
		switch {
		case p.code != http.StatusCreated:
			found.refused++
		case p.due <= until:
			found.latencies = append(found.latencies, p.took)
		}
	}
	slices.Sort(found.latencies)
	return found, m.settleSignedIn(ctx)
}

// atRate sends n presses, so many a second, whatever the instance does, over as many connections as there are. press appends the
// request of the n-th; many goroutines call it at once.
func (g *generator) atRate(ctx context.Context, rate, n int, began time.Time, press func(b []byte, at int) []byte) ([]pressed, error) {
	presses := make([]pressed, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for _, c := range g.conns {
		wg.Go(func() {
			var request []byte
			for at := int(next.Add(1)) - 1; at < n; at = int(next.Add(1)) - 1 {
				p := &presses[at]
				p.due = time.Duration(at) * time.Second / time.Duration(rate)
				if pause(ctx, time.Until(began.Add(p.due))) != nil {
					return
				}
				request = press(request[:0], at)
				p.code, _, _ = c.do(ctx, request, time.Now().Add(answerTime)) // without an answer it is 0, and counts as refused
				p.took = time.Since(began.Add(p.due))
			}
		})
	}
	wg.Wait()
	return presses, ctx.Err()
}
