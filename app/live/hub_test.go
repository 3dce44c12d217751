package live_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"flashsale/app/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func subscribe(t *testing.T, h *live.Hub, topic string) *live.Stream {
	t.Helper()
	s, err := h.Subscribe(topic, "")
	if err != nil {
		t.Fatalf("subscribe to %q: %v", topic, err)
	}
	t.Cleanup(s.Close)
	return s
}

func wantFrame(t *testing.T, s *live.Stream, id, data string) live.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	f, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	if f.ID != id || string(f.Data) != data {
		t.Fatalf("got frame %q %q, want %q %q", f.ID, f.Data, id, data)
	}
	return f
}

func TestNewStreamGetsTheNewestFrameAtOnce(t *testing.T) {
	t.Parallel()
	h := live.New(10)
	h.Publish("sale", "1", []byte("old"))
	h.Publish("sale", "2", []byte("new"))
	wantFrame(t, subscribe(t, h, "sale"), "2", "new")
}

func TestSlowStreamSkipsToTheNewest(t *testing.T) {
	t.Parallel()
	h := live.New(10)
	s := subscribe(t, h, "sale")
	h.Publish("sale", "1", []byte("one"))
	wantFrame(t, s, "1", "one")
	for i := 2; i <= 100; i++ {
		h.Publish("sale", strconv.Itoa(i), []byte("frame"))
	}
	wantFrame(t, s, "100", "frame")
}

func TestFrameIsGivenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := live.New(1)
		h.Publish("sale", "1", []byte("one"))
		s, err := h.Subscribe("sale", "")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		wantFrame(t, s, "1", "one")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if f, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("second Next gave %v, %v; want it to wait until its context ends", f, err)
		}
		// A context that ended (a heartbeat is due) does not end the stream.
		h.Publish("sale", "2", []byte("two"))
		wantFrame(t, s, "2", "two")
	})
}

func TestAllStreamsShareTheBytes(t *testing.T) {
	t.Parallel()
	h := live.New(10)
	a, b := subscribe(t, h, "sale"), subscribe(t, h, "sale")
	h.Publish("sale", "1", []byte("shared"))
	fa, fb := wantFrame(t, a, "1", "shared"), wantFrame(t, b, "1", "shared")
	if &fa.Data[0] != &fb.Data[0] {
		t.Fatal("each stream got a copy of its own")
	}
}

func TestTopicsAreSeparate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := live.New(2)
		s, err := h.Subscribe("sale:1", "")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		h.Publish("sale:2", "1", []byte("not for you"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if f, err := s.Next(ctx); err == nil {
			t.Fatalf("got %q of another topic", f.Data)
		}
	})
}

func TestWaitingStreamsAreWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const streams = 100
		h := live.New(streams)
		var wg sync.WaitGroup
		for range streams {
			s, err := h.Subscribe("sale", "")
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				defer s.Close()
				wantFrame(t, s, "1", "go")
			})
		}
		synctest.Wait() // all of them wait
		h.Publish("sale", "1", []byte("go"))
		wg.Wait()
		if n := h.Count(); n != 0 {
			t.Fatalf("%d streams open after all closed", n)
		}
	})
}

func TestStreamsAreLimited(t *testing.T) {
	t.Parallel()
	h := live.New(2)
	a := subscribe(t, h, "x")
	subscribe(t, h, "y")
	if _, err := h.Subscribe("x", ""); !errors.Is(err, live.ErrTooMany) {
		t.Fatalf("third of two streams: %v, want ErrTooMany", err)
	}
	if h.Count() != 2 {
		t.Fatalf("count %d, want 2", h.Count())
	}
	a.Close()
	a.Close() // a second Close frees nothing
	if h.Count() != 1 {
		t.Fatalf("count %d after one of two closed", h.Count())
	}
	subscribe(t, h, "x")
}

