//go:build unix

package resilience

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"flashsale/users"
)

// soakShoppers are the shoppers of a soak, who ask as through a load balancer: where a connection is refused the request goes
// to another instance; a connection that breaks is a bad answer.
type soakShoppers struct {
	http  *http.Client
	urls  []string
	names int
}

func newSoakShoppers(t *testing.T, w *world, plan soakPlan) *soakShoppers {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: plan.visitors, MaxConnsPerHost: 2 * plan.visitors, IdleConnTimeout: 30 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &soakShoppers{http: &http.Client{Transport: transport}, urls: w.addresses(), names: map[string]int{"medium": 150, "large": 1500}[plan.preset]}
}

// tally counts the answers of a soak.
type tally struct {
	mu       sync.Mutex
	outcomes map[string]int
	latency  *hdrhistogram.Histogram // in microseconds; streams do not count
	answers  int64
	bad      int64
	refused  int64 // 503s, which say that nothing was bought
	moved    int64
	examples []string
	waiting  []timedAnswer // to be judged
}

func newTally() *tally {
	return &tally{outcomes: map[string]int{}, latency: hdrhistogram.New(1, time.Minute.Microseconds(), 3)}
}

func (y *tally) count(outcome string, good bool, detail string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.answers++
	y.outcomes[outcome]++
	if strings.HasPrefix(outcome, "503") {
		y.refused++
	}
	if !good {
		y.wrong(outcome + " " + detail)
	}
}

func (y *tally) wrong(what string) {
	y.bad++
	if len(y.examples) < 10 {
		y.examples = append(y.examples, what)
	}
}

// untrue is an answer that was counted as good and is not.
func (y *tally) untrue(what string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.outcomes["untrue"]++
	y.wrong(what)
}

// note notes an answer to a purchase request, which is judged later.
func (y *tally) note(a timedAnswer) {
	good := false
	switch a.outcome() {
	case "200", "201", "202", "409 sold-out", "409 all-claimed", "409 generation-changed", "503 not-bought-retry", "503 overloaded":
		good = true
	}
	y.count(a.outcome(), good, a.Raw)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.waiting = append(y.waiting, a)
}

// take hands out the answers that came before a time.
func (y *tally) take(before time.Time) []timedAnswer {
	y.mu.Lock()
	defer y.mu.Unlock()
	var taken, left []timedAnswer
	for _, a := range y.waiting {
		if a.ended.Before(before) {
			taken = append(taken, a)
		} else {
			left = append(left, a)
		}
	}
	y.waiting = left
	return taken
}

// visit is one shopper, again and again: most buy or read the status, some open the page or follow the stream for a while.
func (s *soak) visit(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rand.N(2 * s.think)):
		}
		switch n := rand.IntN(20); {
		case n < 10:
			s.buy()
		case n < 17:
			s.fetch("status", "/api/flash-sale/status", "application/json")
		case n < 19:
			s.fetch("page", "/", "text/html")
		default:
			s.follow(ctx)
		}
	}
}

const visitPatience = 20 * time.Second

// request sends one request to an instance that takes connections. The caller closes the body.
func (s *soak) request(ctx context.Context, method, path, accept, body string) (*http.Response, error) {
	var failure error
	for _, base := range starting(s.clients.urls) {
		req, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		req.Header.Set("Accept", accept)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := s.clients.http.Do(req)
		if err == nil {
			return res, nil
		}
		if failure = err; !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		s.mu.Lock()
		s.moved++
		s.mu.Unlock()
	}
	return nil, failure
}

// read is a whole answer, and how long it took.
func (s *soak) read(method, path, accept, body string) (a answer, failure error) {
	ctx, cancel := context.WithTimeout(context.Background(), visitPatience)
	defer cancel()
	began := time.Now()
	res, err := s.request(ctx, method, path, accept, body)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return a, fmt.Errorf("half an answer: %w", err)
	}
	if accept == "application/json" {
		_ = json.Unmarshal(raw, &a)
	}
	a.Status, a.Raw = res.StatusCode, string(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.latency.RecordValue(min(time.Since(began), time.Minute).Microseconds())
	return a, nil
}

func (s *soak) buy() {
	name, began := users.AbleName(1+rand.IntN(s.clients.names)), time.Now()
	a, err := s.read(http.MethodPost, "/api/flash-sale/purchase", "application/json", fmt.Sprintf(`{"username":%q}`, name))
	if err != nil {
		s.count("reset", false, err.Error())
		return
	}
	s.note(timedAnswer{answer: a, name: name, began: began, ended: time.Now()})
}

func (s *soak) fetch(what, path, accept string) {
	a, err := s.read(http.MethodGet, path, accept, "")
	switch {
	case err != nil:
		s.count("reset", false, err.Error())
	case a.Status != http.StatusOK:
		s.count(fmt.Sprintf("%s %d", what, a.Status), false, a.Raw)
	default:
		s.count(what, true, "")
	}
}

// follow keeps a stream open for a while. It must begin with the status, and may end when the instance does.
func (s *soak) follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.think*2+rand.N(s.think*4))
	defer cancel()
	res, err := s.request(ctx, http.MethodGet, "/api/flash-sale/stream", "text/event-stream", "")
	if err != nil {
		if ctx.Err() == nil {
			s.count("reset", false, "stream: "+err.Error())
		}
		return
	}
	defer func() { _ = res.Body.Close() }()
	events, lines := 0, bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			events++
		}
	}
	switch err := lines.Err(); {
	case ctx.Err() == nil && err != nil:
		s.count("reset", false, "stream: "+err.Error())
	case res.StatusCode != http.StatusOK, ctx.Err() == nil && events == 0:
		s.count(fmt.Sprintf("stream %d", res.StatusCode), false, "a stream without an event")
	default:
		s.count("stream", true, "")
	}
}
