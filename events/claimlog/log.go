package claimlog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"flashsale/events"
)

// Config says where the log is. Brokers and Namespace are required.
type Config struct {
	// Brokers are the addresses to start from, host:port.
	Brokers []string
	// Dial connects to a broker that no address reaches; nil: by its address.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS and SASL are nil when the brokers want neither.
	TLS  *tls.Config
	SASL sasl.Mechanism
	// Namespace prefixes the topics and the group.
	Namespace string
	// LogID is the log's identity where the cluster has none of its own (an embedded one kept in a directory);
	// empty: the cluster is asked.
	LogID string
	// Sending, when set, is told of each batch before it goes to the log, and what it returns, if anything, of the result. Both must
	// be quick, and neither keeps or changes the batch.
	Sending func(topic string, partition int, batch []Message) (done func(error))
	// Logger nil means slog's default; Registerer nil means that no metrics are registered.
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Log is the claims log and the events topic of one namespace. Safe for concurrent use.
type Log struct {
	cfg       Config
	id        string
	client    *kafka.Client
	transport *kafka.Transport
	logger    *slog.Logger
	metrics   *metrics
	gone      *events.Outage
	refused   *events.Outage // records cannot be written
	readers   readers

	refreshing sync.Mutex
	refreshed  time.Time
}

// Open connects, creates the topics that are missing and learns the log's identity. The error names the brokers.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	return reached(ctx, cfg, (*Log).open)
}

// Connect is Open without making topics, for those who look at a log or remove one. Missing tells which topics there are.
func Connect(ctx context.Context, cfg Config) (*Log, error) {
	return reached(ctx, cfg, (*Log).connect)
}

// reached is a log whose brokers answer, and that was opened.
func reached(ctx context.Context, cfg Config, open func(*Log, context.Context) error) (*Log, error) {
	if len(cfg.Brokers) == 0 || cfg.Namespace == "" {
		return nil, fmt.Errorf("%w: brokers and a namespace are required", events.ErrLog)
	}
	l := newLog(cfg)
	err := l.greet(ctx)
	if err == nil {
		err = open(l, ctx)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("%w at %s: %w", events.ErrLog, strings.Join(cfg.Brokers, ","), err)
	}
	return l, nil
}

func newLog(cfg Config) *Log {
	l := &Log{cfg: cfg, logger: cfg.Logger, metrics: newMetrics(cfg.Registerer)}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	l.gone = events.NewOutage(l.logger, "a topic is gone; creating it again", "the log takes records again")
	l.refused = events.NewOutage(l.logger, "records cannot be written to the log", "records are written to the log again")
	l.transport = &kafka.Transport{
		Dial:           l.dial,
		DialTimeout:    3 * time.Second,
		IdleTimeout:    time.Minute,
		MetadataTTL:    4 * time.Second,
		MetadataTopics: []string{l.ClaimsTopic(), l.EventsTopic()},
		ClientID:       "flashsale-" + cfg.Namespace,
		TLS:            cfg.TLS,
		SASL:           cfg.SASL,
	}
	l.client = &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: 10 * time.Second, Transport: l.transport}
	return l
}

func (l *Log) open(ctx context.Context) error {
	if err := l.createTopics(ctx); err != nil {
		return err
	}
	meta, err := l.settledMetadata(ctx)
	if err != nil {
		return err
	}
	if l.cfg.LogID == "" { // an embedded one allows everything
		if err := l.Rights(ctx); err != nil {
			return err
		}
	}
	return l.identify(meta)
}

func (l *Log) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	meta, err := l.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return fmt.Errorf("ask for metadata: %w", err)
	}
	return l.identify(meta)
}

func (l *Log) identify(meta *kafka.MetadataResponse) error {
	id := l.cfg.LogID
	if id == "" {
		id = meta.ClusterID
	}
	if id == "" {
		return errors.New("the cluster has no id; set a log id")
	}
	l.id = id + "/" + l.ClaimsTopic()
	return nil
}

// ClaimsTopic is the name of the topic that holds the claims.
func (l *Log) ClaimsTopic() string { return l.cfg.Namespace + ".claims" }

// EventsTopic is the name of the topic on which events are published for others.
func (l *Log) EventsTopic() string { return l.cfg.Namespace + ".events" }

// Group is the consumer group that assigns the partitions of the claims topic.
func (l *Log) Group() string { return l.cfg.Namespace + "-ledger" }

// EventsSource is what the published events name as theirs.
func (l *Log) EventsSource() string { return "/flashsale/" + l.cfg.Namespace }

// ID is the log's identity: cursors made for another one do not count.
func (l *Log) ID() string { return l.id }

// EventsID is the identity of the events topic, as [Log.ID] is that of the claims log.
func (l *Log) EventsID() string { return strings.TrimSuffix(l.id, l.ClaimsTopic()) + l.EventsTopic() }

// Ping asks the cluster for the end of one partition. No cache answers it.
func (l *Log) Ping(ctx context.Context) error {
	_, _, err := l.Range(ctx, 0)
	return err
}

// Logger gets the lines of the log, and of those who read and write it.
func (l *Log) Logger() *slog.Logger { return l.logger }

// Registerer takes the metrics of the log and of those who read and write it; nil: none are registered.
func (l *Log) Registerer() prometheus.Registerer { return l.cfg.Registerer }

// Brokers are the addresses to start from.
func (l *Log) Brokers() []string { return l.cfg.Brokers }

// Dialer makes connections with the settings of the log's own.
func (l *Log) Dialer() *kafka.Dialer {
	return &kafka.Dialer{
		ClientID:      l.transport.ClientID,
		Timeout:       2 * time.Second,
		DialFunc:      l.dial,
		TLS:           l.cfg.TLS,
		SASLMechanism: l.cfg.SASL,
	}
}

// Close drops the connections. Calls under way end by their own deadlines.
func (l *Log) Close() error {
	l.transport.CloseIdleConnections()
	return nil
}

// RefreshFor is refresh after a call that failed. When the caller's context has ended, the failure says nothing about
// the cluster.
func (l *Log) RefreshFor(err error) {
	if !errors.Is(err, context.Canceled) {
		l.refresh()
	}
}

// refresh makes the next call learn the cluster's layout anew. Many callers meet a stale leader at the same
// time, so it does nothing within a quarter of a second of the last time.
func (l *Log) refresh() {
	l.refreshing.Lock()
	defer l.refreshing.Unlock()
	if time.Since(l.refreshed) < 250*time.Millisecond {
		return
	}
	l.refreshed = time.Now()
	l.metrics.refreshed.Inc()
	// The library offers no other way than to drop the pool; calls in flight keep their connections.
	l.transport.CloseIdleConnections()
}
