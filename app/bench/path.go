package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// The paths that are visited in each cycle.
const (
	pathNoop     = "noop"
	pathConstant = "constant"
	pathSoldOut  = "sold-out"
	pathStatus   = "status"
	pathReserve  = "reserve"
	pathPurchase = "purchases"
)

// Profiled are the paths of which a profile can be taken: all but the yardsticks', which have none to give.
func Profiled() []string { return []string{pathSoldOut, pathStatus, pathReserve, pathPurchase} }

// path is one kind of request to one process, with everything that was measured of it.
type path struct {
	name   string
	about  string
	target Target
	want   int // the code that counts
	load   *generator
	// begin brings the process into the state in which every answer is the wanted one, and gives the requests.
	begin func(context.Context) (requests, error)
	// after waits until the process has nothing left to do that the slice has caused; nil: it never has.
	after func(context.Context) error

	slices []slice
	took   []time.Duration // of every wanted answer
}

// slice is what one visit gave. Costs cover all answers of the visit and what they left to be done after it.
type slice struct {
	rate    float64 // wanted answers a second
	p50     time.Duration
	p99     time.Duration
	answers int
	codes   map[int]int
	settled time.Duration
	cost    cost
}

// cost is what a visit cost in all. A part that could not be measured is missing.
type cost map[string]float64

// What a cost consists of; CPU in seconds.
const (
	costCPU       = "cpu"
	costServers   = "cpuOfServers"
	costGenerator = "cpuOfGenerator"
	costMallocs   = "allocations"
	costBytes     = "bytes"
)

func (m *meter) allPaths() ([]*path, error) {
	product := m.cfg.Product
	all := []*path{
		{name: pathNoop, about: "an echo handler that does nothing", target: m.cfg.Noop, want: http.StatusNoContent},
		{name: pathConstant, about: "an echo handler that reads the press and sends a constant 409", target: m.cfg.Noop, want: http.StatusConflict},
		{name: pathSoldOut, about: "presses answered 409 sold out", target: product, want: http.StatusConflict, begin: m.sellOut},
		{name: pathStatus, about: "GET status", target: product, want: http.StatusOK},
		{name: pathReserve, about: "presses that go up to Redis: 409 all places held", target: m.cfg.Saturated, want: http.StatusConflict},
		{name: pathPurchase, about: "confirmed purchases, 201 after the commit", target: product, want: http.StatusCreated,
			begin: m.openSale, after: m.settle},
	}
	var paths []*path
	// One generator for each process: idle connections would have to make room for the streams, and the next press on
	// them would find itself without one.
	loads := map[string]*generator{}
	for _, p := range all {
		if p.target.URL == "" {
			continue
		}
		if loads[p.target.URL] == nil {
			var err error
			if loads[p.target.URL], err = newGenerator(p.target.URL, m.cfg.Connections); err != nil {
				return nil, err
			}
		}
		p.load = loads[p.target.URL]
		paths = append(paths, p)
	}
	for _, p := range paths {
		switch p.name {
		case pathNoop:
			p.begin = always(pressAt(noopPath, p.load.host))
		case pathConstant:
			p.begin = always(pressAt(constantPath, p.load.host))
		case pathStatus:
			p.begin = always([]byte("GET /api/flash-sale/status HTTP/1.1\r\nHost: " + p.load.host + "\r\n\r\n"))
		case pathReserve:
			host := p.load.host
			p.begin = func(context.Context) (requests, error) { return m.presses(host, SaturatedShoppers, true), nil }
		}
	}
	return paths, nil
}

func always(request []byte) func(context.Context) (requests, error) {
	return func(context.Context) (requests, error) { return fixed(request), nil }
}

// SaturatedShoppers is how many shoppers of the series the saturated instance has to know.
const SaturatedShoppers = 1000

// pressTail is a press from behind the Host field.
func pressTail(name []byte) []byte {
	b := append([]byte("\r\nContent-Type: application/json\r\nContent-Length: "), strconv.Itoa(len(name)+15)...)
	b = append(append(b, "\r\n\r\n{\"username\":\""...), name...)
	return append(b, '"', '}')
}

// pressAt is the same press every time, for one of the yardsticks.
func pressAt(path, host string) []byte {
	return append([]byte("POST "+path+" HTTP/1.1\r\nHost: "+host), pressTail(appendName(nil, 0))...)
}

// presses are those of the first n shoppers of the series, from one of chance onwards, each once or again and again.
func (m *meter) presses(host string, n int, repeat bool) requests {
	first := m.dice.IntN(n)
	return presses(host, func(at int) (shopper int, more bool) { return (first + at) % n, at < n || repeat })
}

