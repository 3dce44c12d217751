package sale

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
)

// wire is a line to Redis that can be cut, so that the server seems to have gone for a moment.
type wire struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     map[net.Conn]bool
	all      sync.WaitGroup
}

// newWire makes a line to the Redis of the tests, and says at what address it begins.
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

// runsBus runs the bus until the test ends, and waits until it listens.
func runsBus(t *testing.T, b *Bus) {
	t.Helper()
	listening := make(chan struct{}, 100)
	b.onConnect(func() { listening <- struct{}{} })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	<-listening
}

func busOver(address, namespace string, registry *prometheus.Registry) *Bus {
	return NewBus(BusConfig{
		Namespace: namespace, Logger: slog.New(slog.DiscardHandler), Registerer: registry,
		Dial: func() (rueidis.Client, error) {
			o, err := rueidis.ParseURL(address)
			if err != nil {
				return nil, err
			}
			// A server behind a line tells its own address.
			o.DisableCache, o.ForceSingleClient = true, true
			return rueidis.NewClient(o)
		},
	})
}

// Nobody here looks into the ledger: only the message can wake the press.
func TestAPressIsWokenByAnotherProcess(t *testing.T) {
	t.Parallel()
	s := newMemoryServers(t, 2)
	namespace, address := embeddedtest.Namespace(t), embeddedtest.RedisURL(t)
	process := func() *process {
		bus := busOver(address, namespace, prometheus.NewRegistry())
		p := s.process(t, func(d *Deps) { d.Bus, d.Live = bus, func() int { return 2 } })
		runsBus(t, bus)
		return p
	}
	consumer, seller := process(), process()
	if a := seller.press("anna"); a.Kind != Bought || a.Receipt.Unit != 1 || a.Sale.Taken != 1 {
		t.Errorf("got %s, unit %d, %d taken", a.Kind, a.Receipt.Unit, a.Sale.Taken)
	}
	if s.calls.of("direct")+s.calls.of("verdicts") != 0 {
		t.Errorf("the ledger was asked: %v", s.calls.all())
	}
	// The consumer's own verdict comes back to it and changes nothing.
	if a := consumer.press("anna"); a.Kind != AlreadyBought || a.Receipt.Unit != 1 {
		t.Errorf("on the process of the ledger: %s", a.Kind)
	}
}

func TestACutConnectionIsListenedOnAgain(t *testing.T) {
	t.Parallel()
	line, address := newWire(t)
	registry := prometheus.NewRegistry()
	namespace := embeddedtest.Namespace(t)
	b := busOver(address, namespace, registry)
	heard := make(chan string, 1_000)
	var connected atomic.Int32
	b.on("greetings", func(payload []byte) { heard <- string(payload) })
	b.onConnect(func() { connected.Add(1) })
	runsBus(t, b)
	other := busOver(embeddedtest.RedisURL(t), namespace, prometheus.NewRegistry())
	other.on("nothing", nil)
	runsBus(t, other)
	other.publish("greetings", newsOf(1))
	if got := <-heard; !strings.Contains(got, `"closed":[1]`) {
		t.Fatalf("heard %q", got)
	}
	line.cut()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for patience := time.After(time.Minute); ; {
		select {
		case <-heard:
			// What was missed meanwhile has to be looked for.
			if n := connected.Load(); n < 2 {
				t.Errorf("those who may have missed something were told %d times, want once more", n)
			}
			return
		case <-again.C:
			other.publish("greetings", newsOf(2))
		case <-patience:
			t.Fatal("nothing is heard any more")
		}
	}
}

func TestAnIdleListenerNoticesThatItWasCutOff(t *testing.T) {
	t.Parallel()
	line, address := newWire(t)
	b := busOver(address, embeddedtest.Namespace(t), prometheus.NewRegistry())
	told := make(chan struct{}, 100)
	b.on("greetings", func([]byte) {})
	b.onConnect(func() { told <- struct{}{} })
	runsBus(t, b)
	<-told
	line.cut()
	select {
	case <-told: // nobody published anything that could have failed
	case <-time.After(time.Minute):
		t.Error("the catalog is not told that it may have missed something")
	}
}

func TestWhatDoesNotFitIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := busOver("redis://127.0.0.1:1", "n", registry)
	for range busQueue + 7 {
		b.publish("greetings", nil)
	}
	if n := metric(t, registry, "flashsale_bus_dropped_total"); n != 7 || len(b.queue) != busQueue {
		t.Errorf("%v dropped, %d wait", n, len(b.queue))
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := b.Run(ctx); err != nil { // nobody is there
		t.Error(err)
	}
	if n := metric(t, registry, "flashsale_bus_dropped_total"); n != busQueue+7 || len(b.queue) != 0 {
		t.Errorf("%v dropped, %d wait: old hints help nobody", n, len(b.queue))
	}
}