func TestCloseEndsANextThatWaits(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"hub", "stream"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := live.New(1)
				s, err := h.Subscribe("sale", "")
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() {
					_, err := s.Next(context.Background())
					ended <- err
				}()
				synctest.Wait()
				if what == "hub" {
					h.Close()
					h.Close()
				} else {
					s.Close()
				}
				if err := <-ended; !errors.Is(err, live.ErrClosed) {
					t.Fatalf("waiting Next returned %v, want ErrClosed", err)
				}
				// Nothing is delivered any more, not even a frame that came meanwhile.
				h.Publish("sale", "1", []byte("late"))
				if _, err := s.Next(context.Background()); !errors.Is(err, live.ErrClosed) {
					t.Fatalf("Next after the end returned %v, want ErrClosed", err)
				}
				s.Close()
			})
		})
	}
}

func TestClosedHubTakesNoStreams(t *testing.T) {
	t.Parallel()
	h := live.New(1)
	h.Close()
	if _, err := h.Subscribe("sale", ""); !errors.Is(err, live.ErrClosed) {
		t.Fatalf("subscribe to a closed hub: %v, want ErrClosed", err)
	}
}

// Readers of any speed see frames only in the order they were published, and all see the last.
func TestReadersSeeFramesInOrder(t *testing.T) {
	t.Parallel()
	const readers, frames = 20, 2000
	h := live.New(readers)
	var wg sync.WaitGroup
	for range readers {
		s := subscribe(t, h, "sale")
		wg.Go(func() {
			for last := 0; last < frames; {
				f, err := s.Next(t.Context())
				if err != nil {
					t.Errorf("after frame %d: %v", last, err)
					return
				}
				n, err := strconv.Atoi(f.ID)
				if err != nil || n <= last {
					t.Errorf("frame %q after %d", f.ID, last)
					return
				}
				last = n
			}
		})
	}
	for i := 1; i <= frames; i++ {
		h.Publish("sale", strconv.Itoa(i), []byte("x"))
	}
	wg.Wait()
}

func BenchmarkPublish(b *testing.B) {
	for _, streams := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			h := live.New(streams)
			var wg sync.WaitGroup
			for range streams {
				s, err := h.Subscribe("sale", "")
				if err != nil {
					b.Fatal(err)
				}
				wg.Go(func() {
					for {
						if _, err := s.Next(context.Background()); err != nil {
							s.Close()
							return
						}
					}
				})
			}
			frame := make([]byte, 512)
			b.ReportAllocs()
			for b.Loop() {
				h.Publish("sale", "1", frame)
			}
			h.Close()
			wg.Wait()
		})
	}
}

// One source has a share of the streams, gets back what it closes, and leaves nothing behind. A stream without a source counts for
// all of them only.
func TestASourceHasAShareOfTheStreams(t *testing.T) {
	t.Parallel()
	h := live.NewShared(5, 2)
	open := func(source string, want error) *live.Stream {
		t.Helper()
		s, err := h.Subscribe("x", source)
		if !errors.Is(err, want) {
			t.Fatalf("%q: %v, want %v", source, err, want)
		}
		return s
	}
	first := open("a", nil)
	open("a", nil)
	open("a", live.ErrTooManyOfOne)
	open("b", nil)
	open("", nil)
	last := open("", nil)
	open("c", live.ErrTooMany)
	if h.Count() != 5 || h.Limit() != 5 {
		t.Errorf("%d of %d are open", h.Count(), h.Limit())
	}
	last.Close()
	open("a", live.ErrTooManyOfOne)
	first.Close()
	first.Close()
	open("a", nil)
	open("c", nil)
}

// A topic that nobody follows forgets its frame, so that whoever comes later is not sent an old one.
func TestATopicThatNobodyFollowsIsForgotten(t *testing.T) {
	t.Parallel()
	h := live.New(2)
	s, err := h.Subscribe("page", "")
	if err != nil {
		t.Fatal(err)
	}
	h.Publish("page", "1", []byte("old"))
	if h.ForgetUnfollowed("page") {
		t.Error("a topic with a stream was forgotten")
	}
	s.Close()
	if !h.ForgetUnfollowed("page") || !h.ForgetUnfollowed("never") {
		t.Error("a topic without streams was kept")
	}
	if s, err = h.Subscribe("page", ""); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h.Publish("page", "2", []byte("new"))
	if frame, err := s.Next(t.Context()); err != nil || frame.ID != "2" {
		t.Errorf("%v %v", frame, err)
	}
}