// pressesOf are those of the shoppers from one to another of the series, each once.
func (m *meter) pressesOf(host string, from, to int) requests {
	return presses(host, func(at int) (shopper int, more bool) { return from + at, from+at < to })
}

// presses asks who presses next, by the number of the press.
func presses(host string, who func(at int) (shopper int, more bool)) requests {
	head := []byte("POST /api/flash-sale/purchase HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: ")
	count := &atomic.Int64{}
	return func(b []byte) ([]byte, bool) {
		shopper, more := who(int(count.Add(1)) - 1)
		if !more {
			return b, false
		}
		var space [48]byte
		name := appendName(space[:0], shopper)
		b = append(b, head...)
		b = strconv.AppendInt(b, int64(len(name)+15), 10)
		b = append(append(b, "\r\n\r\n{\"username\":\""...), name...)
		return append(b, '"', '}'), true
	}
}

// buyers are the shoppers kept back to sell a sale out, so that nobody who presses then has a receipt.
const buyers = 5

// sellOut begins a small sale and sells it.
func (m *meter) sellOut(ctx context.Context) (requests, error) {
	if err := m.shop.begin(ctx, buyers); err != nil {
		return nil, err
	}
	for n := range buyers {
		name := string(appendName(nil, m.cfg.Shoppers-1-n))
		if err := m.shop.order(ctx, "/api/flash-sale/purchase", map[string]string{"username": name}, nil); err != nil {
			return nil, err
		}
	}
	err := m.shop.await(ctx, "the sale is sold out", func(now state) bool { return now.Status == "sold-out" })
	return m.presses(m.host(pathSoldOut), m.cfg.Shoppers-buyers, true), err
}

// openSale begins a sale in which there is a unit for everybody.
func (m *meter) openSale(ctx context.Context) (requests, error) {
	if err := m.shop.begin(ctx, m.cfg.Shoppers); err != nil {
		return nil, err
	}
	return m.presses(m.host(pathPurchase), m.cfg.Shoppers, false), nil
}

func (m *meter) host(name string) string { return m.path(name).load.host }

func (m *meter) path(name string) *path {
	at := slices.IndexFunc(m.paths, func(p *path) bool { return p.name == name })
	if at < 0 {
		return nil
	}
	return m.paths[at]
}

// cycle visits every path once. Where it begins moves on from cycle to cycle, so that no path always follows the
// same other one.
func (m *meter) cycle(ctx context.Context, n int) error {
	for i := range m.paths {
		p := m.paths[(n+i)%len(m.paths)]
		m.bar.say(fmt.Sprintf("cycle %d of %d: %s", n+1, m.cfg.Cycles, p.name))
		if err := m.visit(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	m.bar.step()
	return nil
}

// visit measures one slice of a path.
func (m *meter) visit(ctx context.Context, p *path) error {
	next, err := p.begin(ctx)
	if err != nil {
		return err
	}
	before := m.look(ctx, p.target)
	t, err := p.load.run(ctx, shift{warm: m.cfg.Slice / 5, length: m.cfg.Slice}, p.want, next)
	if err != nil {
		return err
	}
	answered := time.Now()
	if p.after != nil {
		if err := p.after(ctx); err != nil {
			return err
		}
	}
	after := m.look(ctx, p.target)
	s := slice{rate: t.rate(p.want), p50: quantile(t.latencies, 0.5), p99: quantile(t.latencies, 0.99),
		answers: t.all, codes: t.codes, settled: time.Since(answered), cost: m.spent(p.target, before, after)}
	p.slices = append(p.slices, s)
	if p.name == pathPurchase {
		p.took = append(p.took, t.latencies...)
	}
	if t.broken > 0 {
		m.note("%s: %d requests had no answer, one of them: %v", p.name, t.broken, t.cause)
	}
	return nil
}

// settle waits until the ledger has passed every claim and every event is published: what a slice of purchases
// leaves to be done is part of its cost, and no other slice's.
func (m *meter) settle(ctx context.Context) error { return m.settleWithin(ctx, settleTime) }

func (m *meter) settleWithin(ctx context.Context, patience time.Duration) error {
	last, still := -1.0, 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		s, err := m.scrape(ctx, m.cfg.Product)
		if err != nil {
			return pause(ctx, time.Second) // as long as most of it takes
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
	m.note("events were still being published %v after a slice of purchases", patience)
	return nil
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
