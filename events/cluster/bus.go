package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/events"
)

const (
	busQueue = 1_024
	// busAtOnce is how many messages are published with one round trip when several wait.
	busAtOnce = 64
	// busTime bounds a round trip to Redis, busFlushTime the last one before the process ends.
	busTime      = time.Second
	busFlushTime = 250 * time.Millisecond
	// busRetry and busRetried are the shortest and the longest pause before Redis is tried again. A connection that
	// lasts for busRetried is one that works.
	busRetry   = 100 * time.Millisecond
	busRetried = 2 * time.Second
)

// BusConfig is what a Bus needs.
type BusConfig struct {
	// Namespace is the prefix of the channels.
	Namespace string
	// Process is the name of this process; its own messages are passed over. Empty: a name is drawn.
	Process string
	// Dial makes a client that only the bus uses, and that the bus closes. It is called twice, for listening and for
	// publishing, and again after each time that Redis was away.
	Dial func() (rueidis.Client, error)
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: none are registered.
	Registerer prometheus.Registerer
}

// Bus carries messages between the processes, over Redis pub/sub. A message is a hint: it makes a process learn earlier
// what it finds out anyway. Publish never waits: what does not fit into the queue is dropped, as is everything while
// Redis is away. Nothing is kept in Redis. Safe for concurrent use once it runs.
type Bus struct {
	cfg       BusConfig
	logger    *slog.Logger
	handlers  map[string]handler
	connected []func()
	queue     chan hint
	metrics   *busMetrics
	// own is the beginning of each message of this process.
	own string
	// away is true from when the loss of Redis was logged until the next connection that works.
	away atomic.Bool
}

// handler takes what other processes publish on a channel: a decision, or why it cannot be read.
type handler struct {
	channel string
	take    func(d events.Decision, err error)
	// note takes what is no decision; one of the two is set.
	note func(text []byte)
}

// hint is one message that is to be published.
type hint struct {
	channel  string
	decision *events.Decision
	// note is sent instead of a decision, if it is set.
	note []byte
}

func (h hint) write(process string) ([]byte, error) {
	if h.note != nil {
		return writeNote(process, h.note)
	}
	return Write(process, h.decision)
}

// NewBus makes a Bus. On and OnConnect are called before it runs.
func NewBus(cfg BusConfig) *Bus {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Process == "" {
		cfg.Process = fmt.Sprintf("%016x", rand.Uint64())
	}
	return &Bus{
		cfg: cfg, logger: cfg.Logger, handlers: make(map[string]handler), queue: make(chan hint, busQueue),
		metrics: newBusMetrics(cfg.Registerer), own: signature(cfg.Process),
	}
}

// On has take called with the decision of each message that another process publishes on a channel, one message at a
// time. A message without a decision has the zero one; err is set for a message that cannot be read or whose values are
// impossible. Call it before Run.
func (b *Bus) On(channel string, take func(d events.Decision, err error)) {
	b.handlers[b.name(channel)] = handler{channel: channel, take: take}
}

// OnNote is On for a channel of notes, which are documents of the caller's in JSON. A message that has none is passed over.
func (b *Bus) OnNote(channel string, take func(text []byte)) {
	b.handlers[b.name(channel)] = handler{channel: channel, note: take}
}

// PublishNote sends a note to the other processes. It never waits.
func (b *Bus) PublishNote(channel string, text []byte) { b.put(hint{channel: channel, note: text}) }

// OnConnect adds a function that is called, perhaps more than once, whenever messages may have been missed. Call it
// before Run.
func (b *Bus) OnConnect(do func()) { b.connected = append(b.connected, do) }

func (b *Bus) name(channel string) string { return b.cfg.Namespace + ":" + channel }

// Publish sends a message to the other processes, with a decision (which nobody changes any more) or without. A big
// decision is sent in several messages. It never waits.
func (b *Bus) Publish(channel string, d *events.Decision) {
	for _, some := range split(d) {
		b.put(hint{channel: channel, decision: some})
	}
}

func (b *Bus) put(h hint) {
	select {
	case b.queue <- h:
	default:
		b.metrics.dropped.Inc()
	}
}

// receive reads a message, unless it is this process's own.
func (b *Bus) receive(m rueidis.PubSubMessage) {
	h := b.handlers[m.Channel]
	if h.channel == "" || strings.HasPrefix(m.Message, b.own) {
		return
	}
	b.metrics.received.WithLabelValues(h.channel).Inc()
	if h.note != nil {
		if text := readNote([]byte(m.Message)); text != nil {
			h.note(text)
		}
		return
	}
	h.take(Read([]byte(m.Message)))
}

