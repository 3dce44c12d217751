//go:build unix

package resilience

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// answer is the answer to one purchase request; Status is 0 when no answer arrived.
type answer struct {
	Status   int
	Receipt  string `json:"purchaseId"`
	Name     string `json:"userId"`
	Problem  string `json:"type"`
	Claim    string `json:"claimId"`
	State    string `json:"state"`
	Version  int64  `json:"version"`
	Location string
	Raw      string
	// Closing is set when the server said that it closes this connection.
	Closing bool
	// Unserved is set when the connection was refused: the request reached nobody.
	Unserved bool
}

// outcome is the status, with the kind of problem if it is one.
func (a answer) outcome() string {
	switch {
	case a.Status == 0 && a.Unserved:
		return "refused"
	case a.Status == 0:
		return "reset"
	case a.Problem != "":
		return fmt.Sprintf("%d %s", a.Status, path.Base(a.Problem))
	default:
		return strconv.Itoa(a.Status)
	}
}

// shoppers buy and keep every receipt they were promised.
type shoppers struct {
	http *http.Client
	sale string // the path of the sale they want

	mu       sync.Mutex
	receipts map[string]string // by name
	changed  []string          // promises that were broken
	statuses map[int]int
	outcomes map[string]int    // by status and, for a problem, its kind
	bought   map[string]int    // how often a receipt came as a 201
	pending  map[string]string // where a 202 said that the verdict will be, by claim
	verdicts map[string]answer // their verdicts
	soldOut  []answerSpan      // when the requests so answered were sent
	nameless int               // answers that did not say which version of the sale they were about
	slowest  time.Duration
	observe  func(timedAnswer) // is told of every answer, one at a time, unless nil
	answered atomic.Int64
	inFlight atomic.Int64
}

// timedAnswer is an answer, and the times of its request and of its arrival.
type timedAnswer struct {
	answer
	name         string
	began, ended time.Time
}

func newShoppers(t *testing.T) *shoppers {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &shoppers{http: &http.Client{Transport: transport, Timeout: 15 * time.Second}, sale: "/api/flash-sale",
		receipts: map[string]string{}, statuses: map[int]int{}, outcomes: map[string]int{}, pending: map[string]string{}, verdicts: map[string]answer{},
		bought: map[string]int{}}
}

// press sends one purchase and notes what was promised.
func (s *shoppers) press(ctx context.Context, base, name string) answer {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	began := time.Now()
	a := s.send(ctx, http.MethodPost, base+s.sale+"/purchase", fmt.Sprintf(`{"username":%q}`, name))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered.Add(1)
	s.statuses[a.Status]++
	s.outcomes[a.outcome()]++
	s.slowest = max(s.slowest, time.Since(began))
	s.note(a, began)
	if s.observe != nil {
		s.observe(timedAnswer{answer: a, name: name, began: began, ended: time.Now()})
	}
	if a.Status == http.StatusAccepted {
		s.pending[a.Claim] = a.Location
	}
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		return a
	}
	if a.Status == http.StatusCreated {
		s.bought[a.Receipt]++
	}
	if had, ok := s.receipts[name]; ok && had != a.Receipt {
		s.changed = append(s.changed, fmt.Sprintf("%s was promised %s and then %s", name, had, a.Receipt))
	}
	s.receipts[name] = a.Receipt
	return a
}

// note keeps what is compared with the ledger later.
func (s *shoppers) note(a answer, began time.Time) {
	if a.outcome() == "409 sold-out" {
		s.soldOut = append(s.soldOut, answerSpan{began, time.Now()})
	}
	switch a.Status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusConflict:
		if a.Version == 0 {
			s.nameless++
		}
	}
}

func (s *shoppers) send(ctx context.Context, method, url, body string) answer {
	var a answer
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewBufferString(body))
	if err != nil {
		return a
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.http.Do(req)
	if err != nil {
		a.Unserved = errors.Is(err, syscall.ECONNREFUSED)
		return a
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return a // an incomplete answer promises nothing
	}
	_ = json.Unmarshal(raw, &a)
	a.Status, a.Raw, a.Location, a.Closing = res.StatusCode, string(raw), res.Header.Get("Location"), res.Close
	return a
}

func (s *shoppers) promised() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	promised := make(map[string]string, len(s.receipts))
	for name, receipt := range s.receipts {
		promised[name] = receipt
	}
	return promised
}

// told are the times of the requests that were answered with "sold out", and how many answers named no version of the sale.
func (s *shoppers) told() (soldOut []answerSpan, unversioned int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]answerSpan(nil), s.soldOut...), s.nameless
}

// broken lists promises that were changed.
func (s *shoppers) broken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.changed...)
}

// waiting lists the Locations of the 202s whose verdict is not known yet.
func (s *shoppers) waiting() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.pending)
}

// tally is how often each outcome was seen so far.
func (s *shoppers) tally() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.outcomes)
}

// forgetSlowest starts the search for the slowest answer again.
func (s *shoppers) forgetSlowest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = 0
}

// decided notes the verdict of a 202.
func (s *shoppers) decided(claim string, verdict answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts[claim] = verdict
}

// settled forgets the 202s that have their verdicts.
func (s *shoppers) settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.pending)
}

// slowestSoFar is the longest that an answer took since forgetSlowest.
func (s *shoppers) slowestSoFar() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slowest
}

// twice is how many receipts came as a 201 more than once: of all requests for one unit, one has bought it.
func (s *shoppers) twice() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, times := range s.bought {
		if times > 1 {
			n++
		}
	}
	return n
}
