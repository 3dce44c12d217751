package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/eventstest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// world is a namespace with a log, a shop that decides, and a ledger between them.
type world struct {
	*eventstest.World
	log  *claimlog.Log
	shop *eventstest.Shop
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: eventstest.New(t, PreparePool)}
	w.log = w.openLog(eventstest.Quiet())
	w.shop = eventstest.NewShop(t, w.Pool)
	return w
}

func (w *world) openLog(logger *slog.Logger) *claimlog.Log {
	w.Helper()
	brokers, id := embeddedtest.Kafka(w)
	log, err := claimlog.Open(w.Context(), claimlog.Config{Brokers: brokers, LogID: id, Namespace: w.Schema, Logger: logger})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = log.Close() })
	return log
}

// client is for requests that the log never makes.
func (w *world) client() *kafka.Client {
	transport := &kafka.Transport{}
	w.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(w.log.Brokers()...), Timeout: 10 * time.Second, Transport: transport}
}

func (w *world) ledger(cfg Config) *Ledger { return w.ledgerOn(w.Pool, cfg) }

func (w *world) ledgerOn(pool *pgxpool.Pool, cfg Config) *Ledger {
	cfg.LookEvery = orDuration(cfg.LookEvery, 20*time.Millisecond)
	return New(pool, w.log, w.shop, cfg)
}

// follow brings one partition to its ledger without a group, until the returned function is called.
func (w *world) follow(l *Ledger, partition int) (stop func()) {
	return w.Start(func(ctx context.Context) error {
		f := &follower{ledger: l, partition: partition, passed: func(int, int64) {}}
		f.run(ctx)
		return nil
	})
}

func (w *world) append(partition int, claims ...events.Claim) []events.Position {
	w.Helper()
	positions, err := w.log.Append(w.Context(), partition, claims)
	if err != nil {
		w.Fatal(err)
	}
	return positions
}

// unaccounted is for Verify.
func (w *world) unaccounted(ctx context.Context, claims []events.Claim) (Unaccounted, error) {
	missing, err := w.shop.Missing(ctx, claims)
	return Unaccounted{Missing: missing}, err
}

// appendRaw writes a record that our encoder never writes.
func (w *world) appendRaw(partition int, value string) {
	w.Helper()
	m := claimlog.Message{Key: []byte("raw"), Value: []byte(value)}
	if _, err := w.log.Produce(w.Context(), w.log.ClaimsTopic(), partition, []claimlog.Message{m}); err != nil {
		w.Fatal(err)
	}
}

// reaches waits until the ledger has passed everything before offset.
func (w *world) reaches(l *Ledger, partition int, offset int64) {
	w.Helper()
	w.Eventually(fmt.Sprintf("cursor at %d", offset), func() bool {
		c, err := l.Cursor(w.Context(), partition)
		return err == nil && c.Offset == offset
	})
}