// Run connects, listens and publishes until ctx ends, and begins again with a growing pause when Redis goes away.
func (b *Bus) Run(ctx context.Context) error {
	for pause := busRetry; ; {
		began := time.Now()
		lost := b.session(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the clean stop
		}
		if time.Since(began) > busRetried {
			pause = busRetry
		}
		if !b.away.Swap(true) {
			b.logger.Warn("lost the bus between processes; until it is back, each process looks up what others do", "error", lost)
		}
		b.discard()
		_ = events.Pause(ctx, pause/2+rand.N(pause))
		pause = min(2*pause, busRetried)
	}
}

// session lasts as long as its two connections. There are two because a client that receives much reads its own replies
// late.
func (b *Bus) session(ctx context.Context) error {
	listener, err := b.cfg.Dial()
	if err != nil {
		return fmt.Errorf("connect to redis: %w", err)
	}
	defer listener.Close()
	publisher, err := b.cfg.Dial()
	if err != nil {
		return fmt.Errorf("connect to redis: %w", err)
	}
	defer publisher.Close()
	working := time.AfterFunc(busRetried, b.works)
	defer working.Stop()
	ctx, cancel := context.WithCancelCause(ctx)
	var publishing sync.WaitGroup
	publishing.Go(func() { cancel(b.deliver(ctx, publisher)) })
	defer publishing.Wait()
	defer cancel(nil)
	err = b.listen(ctx, listener)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// works is called when a connection has lasted for a while.
func (b *Bus) works() {
	if b.away.Swap(false) {
		b.logger.Info("the bus between processes is back")
	}
}

func (b *Bus) listen(ctx context.Context, client rueidis.Client) error {
	channels := make([]string, 0, len(b.handlers))
	for name := range b.handlers {
		channels = append(channels, name)
	}
	if len(channels) == 0 {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	// A client that retries subscribes again by itself when its connection was cut; that does not end the session. Each
	// channel counts as a subscription, so these functions may be called several times.
	listening := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) {
		for _, do := range b.connected {
			do()
		}
	})
	return client.Receive(listening, client.B().Subscribe().Channel(channels...).Build(), b.receive)
}

// deliver publishes what waits, until the server fails or ctx ends. At the end it publishes what still waits with one
// last call.
func (b *Bus) deliver(ctx context.Context, client rueidis.Client) error {
	for {
		var hints []hint
		select {
		case <-ctx.Done():
		case h := <-b.queue:
			hints = append(hints, h)
		}
		ended, patience := ctx.Err(), busTime
		if ended != nil {
			patience = busFlushTime
		}
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := b.send(call, client, b.gather(hints))
		cancel()
		if err := errors.Join(ended, err); err != nil {
			return err
		}
	}
}

// gather adds what else waits in the queue.
func (b *Bus) gather(hints []hint) []hint {
	for len(hints) < busAtOnce {
		select {
		case h := <-b.queue:
			hints = append(hints, h)
		default:
			return hints
		}
	}
	return hints
}

// send publishes all of them with one round trip, and counts what Redis did not take.
func (b *Bus) send(ctx context.Context, client rueidis.Client, hints []hint) error {
	if len(hints) == 0 {
		return nil
	}
	calls := make([]rueidis.Completed, len(hints))
	for i, h := range hints {
		text, err := h.write(b.cfg.Process)
		if err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
		calls[i] = client.B().Publish().Channel(b.name(h.channel)).Message(rueidis.BinaryString(text)).Build()
	}
	var failed error
	for i, result := range client.DoMulti(ctx, calls...) {
		if err := result.Error(); err != nil {
			b.metrics.dropped.Inc()
			failed = fmt.Errorf("publish: %w", err)
			continue
		}
		b.metrics.published.WithLabelValues(hints[i].channel).Inc()
	}
	return failed
}

// Flush publishes what waits, for a process in which the bus does not run: a command beside the instances.
func (b *Bus) Flush(ctx context.Context) error {
	hints := b.gather(nil)
	if len(hints) == 0 {
		return nil
	}
	client, err := b.cfg.Dial()
	if err != nil {
		return fmt.Errorf("connect to redis: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, busTime)
	defer cancel()
	return b.send(ctx, client, hints)
}

// discard empties the queue, because old hints are useless.
func (b *Bus) discard() {
	for {
		select {
		case <-b.queue:
			b.metrics.dropped.Inc()
		default:
			return
		}
	}
}
