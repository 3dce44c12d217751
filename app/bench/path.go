package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"flashsale/app/stress"
)

// The paths: one slice of each is measured in every cycle.
const (
	pathNoop     = "noop"
	pathConstant = "constant"
	pathSoldOut  = "sold-out"
	pathStatus   = "status"
	pathPage     = "page"
	pathReserve  = "reserve"
	pathPurchase = "purchases"
)

// Profiled are the paths of which a profile can be taken: those of the product, and those of the instance outside demo mode.
func Profiled() []string {
	return []string{pathSoldOut, pathStatus, pathPage, pathReserve, pathPurchase, pathSignedInSoldOut, pathSignedInPage, pathSignedInPurchase}
}

// path is one kind of request to one process, with everything that was measured about it.
type path struct {
	name   string
	about  string
	target Target
	want   int // the status code of a wanted answer
	// connects is a prefix that says how its connections differ from those of the others; "": they do not.
	connects string
	load     *generator
	// begin prepares the process so that every answer is a wanted one, and gives the requests.
	begin func(context.Context) (requests, error)
	// after waits until the process has done all work that the slice has caused; nil when no work is left after an answer.
	after func(context.Context) error

	slices []slice
	took   []time.Duration // the latency of every wanted answer
}

// slice is one short measurement of a path. Its cost covers all answers and the work that they caused after them.
type slice struct {
	rate    float64 // wanted answers a second
	p50     time.Duration
	p99     time.Duration
	answers int
	codes   map[int]int
	settled time.Duration // from the last answer to the end of the work
	cost    cost
}

func (m *meter) allPaths() ([]*path, error) {
	product := m.cfg.Product
	all := []*path{
		{name: pathNoop, about: "an echo handler that does nothing", target: m.cfg.Noop, want: http.StatusNoContent},
		{name: pathConstant, about: "an echo handler that reads the purchase request and sends a constant 409", target: m.cfg.Noop, want: http.StatusConflict},
		{name: pathSoldOut, about: "purchase requests answered 409 sold out", target: product, want: http.StatusConflict, begin: m.sellOut},
		{name: pathStatus, about: "GET status", target: product, want: http.StatusOK},
		{name: pathPage, about: "views of the first page, compressed", target: product, want: http.StatusOK},
		{name: pathReserve, about: "purchase requests that go as far as Redis, answered 409 all claimed", target: m.cfg.Saturated, want: http.StatusConflict},
		{name: pathPurchase, about: "confirmed purchases, 201 after the commit", target: product, want: http.StatusCreated,
			begin: m.openSale, after: m.settle},
		{name: pathSignedInSoldOut, about: "the same 409 sold out, outside demo mode and with sessions", target: m.cfg.SignedIn.Target,
			want: http.StatusConflict, begin: m.sellOutSignedIn},
		{name: pathSignedInPage, about: "the same page, outside demo mode and with sessions", target: m.cfg.SignedIn.Target,
			want: http.StatusOK, begin: m.viewSignedIn},
		{name: pathSignedInPurchase, about: "the same 201, outside demo mode and with sessions", target: m.cfg.SignedIn.Target,
			want: http.StatusCreated, begin: m.openSignedIn, after: m.settleSignedIn},
	}
	all = append(all, m.securePaths()...)
	var paths []*path
	// Paths to one process share a generator. With one generator for each path more connections stay open, and the process
	// closes idle ones when the streams need them; the next request on such a connection fails.
	loads := map[string]*generator{}
	for _, p := range all {
		if p.target.URL == "" {
			continue
		}
		by := p.target.URL + p.connects
		if loads[by] == nil {
			base := p.target.URL
			if p.connects != "" {
				base = strings.Replace(base, "https:", "http:", 1) // equip adds the TLS
			}
			load, err := newGenerator(base, m.cfg.Connections)
			if err != nil {
				return nil, err
			}
			if p.target == m.cfg.SignedIn.Target || p.connects == prefixFresh || p.connects == prefixHandshake {
				load.distances()
			}
			m.cfg.Secure.equip(load, p.connects)
			loads[by] = load
		}
		p.load = loads[by]
		paths = append(paths, p)
	}
	for _, p := range paths {
		switch p.name {
		case pathNoop:
			p.begin = always(purchaseAt(noopPath, p.load.host))
		case pathConstant:
			p.begin = always(purchaseAt(constantPath, p.load.host))
		case pathStatus, prefixSecure + pathStatus, prefixTwo + pathStatus, prefixFresh + pathStatus, prefixHandshake + pathStatus:
			p.begin = always([]byte("GET /api/flash-sale/status HTTP/1.1\r\nHost: " + p.load.host + "\r\n\r\n"))
		case pathPage, prefixSecure + pathPage:
			p.begin = always(append(appendView(nil, p.load.host), "\r\n"...))
		case pathReserve:
			host := p.load.host
			p.begin = func(context.Context) (requests, error) { return m.purchaseRequests(host, SaturatedShoppers, true), nil }
		}
	}
	return paths, nil
}

