package cluster

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
	"flashsale/events/eventstest"
)

// recorder keeps what a bus receives.
type recorder struct {
	mu    sync.Mutex
	heard []events.Decision
}

func (m *recorder) take(d events.Decision, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.heard = append(m.heard, d)
	}
}

// has is true once the message about that sale's close was received.
func (m *recorder) has(sale int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.heard, func(d events.Decision) bool { return slices.Contains(d.Closed, sale) })
}

// closeOf is a decision that tests tell apart by the number of the sale.
func closeOf(sale int64) *events.Decision { return &events.Decision{Closed: []int64{sale}} }

// dialer makes clients for a bus. It refuses while the server is away.
type dialer struct {
	t     testing.TB
	url   string
	away  atomic.Bool
	mu    sync.Mutex
	made  []rueidis.Client
	calls atomic.Int32
	log   *logCounter
}

// logCounter is a log that counts the lines about the loss of Redis and about its return.
type logCounter struct {
	slog.Handler
	lost, back atomic.Int32
}

func (s *logCounter) Enabled(context.Context, slog.Level) bool { return true }

func (s *logCounter) Handle(_ context.Context, r slog.Record) error {
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
	options.DisableCache, options.AlwaysRESP2, options.ForceSingleClient = true, true, true
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
func runBus(t *testing.T, namespace string) (*Bus, *recorder, *dialer, <-chan struct{}) {
	t.Helper()
	d := &dialer{t: t, url: embeddedtest.RedisURL(t)}
	d.log = &logCounter{}
	b := NewBus(BusConfig{Namespace: namespace, Dial: d.dial, Logger: slog.New(d.log)})
	box, connected := &recorder{}, make(chan struct{}, 100)
	b.On("greetings", box.take)
	b.OnConnect(func() { connected <- struct{}{} })
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return b, box, d, connected
}

func TestProcessesReceiveEachOthersMessages(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	a, own, _, aReady := runBus(t, namespace)
	b, box, _, bReady := runBus(t, namespace)
	_, elsewhere, _, cReady := runBus(t, embeddedtest.Namespace(t))
	<-aReady
	<-bReady
	<-cReady
	a.Publish("greetings", closeOf(7))
	eventstest.Eventually(t, "the message", func() bool { return box.has(7) })
	b.Publish("greetings", closeOf(8)) // after it, nothing of the first message is under way
	eventstest.Eventually(t, "the answer", func() bool { return own.has(8) })
	if elsewhere.has(7) {
		t.Error("another deployment received it too")
	}
	if own.has(7) || box.has(8) {
		t.Error("a process received its own message")
	}
}

// A note is a document of its sender's; it comes as it was sent, and not back to its sender.
func TestNotesReachTheOtherProcesses(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	var heard [2]atomic.Value
	var ready [2]chan struct{}
	var buses [2]*Bus
	for i := range buses {
		d := &dialer{t: t, url: embeddedtest.RedisURL(t)}
		d.log = &logCounter{}
		ready[i] = make(chan struct{}, 100)
		buses[i] = NewBus(BusConfig{Namespace: namespace, Dial: d.dial, Logger: slog.New(d.log)})
		buses[i].OnNote("notes", func(text []byte) { heard[i].Store(string(text)) })
		buses[i].OnConnect(func() { ready[i] <- struct{}{} })
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = buses[i].Run(ctx) })
		t.Cleanup(func() { stop(); running.Wait() })
	}
	<-ready[0]
	<-ready[1]
	buses[0].PublishNote("notes", []byte(`{"a":[1,2]}`))
	eventstest.Eventually(t, "the note", func() bool { return heard[1].Load() == `{"a":[1,2]}` })
	buses[1].PublishNote("notes", []byte(`"answer"`))
	eventstest.Eventually(t, "the answer", func() bool { return heard[0].Load() == `"answer"` })
	for _, text := range []string{"", "{", `{"v":1,"from":"x"}`, `{"v":99,"from":"x","note":1}`} {
		if got := readNote([]byte(text)); len(got) > 0 {
			t.Errorf("%q has the note %s", text, got)
		}
	}
}

func TestABusConnectsAgainAfterAnOutage(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	a, _, dial, aReady := runBus(t, namespace)
	_, box, _, bReady := runBus(t, namespace)
	<-aReady
	<-bReady
	dial.away.Store(true)
	dial.cut()
	before := dial.calls.Load()
	eventstest.Eventually(t, "tries again", func() bool { return dial.calls.Load() > before+2 })
	dial.away.Store(false)
	// A listener is called whenever it may have missed something.
	<-aReady
	eventstest.Eventually(t, "a message after the outage", func() bool {
		a.Publish("greetings", closeOf(1))
		return box.has(1)
	})
	// However often it was tried, the log has one line about the loss and one about the return.
	eventstest.Eventually(t, "the line about the return", func() bool { return dial.log.back.Load() == 1 })
	if lost := dial.log.lost.Load(); lost != 1 {
		t.Errorf("the loss was logged %d times", lost)
	}
}

func TestABusNeverWaits(t *testing.T) {
	t.Parallel()
	b := NewBus(BusConfig{Namespace: "x", Dial: func() (rueidis.Client, error) { return nil, errors.New("away") }})
	for range busQueue + 10 { // nobody runs it
		b.Publish("greetings", nil)
	}
	if len(b.queue) != busQueue {
		t.Errorf("%d wait", len(b.queue))
	}
	b.discard()
	if len(b.queue) != 0 {
		t.Error("old hints are kept")
	}
}
