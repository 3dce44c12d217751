package checkout

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/cluster"
	"flashsale/sale"
)

// receiveText has the checkout take in the text of a message, as the bus does.
func (c *Checkout) receiveText(text []byte) { c.receive(cluster.Read(text)) }

// publication is what was given to a bus.
type publication struct {
	channel  string
	decision *events.Decision
}

// recordedBus keeps what is published, for a test to look at.
type recordedBus struct {
	noBus
	queue chan publication
}

func newRecordedBus() *recordedBus { return &recordedBus{queue: make(chan publication, 1_000)} }

func (b *recordedBus) Publish(channel string, d *events.Decision) { b.queue <- publication{channel, d} }

// redisBus is a process' bus over the Redis of the tests.
func redisBus(t *testing.T, namespace string) *cluster.Bus {
	t.Helper()
	options, err := rueidis.ParseURL(embeddedtest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	options.DisableCache, options.AlwaysRESP2, options.ForceSingleClient = true, true, true
	return cluster.NewBus(cluster.BusConfig{Namespace: namespace, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Dial: func() (rueidis.Client, error) { return rueidis.NewClient(options) }})
}

// runsBus runs the bus until the test ends, and waits until it listens.
func runsBus(t *testing.T, b *cluster.Bus) {
	t.Helper()
	listening := make(chan struct{}, 100)
	b.OnConnect(func() { listening <- struct{}{} })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	<-listening
}

// Nothing looks up verdicts here: only the message can wake the request.
func TestARequestIsWokenByAnotherProcess(t *testing.T) {
	t.Parallel()
	s := newSimulatedServers(t, 2)
	namespace := embeddedtest.Namespace(t)
	process := func() *process {
		bus := redisBus(t, namespace)
		p := s.process(t, func(d *Deps) { d.Bus, d.Live = bus, func() int { return 2 } })
		runsBus(t, bus)
		return p
	}
	consumer, seller := process(), process()
	if a := seller.press("anna"); a.Kind != sale.Bought || a.Receipt.Unit != 1 || a.Sale.Taken != 1 {
		t.Errorf("got %s, unit %d, %d taken", a.Kind, a.Receipt.Unit, a.Sale.Taken)
	}
	if s.calls.of("direct")+s.calls.of("verdicts") != 0 {
		t.Errorf("the ledger was asked: %v", s.calls.all())
	}
	// The consumer's own verdict comes back to it and changes nothing.
	if a := consumer.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.Unit != 1 {
		t.Errorf("on the process of the ledger: %s", a.Kind)
	}
}

// What a message that cannot be read or believed was about is left to the next read.
func TestAMessageThatCannotBeReadIsCounted(t *testing.T) {
	t.Parallel()
	s := newSimulatedServers(t, 1)
	registry := prometheus.NewRegistry()
	p := s.process(t, func(d *Deps) { d.Registerer = registry })
	p.receiveText([]byte(`{"v":2,"from":"a","closed":[1]}`))
	if n := metric(t, registry, "flashsale_bus_unread_total"); n != 1 {
		t.Errorf("%v messages count as not read", n)
	}
	if len(p.catalog.refreshDue) != 0 {
		t.Error("a message of a later version was believed")
	}
}