// appendView asks for the first page as a browser does, but for the end of the header.
func appendView(b []byte, host string) []byte {
	b = append(append(b, "GET / HTTP/1.1\r\nHost: "...), host...)
	return append(b, "\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\nAccept-Language: en-GB,en;q=0.9\r\n"...)
}

func always(request []byte) func(context.Context) (requests, error) {
	return func(context.Context) (requests, error) { return fixed(request), nil }
}

// SaturatedShoppers is how many shoppers of the series the saturated instance must know.
const SaturatedShoppers = 1000

// purchaseTail is the part of a purchase request that follows the Host field.
func purchaseTail(name []byte) []byte {
	b := append([]byte("\r\nContent-Type: application/json\r\nContent-Length: "), strconv.Itoa(len(name)+15)...)
	b = append(append(b, "\r\n\r\n{\"username\":\""...), name...)
	return append(b, '"', '}')
}

// purchaseAt is a purchase request to another address, for the server that does nothing.
func purchaseAt(path, host string) []byte {
	return append([]byte("POST "+path+" HTTP/1.1\r\nHost: "+host), purchaseTail(stress.AppendShopper(nil, 1))...)
}

// purchaseRequests are those of the first n shoppers of the series. They begin at a random shopper. Each shopper asks
// once, or with repeat again and again.
func (m *meter) purchaseRequests(host string, n int, repeat bool) requests {
	first := m.random.IntN(n)
	return purchaseRequests(host, func(at int) (shopper int, more bool) { return (first + at) % n, at < n || repeat })
}

// purchaseRequestsOf are one request each of the shoppers from `from` up to, but not including, `to`.
func (m *meter) purchaseRequestsOf(host string, from, to int) requests {
	return purchaseRequests(host, func(at int) (shopper int, more bool) { return from + at, from+at < to })
}

// purchaseRequests asks who, with the number of the request from 0, which shopper sends it.
func purchaseRequests(host string, who func(at int) (shopper int, more bool)) requests {
	head := []byte("POST /api/flash-sale/purchase HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: ")
	count := &atomic.Int64{}
	return func(b []byte) ([]byte, bool) {
		shopper, more := who(int(count.Add(1)) - 1)
		if !more {
			return b, false
		}
		var space [48]byte
		name := stress.AppendShopper(space[:0], shopper+1)
		b = append(b, head...)
		b = strconv.AppendInt(b, int64(len(name)+15), 10)
		b = append(append(b, "\r\n\r\n{\"username\":\""...), name...)
		return append(b, '"', '}'), true
	}
}

// buyers is how many shoppers, the last of the series, buy all units before the sold-out path is measured. They send no
// request in the slice, because one who has a receipt gets it again instead of 409.
const buyers = 5

// sellOut begins a sale with few units and sells all of them.
func (m *meter) sellOut(ctx context.Context) (requests, error) {
	if err := m.operator.begin(ctx, buyers); err != nil {
		return nil, err
	}
	for n := range buyers {
		name := string(stress.AppendShopper(nil, m.cfg.Shoppers-n))
		if err := m.operator.act(ctx, "/api/flash-sale/purchase", map[string]string{"username": name}, nil); err != nil {
			return nil, err
		}
	}
	err := m.operator.await(ctx, "the sale is sold out", func(now state) bool { return now.Status == "sold-out" })
	return m.purchaseRequests(m.host(pathSoldOut), m.cfg.Shoppers-buyers, true), err
}

// openSale begins a sale with a unit for every shopper.
func (m *meter) openSale(ctx context.Context) (requests, error) {
	if err := m.operator.begin(ctx, m.cfg.Shoppers); err != nil {
		return nil, err
	}
	return m.purchaseRequests(m.host(pathPurchase), m.cfg.Shoppers, false), nil
}

