package cluster

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/eventstest"
)

// wire is a proxy to Redis whose connections can be cut, as when the server is away for a moment.
type wire struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     map[net.Conn]bool
	all      sync.WaitGroup
}

// newWire makes a proxy to the Redis of the tests, and returns its address.
func newWire(t *testing.T) (*wire, string) {
	t.Helper()
	address, err := url.Parse(embeddedtest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: address.Host, open: make(map[net.Conn]bool)}
	w.all.Go(w.accept)
	t.Cleanup(func() { _ = l.Close(); w.cut(); w.all.Wait() })
	address.Host = l.Addr().String()
	return w, address.String()
}

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		w.mu.Lock()
		w.open[near], w.open[far] = true, true
		w.mu.Unlock()
		for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
			w.all.Go(func() {
				_, _ = io.Copy(ends[0], ends[1])
				_, _ = ends[0].Close(), ends[1].Close()
			})
		}
	}
}

// cut ends every connection that is open.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close()
		delete(w.open, c)
	}
}

// runUntilTestEnds runs the bus until the test ends, and waits until it listens.
func runUntilTestEnds(t *testing.T, b *Bus) {
	t.Helper()
	listening := make(chan struct{}, 100)
	b.OnConnect(func() { listening <- struct{}{} })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	<-listening
}

func busAt(address, namespace string, registry *prometheus.Registry) *Bus {
	return NewBus(BusConfig{
		Namespace: namespace, Logger: slog.New(slog.DiscardHandler), Registerer: registry,
		Dial: func() (rueidis.Client, error) {
			o, err := rueidis.ParseURL(address)
			if err != nil {
				return nil, err
			}
			// A server behind a proxy tells its own address.
			o.DisableCache, o.ForceSingleClient = true, true
			return rueidis.NewClient(o)
		},
	})
}

func TestACutConnectionIsListenedOnAgain(t *testing.T) {
	t.Parallel()
	line, address := newWire(t)
	namespace := embeddedtest.Namespace(t)
	b := busAt(address, namespace, prometheus.NewRegistry())
	heard := make(chan events.Decision, 1_000)
	var connected atomic.Int32
	b.On("greetings", func(d events.Decision, _ error) { heard <- d })
	b.OnConnect(func() { connected.Add(1) })
	runUntilTestEnds(t, b)
	other := busAt(embeddedtest.RedisURL(t), namespace, prometheus.NewRegistry())
	other.On("nothing", nil)
	runUntilTestEnds(t, other)
	other.Publish("greetings", closeOf(1))
	if got := <-heard; len(got.Closed) != 1 || got.Closed[0] != 1 {
		t.Fatalf("heard %+v", got)
	}
	line.cut()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for patience := time.After(time.Minute); ; {
		select {
		case <-heard:
			// What was missed meanwhile has to be looked up.
			if n := connected.Load(); n < 2 {
				t.Errorf("OnConnect was called %d times, want once more", n)
			}
			return
		case <-again.C:
			other.Publish("greetings", closeOf(2))
		case <-patience:
			t.Fatal("no more messages arrive")
		}
	}
}

func TestAnIdleListenerNoticesThatItsConnectionWasCut(t *testing.T) {
	t.Parallel()
	line, address := newWire(t)
	b := busAt(address, embeddedtest.Namespace(t), prometheus.NewRegistry())
	told := make(chan struct{}, 100)
	b.On("greetings", func(events.Decision, error) {})
	b.OnConnect(func() { told <- struct{}{} })
	runUntilTestEnds(t, b)
	<-told
	line.cut()
	select {
	case <-told: // nothing was published, so no call has failed
	case <-time.After(time.Minute):
		t.Error("OnConnect is not called")
	}
}

func TestMessagesBeyondTheQueueAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	b := busAt("redis://127.0.0.1:1", "n", prometheus.NewRegistry())
	for range busQueue + 7 {
		b.Publish("greetings", nil)
	}
	if n := eventstest.Measured(t, b.metrics.dropped); n != 7 || len(b.queue) != busQueue {
		t.Errorf("%v dropped, %d wait", n, len(b.queue))
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := b.Run(ctx); err != nil { // there is no server
		t.Error(err)
	}
	if n := eventstest.Measured(t, b.metrics.dropped); n != busQueue+7 || len(b.queue) != 0 {
		t.Errorf("%v dropped, %d wait: old hints are useless", n, len(b.queue))
	}
}
