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

// answerTime is how long an answer may take at most, and so how much later than asked a slice may end.
const answerTime = 10 * time.Second

// generator presses the same kind of request over a fixed number of keep-alive connections, each of which sends
// the next request when it has read the answer to the last one: a closed loop. The connections stay open between
// the slices. One slice runs at a time.
type generator struct {
	host  string
	conns []*conn
}

// newGenerator makes one for a base address like http://127.0.0.1:3001.
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

// addressOf takes a base address apart: what the Host field says, and where to connect to.
func addressOf(base string) (host, address string, err error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return "", "", fmt.Errorf("%w: %q is not like http://127.0.0.1:3001 (the meter speaks plain HTTP/1.1)", ErrTarget, base)
	}
	if u.Port() == "" {
		return u.Host, u.Host + ":80", nil
	}
	return u.Host, u.Host, nil
}

// spread gives the connections to these processes in turn. It comes before the first run.
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

// requests appends the next request of a connection to b; false means that there is none left for anybody. It is
// called by many goroutines at once.
type requests func(b []byte) ([]byte, bool)

// fixed is the same request every time.
func fixed(request []byte) requests {
	return func(b []byte) ([]byte, bool) { return append(b, request...), true }
}

// shift says how long to press. What is answered during warm is not counted; with length 0 the shift ends when
// there are no more requests.
type shift struct{ warm, length time.Duration }

// tally is what came of a shift. Latencies are those of answers with the wanted code, in the order of size.
type tally struct {
	codes     map[int]int // counted answers
	all       int         // answers, whether counted or not
	broken    int         // requests without an answer
	cause     error       // of one of those
	counted   time.Duration
	latencies []time.Duration
	last      time.Time // of the last wanted answer
}

func (t *tally) good(want int) int { return t.codes[want] }

// rate is wanted answers a second.
func (t *tally) rate(want int) float64 {
	if t.counted <= 0 {
		return 0
	}
	return float64(t.codes[want]) / t.counted.Seconds()
}

// run is one slice. It returns when every answer that was asked for is there.
func (g *generator) run(ctx context.Context, s shift, want int, next requests) (tally, error) {
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
	t.counted = ended.Sub(from)
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
	t.cause = errors.Join(t.cause, w.cause)
	if t.cause != nil && w.cause != nil {
		t.cause = w.cause
	}
	t.latencies = append(t.latencies, w.latencies...)
	if w.last.After(t.last) {
		t.last = w.last
	}
}

// worker drives one connection through one shift.
type worker struct {
	conn        *conn
	from, until time.Time
	want        int
	next        requests

	codes       map[int]int
	all, broken int
	cause       error
	latencies   []time.Duration
	last, out   time.Time // out: when there were no requests left
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
				return // whatever is there does not speak HTTP, or is gone
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
