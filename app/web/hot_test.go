package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"flashsale/sale"
)

// TestAnswersAreNeverMixedUp presses with many names at once through real connections: the hot routes share
// their buffers, and nobody may ever read another's answer.
func TestAnswersAreNeverMixedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.buy = func(p sale.Press) sale.Answer {
		if strings.HasSuffix(p.Name, "7") {
			return sale.Answer{Kind: sale.Refused, Reason: "sold-out", Username: p.Name, Sale: activeSale()}
		}
		return sale.Answer{Kind: sale.Bought, Receipt: receipt(p.Name), Username: p.Name, Sale: activeSale()}
	}
	url := w.open(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := range 25 {
				name := fmt.Sprintf("shopper_%d_%d", worker, i)
				if err := pressOnce(t.Context(), client, url, name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func pressOnce(ctx context.Context, client *http.Client, url, name string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+buy, strings.NewReader(`{"username":"`+name+`"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("%s: %w", body, err)
	}
	lost := strings.HasSuffix(name, "7")
	if got["userId"] != name || (res.StatusCode == http.StatusConflict) != lost || got["success"] == lost {
		return fmt.Errorf("%s got %d %s", name, res.StatusCode, body)
	}
	return nil
}

// TestHandWrittenProblemsAreTheSame compares the hot lane's documents with the ordinary ones, field by field.
func TestHandWrittenProblemsAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, k := range kinds() {
		a := sale.Answer{Username: "a\"\\\u2028é\x01", Sale: activeSale()}
		byHand := appendRefusal(append([]byte(nil), w.heads[k]...), &a, 2)
		p := k.problem("")
		p.Timestamp, p.UserID, p.Version, p.RetryAfter = at12, a.Username, 57, 2
		ordinary, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var hand, other map[string]any
		if err := json.Unmarshal(byHand, &hand); err != nil {
			t.Fatalf("%s: %v", byHand, err)
		}
		if err := json.Unmarshal(ordinary, &other); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(hand) != fmt.Sprint(other) {
			t.Errorf("by hand   %s\notherwise %s", byHand, ordinary)
		}
	}
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]bool{
		"respond-async": true, "Respond-Async": true, "wait=10, respond-async": true, "respond-async; x=1": true,
		"": false, "respond-sync": false, "x=respond-async": false,
	} {
		r := httptest.NewRequest(http.MethodPost, buy, nil)
		r.Header.Set("Prefer", prefer)
		if got := prefersAsync(r); got != want {
			t.Errorf("Prefer: %s: %v", prefer, got)
		}
	}
}

func TestTraceparents(t *testing.T) {
	t.Parallel()
	good := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, v := range []string{
		"", good[:54], good + "0", strings.ToUpper(good), "01" + good[2:], strings.Replace(good, "4b", "zz", 1), strings.Replace(good, "-00f", "_00f", 1),
		"00-" + strings.Repeat("0", 32) + good[35:], good[:36] + strings.Repeat("0", 16) + good[52:],
	} {
		r := httptest.NewRequest(http.MethodPost, buy, nil)
		r.Header.Set("Traceparent", v)
		if got := traceparent(r); got != "" {
			t.Errorf("%q was taken", v)
		}
	}
	r := httptest.NewRequest(http.MethodPost, buy, nil)
	r.Header.Set("Traceparent", good)
	if traceparent(r) != good {
		t.Error("a good one was refused")
	}
}

// stateError is what database drivers return, seen from here.
type stateError string

func (e stateError) Error() string    { return "state " + string(e) }
func (e stateError) SQLState() string { return string(e) }

type retryError struct{ error }

func (retryError) SafeToRetry() bool { return true }

func TestServersThatAreAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		away bool
	}{
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{fmt.Errorf("list: %w", &net.OpError{Op: "read", Err: syscall.ECONNRESET}), true},
		{io.ErrUnexpectedEOF, true},
		{net.ErrClosed, true},
		{stateError("57P01"), true},
		{stateError("53300"), true},
		{stateError("08006"), true},
		{retryError{errors.New("conn busy")}, true},
		{stateError("23505"), false},
		{stateError("57"), false},
		{errors.New("nil pointer"), false},
	} {
		w := newWorld(t)
		w.checkout.err = c.err
		res := w.send(t, "GET", buy+"/alice", "")
		if c.away {
			res.problem(t, 503, "unavailable")
		} else {
			res.problem(t, 500, "internal")
		}
		if logged := strings.Contains(w.logged.String(), `"level":"ERROR"`); logged == c.away {
			t.Errorf("%v: logged as a fault of ours is %v", c.err, logged)
		}
		if !strings.Contains(w.logged.String(), c.err.Error()) {
			t.Errorf("%v is nowhere in the log", c.err)
		}
	}
}

func TestSamplerKeepsOneLineASecondAndCounts(t *testing.T) {
	t.Parallel()
	s := &sampler{}
	if n, ok := s.line(noon); !ok || n != 0 {
		t.Fatalf("the first line: %d %v", n, ok)
	}
	for i := range 5 {
		if _, ok := s.line(noon.Add(time.Duration(i) * 100 * time.Millisecond)); ok {
			t.Fatal("a second line in one second")
		}
	}
	if n, ok := s.line(noon.Add(time.Second)); !ok || n != 5 {
		t.Errorf("the next second: %d left out, %v", n, ok)
	}
}

func TestHalfAnAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pages = nil
	h := w.lane(route{path: "/torn", handler: func(c echo.Context) error {
		_ = c.String(http.StatusOK, "half")
		panic("torn")
	}})
	c := w.echo.NewContext(httptest.NewRequest(http.MethodGet, "http://localhost/torn", nil), httptest.NewRecorder())
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("ended with %v, want the connection to be cut", err)
		}
	}()
	_ = h(c)
}
