package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

var errRanOut = errors.New("too few shoppers or accounts: all had pressed before the measurement began")

// answerTime is how long an answer may take. A slice may end later than wanted by so much.
const answerTime = 10 * time.Second

// generator sends one kind of request over a fixed number of keep-alive connections. Each connection sends its next
// request when it has read the answer to the last one (a closed loop). The connections stay open between the runs, and
// there is one run at a time.
type generator struct {
	host  string
	conns []*conn
}

// newGenerator makes a generator for a base address like http://127.0.0.1:3001.
func newGenerator(base string, connections int) (*generator, error) {
	host, address, err := addressOf(base)
	if err != nil {
		return nil, err
	}
	g := &generator{host: host, conns: make([]*conn, connections)}
	for i := range g.conns {
		g.conns[i] = &conn{address: address}
	}
	return g, nil
}

// addressOf gives, of a base address, the value of the Host field and the address to connect to.
func addressOf(base string) (host, address string, err error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return "", "", fmt.Errorf("%w: %q is not like http://127.0.0.1:3001 (bench speaks plain HTTP/1.1)", errTarget, base)
	}
	if u.Port() == "" {
		return u.Host, u.Host + ":80", nil
	}
	return u.Host, u.Host, nil
}

// spread divides the connections among these processes. It is called before the first run.
func (g *generator) spread(over []Target) error {
	for i, c := range g.conns {
		var err error
		if _, c.address, err = addressOf(over[i%len(over)].URL); err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) close() {
	for _, c := range g.conns {
		c.close()
	}
}

// requests appends the next request to b; false means that none is left for any connection. Many goroutines call it at
// once.
type requests func(b []byte) ([]byte, bool)

// fixed is the same request every time.
func fixed(request []byte) requests {
	return func(b []byte) ([]byte, bool) { return append(b, request...), true }
}

// timing says how long a run takes: first warm, whose answers are not counted, then length. With length 0 the run ends
// when no requests are left.
type timing struct{ warm, length time.Duration }

// tally is the result of a run.
type tally struct {
	codes     map[int]int     // counted answers by status code
	all       int             // answers, counted or not
	broken    int             // requests without an answer
	cause     error           // of one of those
	counted   time.Duration   // the time in which answers were counted
	latencies []time.Duration // of the counted answers with the wanted code, the shortest first
	last      time.Time       // of the last such answer
}

func (t *tally) good(want int) int { return t.codes[want] }

// rate is wanted answers a second.
func (t *tally) rate(want int) float64 {
	if t.counted <= 0 {
		return 0
	}
	return float64(t.codes[want]) / t.counted.Seconds()
}

// run sends requests for the time that s gives. It returns when every request has its answer.
func (g *generator) run(ctx context.Context, s timing, want int, next requests) (tally, error) {
	began := time.Now()
	from, until := began.Add(s.warm), began.Add(s.warm+s.length)
	if s.length == 0 {
		until = began.Add(time.Hour)
	}
	workers := make([]worker, len(g.conns))
	var wg sync.WaitGroup
	for i, c := range g.conns {
		w := &workers[i]
		w.conn, w.from, w.until, w.want, w.next = c, from, until, want, next
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	t := tally{codes: map[int]int{}}
	ended := until
	for i := range workers {
		t.add(&workers[i])
		if out := workers[i].out; !out.IsZero() && out.Before(ended) {
			ended = out
		}
	}
	if s.length == 0 {
		ended = t.last
	}
	if t.counted = ended.Sub(from); t.all > 0 && !ended.After(from) {
		return t, fmt.Errorf("%w: %d answers came within the first %v, which do not count", errRanOut, t.all, s.warm)
	}
	slices.Sort(t.latencies)
	if ctx.Err() != nil {
		return t, ctx.Err()
	}
	if t.all == 0 {
		return t, fmt.Errorf("no request to %s was answered: %w", g.host, t.cause)
	}
	return t, nil
}

func (t *tally) add(w *worker) {
	for code, n := range w.codes {
		t.codes[code] += n
	}
	t.all += w.all
	t.broken += w.broken
	if w.cause != nil {
		t.cause = w.cause
	}
	t.latencies = append(t.latencies, w.latencies...)
	if w.last.After(t.last) {
		t.last = w.last
	}
}

// worker sends the requests of one connection during one run.
type worker struct {
	conn        *conn
	from, until time.Time
	want        int
	next        requests

	codes       map[int]int
	all, broken int
	cause       error
	latencies   []time.Duration
	last, out   time.Time // out: when no requests were left
}

func (w *worker) run(ctx context.Context) {
	w.codes = make(map[int]int, 4)
	var request []byte
	for now := time.Now(); now.Before(w.until) && ctx.Err() == nil; {
		var more bool
		if request, more = w.next(request[:0]); !more {
			w.out = now
			return
		}
		code, _, err := w.conn.do(ctx, request, now.Add(answerTime))
		sent := now
		now = time.Now()
		if err != nil {
			w.broken++
			if w.cause = err; w.broken > 100 {
				return // the server does not speak HTTP, or has ended
			}
			continue
		}
		w.note(code, sent, now)
	}
}

func (w *worker) note(code int, sent, now time.Time) {
	w.all++
	if now.Before(w.from) || now.After(w.until) {
		return
	}
	w.codes[code]++
	if code == w.want {
		w.latencies = append(w.latencies, now.Sub(sent))
		w.last = now
	}
}
