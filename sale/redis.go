package sale

import (
	"context"
	"encoding/json"
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

// The package's channels, below the namespace. Nothing is kept in Redis: a message that is lost is made up for
// by the catalog's reads and by the look-up of verdicts.
const (
	salesChannel    = "sales"    // a sale changed; a message without a decision
	verdictsChannel = "verdicts" // messages with decisions
)

const (
	busQueue = 1_024
	// busAtOnce is how many messages are published with one round trip when several wait.
	busAtOnce = 64
	// busTime bounds a round trip to Redis, busFarewell the last one of a process that ends.
	busTime     = time.Second
	busFarewell = 250 * time.Millisecond
	// busRetry and busRetried are the shortest and the longest pause before Redis is tried again. A connection that held
	// for busRetried is one that works.
	busRetry   = 100 * time.Millisecond
	busRetried = 2 * time.Second
)

// BusConfig is what a Bus needs.
type BusConfig struct {
	// Namespace is the prefix of the channels.
	Namespace string
	// Process tells this process from the others, whose messages alone are heard. Empty: a name is drawn.
	Process string
	// Dial makes a client that the bus has for itself, and closes. It is called twice, for listening and for
	// publishing, and again whenever Redis was away.
	Dial func() (rueidis.Client, error)
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: none are registered.
	Registerer prometheus.Registerer
}

// Bus carries hints between the processes, over Redis pub/sub. It never waits: what does not fit into its queue
// is dropped, as is everything while Redis is away. A nil Bus is one that nobody listens to.
type Bus struct {
	cfg       BusConfig
	logger    *slog.Logger
	handlers  map[string]handler
	connected []func()
	queue     chan hint
	metrics   *busMetrics
	// own is how each message of this process begins.
	own string
	// away is true from when the loss of Redis was logged until the next connection that works.
	away atomic.Bool
}

// handler takes in what other processes say on a channel.
type handler struct {
	channel string
	take    func(payload []byte)
}

// hint is one message that is to be published.
type hint struct {
	channel  string
	decision *events.Decision
}

// NewBus makes a Bus. Catalogs and checkouts that use it have to be made before it runs.
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

func (b *Bus) on(channel string, take func([]byte)) {
	if b != nil {
		b.handlers[b.name(channel)] = handler{channel, take}
	}
}

// onConnect adds what is to be done, perhaps more than once, whenever messages may have been missed.
func (b *Bus) onConnect(do func()) {
	if b != nil {
		b.connected = append(b.connected, do)
	}
}

func (b *Bus) name(channel string) string { return b.cfg.Namespace + ":" + channel }

// publish tells the other processes, with a decision (which nobody changes any more) or without.
func (b *Bus) publish(channel string, d *events.Decision) {
	if b == nil {
		return
	}
	select {
	case b.queue <- hint{channel, d}:
	default:
		b.metrics.dropped.Inc()
	}
}

// heard takes in a message, unless it is this process's own.
func (b *Bus) heard(m rueidis.PubSubMessage) {
	h := b.handlers[m.Channel]
	if h.take == nil || strings.HasPrefix(m.Message, b.own) {
		return
	}
	b.metrics.received.WithLabelValues(h.channel).Inc()
	h.take([]byte(m.Message))
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
			b.logger.Warn("lost the bus between processes; each finds out by looking", "error", lost)
		}
		b.discard()
		sleep(ctx, pause/2+rand.N(pause), nil)
		pause = min(2*pause, busRetried)
	}
}

// session lasts as long as its two connections. They are two because a client that hears much reads its own replies late.
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

// works is called when a connection has held for a while.
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
	// A client that retries subscribes again by itself when its connection was cut, which ends no session. Each channel
	// counts as a subscription, so what is done here has to bear repeating.
	listening := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) {
		for _, do := range b.connected {
			do()
		}
	})
	return client.Receive(listening, client.B().Subscribe().Channel(channels...).Build(), b.heard)
}

// deliver publishes what waits, until the server fails or ctx ends; then what still waits goes out with a last call.
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
			patience = busFarewell
		}
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := b.send(call, client, b.gather(hints))
		cancel()
		if err := errors.Join(ended, err); err != nil {
			return err
		}
	}
}

// gather adds what waits besides.
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
		text, err := json.Marshal(message{V: messageVersion, From: b.cfg.Process, Decision: h.decision})
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

// discard empties the queue: old hints help nobody.
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
