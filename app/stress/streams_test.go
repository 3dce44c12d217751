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

// ticker is a server of live updates: each send gives every open stream a version.
type ticker struct {
	url     string
	streams chan chan int64
}

func openTicker(t *testing.T, first func(w http.ResponseWriter) bool) *ticker {
	t.Helper()
	k := &ticker{streams: make(chan chan int64, 1000)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if first != nil && !first(w) {
			return
		}
		versions := make(chan int64, 10)
		k.streams <- versions
		fmt.Fprintf(w, "retry: 1000\n\nid: 1\nevent: status\ndata: {\"x\":\"id: 99\"}\n\n")
		w.(http.Flusher).Flush()
		for {
			select {
			case v, ok := <-versions:
				if !ok {
					return
				}
				fmt.Fprintf(w, ": quiet\n\nid: %d\ndata: %s\n\n", v, strings.Repeat("long ", 1000))
				w.(http.Flusher).Flush()
			case <-q.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	k.url = server.URL
	return k
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func TestStreamsFollowVersions(t *testing.T) {
	t.Parallel()
	k := openTicker(t, nil)
	s, err := OpenStreams(t.Context(), []string{k.url}, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Open() != 20 || s.Frames() != 20 || s.Behind(1) != 0 || s.Behind(2) != 20 {
		t.Fatalf("open %d, frames %d, behind 1: %d, behind 2: %d", s.Open(), s.Frames(), s.Behind(1), s.Behind(2))
	}
	told := <-k.streams
	told <- 2
	eventually(t, "one stream shows version 2", func() bool { return s.Behind(2) == 19 })
	close(told)
	eventually(t, "one stream has ended", func() bool { return s.Open() == 19 })
	s.Close()
	if s.Open() != 0 {
		t.Fatalf("%d streams are open after Close", s.Open())
	}
}

func TestStreamsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	refused := openTicker(t, func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusServiceUnavailable); return false })
	silent := openTicker(t, func(http.ResponseWriter) bool { return false })
	for name, url := range map[string]string{"refused": refused.url, "over before an event": silent.url} {
		if s, err := OpenStreams(t.Context(), []string{url}, 3); s != nil || !errors.Is(err, errStream) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if _, err := OpenStreams(t.Context(), []string{"https://localhost:1"}, 1); !errors.Is(err, ErrTarget) {
		t.Errorf("https: %v", err)
	}
	if _, err := OpenStreams(t.Context(), nil, -1); err == nil {
		t.Error("fewer than no streams")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenStreams(ctx, []string{refused.url}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSourceAddressesAreSpreadOnlyOnLoopback(t *testing.T) {
	t.Parallel()
	if a := sourceAddress("127.0.0.1", 0); a != nil {
		t.Errorf("the first connections need no address of their own, got %v", a)
	}
	if a := sourceAddress("shop.example", 1); a != nil {
		t.Errorf("another machine is not reached from loopback, got %v", a)
	}
}

func TestStreamsShowTheEndOfARun(t *testing.T) {
	t.Parallel()
	r := one(t, Config{URL: []string{newShop().open(t)}, Users: 50, Stock: 20, Streams: 7})
	if w := r.Watched; !r.OK || w == nil || w.Streams != 7 || w.Open != 7 || w.Behind != 0 || w.Events < 14 {
		t.Fatalf("%+v %+v", r.Watched, r)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "Live updates: 7 of 7 streams open") {
		t.Fatalf("%v %s", err, text.String())
	}
}

func TestStreamsThatAreStuckAreAFault(t *testing.T) {
	t.Parallel()
	s := newShop()
	s.stuck = true
	r := one(t, Config{URL: []string{s.open(t)}, Users: 50, Stock: 20, Streams: 3})
	if r.OK || r.Watched.Behind != 3 || !strings.Contains(strings.Join(r.Faults, "\n"), "3 of 3 streams do not show version") {
		t.Fatalf("%+v %+v", r.Watched, r.Faults)
	}
}

func TestStreamsThatEndAreAFault(t *testing.T) {
	t.Parallel()
	s := newShop()
	s.cut = true
	r := one(t, Config{URL: []string{s.open(t)}, Users: 50, Stock: 20, Streams: 3})
	if r.OK || r.Watched.Open != 0 || !strings.Contains(strings.Join(r.Faults, "\n"), "3 of 3 streams of live updates ended") {
		t.Fatalf("%+v %+v", r.Watched, r.Faults)
	}
}
