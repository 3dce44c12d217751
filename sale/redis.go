package sale

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"
)

// The package's channels, below the namespace. Nothing is kept in Redis: a message that is lost is made up for
// by the board's looks and by the look-up of verdicts.
const (
	salesChannel    = "sales"    // a sale changed; no payload
	verdictsChannel = "verdicts" // a dispatch, as JSON
)

const (
	busQueue   = 1_024
	busTime    = time.Second
	busRetry   = 100 * time.Millisecond
	busRetried = 2 * time.Second
)

// BusConfig is what a Bus needs.
type BusConfig struct {
	// Namespace is the prefix of the channels.
	Namespace string
	// Dial makes the client that the bus has for itself, and closes. It is called again whenever Redis was away.
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
	handlers  map[string]func(payload []byte)
	connected []func()
	queue     chan hint
	dropped   prometheus.Counter
}

type hint struct {
	channel string
	payload []byte
}

// NewBus makes a Bus. Boards and checkouts that use it have to be made before it runs.
func NewBus(cfg BusConfig) *Bus {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	dropped := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "flashsale_bus_dropped_total", Help: "Messages to other processes that were dropped because Redis did not take them.",
	})
	register(cfg.Registerer, dropped)
	return &Bus{
		cfg: cfg, logger: cfg.Logger, handlers: make(map[string]func([]byte)),
		queue: make(chan hint, busQueue), dropped: dropped,
	}
}

func (b *Bus) on(channel string, handle func([]byte)) {
	if b != nil {
		b.handlers[b.name(channel)] = handle
	}
}

// onConnect adds what is to be done, perhaps more than once, whenever messages may have been missed.
func (b *Bus) onConnect(do func()) {
	if b != nil {
		b.connected = append(b.connected, do)
	}
}

func (b *Bus) name(channel string) string { return b.cfg.Namespace + ":" + channel }

func (b *Bus) publish(channel string, payload []byte) {
	if b == nil {
		return
	}
	select {
	case b.queue <- hint{b.name(channel), payload}:
	default:
		b.dropped.Inc()
	}
}

// Run connects, listens and publishes until ctx ends, and begins again with a growing pause when Redis goes away.
func (b *Bus) Run(ctx context.Context) error {
	for pause := busRetry; ctx.Err() == nil; {
		began := time.Now()
		lost := b.session(ctx)
		if time.Since(began) > busRetried && ctx.Err() == nil {
			pause = busRetry
			b.logger.Warn("lost the bus between processes", "error", lost)
		}
		b.discard()
		sleep(ctx, pause/2+rand.N(pause), nil)
		pause = min(2*pause, busRetried)
	}
	return nil
}

// session lasts as long as one connection.
func (b *Bus) session(ctx context.Context) error {
	client, err := b.cfg.Dial()
	if err != nil {
		return fmt.Errorf("connect to redis: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var publisher sync.WaitGroup
	publisher.Go(func() { cancel(b.deliver(ctx, client)) })
	defer publisher.Wait()
	defer cancel(nil)
	return b.listen(ctx, client)
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
	// The client subscribes again by itself when its connection was cut, which ends no session. Each channel counts as
	// a subscription, so what is done here has to bear repeating.
	listening := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) {
		for _, do := range b.connected {
			do()
		}
	})
	return client.Receive(listening, client.B().Subscribe().Channel(channels...).Build(), func(m rueidis.PubSubMessage) {
		if handle := b.handlers[m.Channel]; handle != nil {
			handle([]byte(m.Message))
		}
	})
}

// deliver publishes what waits, until the server fails or ctx ends.
func (b *Bus) deliver(ctx context.Context, client rueidis.Client) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case h := <-b.queue:
			call, cancel := context.WithTimeout(ctx, busTime)
			err := client.Do(call, client.B().Publish().Channel(h.channel).Message(rueidis.BinaryString(h.payload)).Build()).Error()
			cancel()
			if err != nil {
				b.dropped.Inc()
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
}

// discard empties the queue: old hints help nobody.
func (b *Bus) discard() {
	for {
		select {
		case <-b.queue:
			b.dropped.Inc()
		default:
			return
		}
	}
}
