package stress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serve is a server with one handler, and a client for it.
func serve(t *testing.T, connections int, handler http.HandlerFunc) *client {
	t.Helper()
	server := httptest.NewServer(handler)
	c := newClient([]string{server.URL}, connections)
	t.Cleanup(func() {
		c.close()
		server.Close()
	})
	return c
}

func TestSendReadsWhatAShopperNeeds(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Accept") != "application/json" || q.Header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", q.Header)
		}
		w.Header().Set("Retry-After", "3")
		w.Header().Set("Location", "/there")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"pending":true}`)
	})
	got, err := c.send(t.Context(), time.Minute, "POST", c.bases[0]+"/x", map[string]int{"a": 1})
	if err != nil || got.code != 202 || got.location != "/there" || got.retryAfter != 3*time.Second || string(got.body) != `{"pending":true}` || got.took <= 0 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestRetryAfterIsNotTrusted(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]time.Duration{
		"": 0, "0": 0, "2": 2 * time.Second, "-5": 0, "soon": 0, "99999999999": time.Hour, "Wed, 21 Oct 2026 07:28:00 GMT": 0,
	} {
		c := serve(t, 1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", field)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		got, err := c.send(t.Context(), time.Minute, "GET", c.bases[0], nil)
		if err != nil || got.retryAfter != want {
			t.Errorf("Retry-After %q is %v, %v; want %v", field, got.retryAfter, err, want)
		}
	}
}

func TestARedirectIsAnAnswer(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, "/elsewhere", http.StatusSeeOther) })
	if got, err := c.send(t.Context(), time.Minute, "GET", c.bases[0]+"/", nil); err != nil || got.code != 303 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestAnAnswerIsReadToALimit(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 2*maxBody)) })
	if got, err := c.send(t.Context(), time.Minute, "GET", c.bases[0], nil); err != nil || len(got.body) != maxBody {
		t.Fatalf("%d bytes, %v", len(got.body), err)
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() })
	if got, err := c.send(t.Context(), 20*time.Millisecond, "GET", c.bases[0], nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(c.slots) != 0 {
		t.Error("the connection was not given back")
	}
}

func TestWaitingForAConnectionEndsWithTheContext(t *testing.T) {
	t.Parallel()
	c := newClient([]string{"http://127.0.0.1:1"}, 1)
	c.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.send(ctx, time.Minute, "GET", c.bases[0], nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	remotes := map[string]bool{}
	c := serve(t, 1, func(_ http.ResponseWriter, q *http.Request) { remotes[q.RemoteAddr] = true })
	for range 20 {
		if _, err := c.send(t.Context(), time.Minute, "GET", c.bases[0], nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(remotes) != 1 {
		t.Fatalf("%d connections for 20 requests, one after the other", len(remotes))
	}
}
