package sale

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
)

// mailbox collects what a bus hears.
type mailbox struct {
	mu    sync.Mutex
	heard []string
}

func (m *mailbox) take(payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = append(m.heard, string(payload))
}

func (m *mailbox) has(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.heard, text)
}

// dialer makes clients for a bus. It refuses while the server is away.
type dialer struct {
	t     testing.TB
	url   string
	away  atomic.Bool
	mu    sync.Mutex
	last  rueidis.Client
	calls atomic.Int32
}

func (d *dialer) dial() (rueidis.Client, error) {
	d.calls.Add(1)
	if d.away.Load() {
		return nil, errors.New("connection refused")
	}
	options, err := rueidis.ParseURL(d.url)
	if err != nil {
		return nil, err
	}
	options.DisableCache, options.AlwaysRESP2 = true, true
	client, err := rueidis.NewClient(options)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = client
	return client, err
}

// cut ends the connections under the bus.
func (d *dialer) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last.Close()
}

// runBus is a bus with one channel that goes on until the test ends.
func runBus(t *testing.T, namespace string) (*Bus, *mailbox, *dialer, <-chan struct{}) {
	t.Helper()
	d := &dialer{t: t, url: embeddedtest.RedisURL(t)}
	b := NewBus(BusConfig{Namespace: namespace, Dial: d.dial, Logger: slog.New(slog.DiscardHandler)})
	box, connected := &mailbox{}, make(chan struct{}, 100)
	b.on("greetings", box.take)
	b.onConnect(func() { connected <- struct{}{} })
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return b, box, d, connected
}

func TestProcessesHearEachOther(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	a, _, _, aReady := runBus(t, namespace)
	_, box, _, bReady := runBus(t, namespace)
	_, stranger, _, cReady := runBus(t, embeddedtest.Namespace(t))
	<-aReady
	<-bReady
	<-cReady
	a.publish("greetings", []byte("hello \x00 world"))
	inTime(t, "the message", func() bool { return box.has("hello \x00 world") })
	if stranger.has("hello \x00 world") {
		t.Error("another deployment heard it too")
	}
}

func TestABusFindsItsWayBack(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	a, _, dial, aReady := runBus(t, namespace)
	_, box, _, bReady := runBus(t, namespace)
	<-aReady
	<-bReady
	dial.away.Store(true)
	dial.cut()
	before := dial.calls.Load()
	inTime(t, "tries again", func() bool { return dial.calls.Load() > before+2 })
	dial.away.Store(false)
	// The board looks by itself whenever it may have missed something.
	<-aReady
	inTime(t, "a message after the outage", func() bool {
		a.publish("greetings", []byte("back"))
		return box.has("back")
	})
}

func TestABusNeverWaits(t *testing.T) {
	t.Parallel()
	b := NewBus(BusConfig{Namespace: "x", Dial: func() (rueidis.Client, error) { return nil, errors.New("away") }})
	for range busQueue + 10 { // nobody runs it
		b.publish("greetings", nil)
	}
	if len(b.queue) != busQueue {
		t.Errorf("%d wait", len(b.queue))
	}
	b.discard()
	if len(b.queue) != 0 {
		t.Error("old hints are kept")
	}
	var nobody *Bus
	nobody.publish("greetings", nil)
	nobody.on("greetings", nil)
	nobody.onConnect(nil)
}
