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
	"flashsale/events"
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

// has is true once news of that sale's close were heard.
func (m *mailbox) has(sale int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.heard, func(text string) bool {
		d, err := readDecision([]byte(text))
		return err == nil && slices.Contains(d.Closed, sale)
	})
}

// newsOf is news that tests tell apart by a number.
func newsOf(sale int64) *events.Decision { return &events.Decision{Closed: []int64{sale}} }

// dialer makes clients for a bus. It refuses while the server is away.
type dialer struct {
	t     testing.TB
	url   string
	away  atomic.Bool
	mu    sync.Mutex
	made  []rueidis.Client
	calls atomic.Int32
	said  *said
}

// said is a log that counts what is worth somebody's attention.
type said struct {
	slog.Handler
	lost, back atomic.Int32
}

func (s *said) Enabled(context.Context, slog.Level) bool { return true }

func (s *said) Handle(_ context.Context, r slog.Record) error {
	switch r.Level {
	case slog.LevelWarn:
		s.lost.Add(1)
	case slog.LevelInfo:
		s.back.Add(1)
	}
	return nil
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
	if err == nil {
		d.made = append(d.made, client)
	}
	return client, err
}

// cut ends the connections under the bus.
func (d *dialer) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, client := range d.made {
		client.Close()
	}
	d.made = nil
}

// runBus is a bus with one channel that goes on until the test ends.
func runBus(t *testing.T, namespace string) (*Bus, *mailbox, *dialer, <-chan struct{}) {
	t.Helper()
	d := &dialer{t: t, url: embeddedtest.RedisURL(t)}
	d.said = &said{}
	b := NewBus(BusConfig{Namespace: namespace, Dial: d.dial, Logger: slog.New(d.said)})
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
	a, own, _, aReady := runBus(t, namespace)
	b, box, _, bReady := runBus(t, namespace)
	_, stranger, _, cReady := runBus(t, embeddedtest.Namespace(t))
	<-aReady
	<-bReady
	<-cReady
	a.publish("greetings", newsOf(7))
	inTime(t, "the message", func() bool { return box.has(7) })
	b.publish("greetings", newsOf(8)) // behind which nothing of the first message can be under way
	inTime(t, "the answer", func() bool { return own.has(8) })
	if stranger.has(7) {
		t.Error("another deployment heard it too")
	}
	if own.has(7) || box.has(8) {
		t.Error("a process heard what it said itself")
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
	// The catalog looks by itself whenever it may have missed something.
	<-aReady
	inTime(t, "a message after the outage", func() bool {
		a.publish("greetings", newsOf(1))
		return box.has(1)
	})
	// However often it was tried, it is said once that it is away, and once that it is back.
	inTime(t, "the word that it is back", func() bool { return dial.said.back.Load() == 1 })
	if lost := dial.said.lost.Load(); lost != 1 {
		t.Errorf("the loss was said %d times", lost)
	}
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