func (m *meter) host(name string) string { return m.path(name).load.host }

func (m *meter) path(name string) *path {
	at := slices.IndexFunc(m.paths, func(p *path) bool { return p.name == name })
	if at < 0 {
		return nil
	}
	return m.paths[at]
}

// cycle measures one slice of every path. Each cycle begins with another station, so that each is the first one, the last one
// and between equally often.
func (m *meter) cycle(ctx context.Context, n int) error {
	all := stations(m.paths)
	for i := range all {
		station := all[(n+i)%len(all)]
		if n%2 == 1 {
			slices.Reverse(station)
		}
		for _, p := range station {
			m.bar.show(fmt.Sprintf("cycle %d of %d: %s", n+1, m.cfg.Cycles, p.name))
			if err := m.measureSlice(ctx, p); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	m.bar.step()
	return nil
}

// measureSlice measures one slice of a path.
func (m *meter) measureSlice(ctx context.Context, p *path) error {
	next, err := p.begin(ctx)
	if err != nil {
		return err
	}
	before := m.usage(ctx, p.target)
	t, err := p.load.run(ctx, timing{warm: m.cfg.Slice / 5, length: m.cfg.Slice}, p.want, next)
	if err != nil {
		return err
	}
	answered := time.Now()
	if p.after != nil {
		if err := p.after(ctx); err != nil {
			return err
		}
	}
	after := m.usage(ctx, p.target)
	s := slice{rate: t.rate(p.want), p50: quantile(t.latencies, 0.5), p99: quantile(t.latencies, 0.99),
		answers: t.all, codes: t.codes, settled: time.Since(answered), cost: m.spent(p.target, before, after)}
	p.slices = append(p.slices, s)
	if p.name == pathPurchase {
		p.took = append(p.took, t.latencies...)
	}
	if t.broken > 0 {
		m.note("%s: %d requests had no answer; the error of one of them: %v", p.name, t.broken, t.cause)
	}
	return nil
}

// settle waits until every claim is decided and every event is published. This work belongs to the cost of the slice that
// caused it, not to the next one.
func (m *meter) settle(ctx context.Context) error { return m.settleWithin(ctx, settleTime) }

func (m *meter) settleWithin(ctx context.Context, limit time.Duration) error {
	return m.settleAt(ctx, m.cfg.Product, limit)
}

func (m *meter) settleAt(ctx context.Context, at Target, limit time.Duration) error {
	last, still := -1.0, 0
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		s, err := m.scrape(ctx, at)
		if err != nil {
			return pause(ctx, time.Second) // without metrics: the time that most of the work takes
		}
		if s[metricPublished] == last && s[metricUnpublished] == 0 && s[metricLag] == 0 {
			still++
		} else {
			last, still = s[metricPublished], 0
		}
		if still >= 3 {
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	m.note("events were still being published %v after a slice of purchases", limit)
	return nil
}

// profileTime is how long a profile takes.
const profileTime = 8 * time.Second

// profile takes a CPU profile of the process of one path. The requests that it gets meanwhile are not in the figures.
func (m *meter) profile(ctx context.Context) error {
	if m.cfg.Profile == nil {
		return nil
	}
	m.bar.show("profile")
	p := m.path(m.cfg.ProfileOf)
	if p == nil || p.target.Ops == "" {
		return fmt.Errorf("no profile: %w", errUnmeasured)
	}
	result := make(chan error, 1)
	go func() { result <- m.fetchProfile(ctx, p.target.Ops) }()
	for {
		select {
		case err := <-result:
			return err
		default:
		}
		next, err := p.begin(ctx)
		if err == nil {
			_, err = p.load.run(ctx, timing{length: 4 * m.cfg.Slice}, p.want, next)
		}
		if err != nil {
			return errors.Join(err, <-result)
		}
	}
}

// fetchProfile asks a process for its profile, which it answers after profileTime.
func (m *meter) fetchProfile(ctx context.Context, ops string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*profileTime+answerTime)
	defer cancel()
	address := ops + "/debug/pprof/profile?seconds=" + strconv.Itoa(int(profileTime.Seconds()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("profile: %s answers %s", address, response.Status)
	}
	if _, err := io.Copy(m.cfg.Profile, response.Body); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}
