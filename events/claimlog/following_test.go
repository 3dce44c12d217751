package claimlog_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/consumer"
	"flashsale/events/eventstest"
	"flashsale/events/outbox"
)

// newLog is a log, a world whose schema its readers and writers use, and a second log whose connections can be broken.
func newLog(t *testing.T) (w *eventstest.World, log, broken *claimlog.Log, cut func(), hang func(bool)) {
	t.Helper()
	w = eventstest.New(t, consumer.PreparePool)
	brokers, id := embeddedtest.Kafka(t)
	log, err := claimlog.Open(t.Context(), claimlog.Config{Brokers: brokers, LogID: id, Namespace: w.Schema, Logger: eventstest.Quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	broken, cut, hang = claimlog.Breakable(t, log)
	return w, log, broken, cut, hang
}

func TestFollowingGoesOnAfterTheConnectionsBroke(t *testing.T) {
	t.Parallel()
	w, log, broken, cut, hang := newLog(t)
	l := consumer.New(w.Pool, broken, eventstest.NewShop(t, w.Pool), consumer.Config{})
	w.Start(l.Run)
	grows := func(end int64) {
		t.Helper()
		if _, err := log.Append(t.Context(), 0, eventstest.NewClaims(2)); err != nil {
			t.Fatal(err)
		}
		hang(false)
		w.Eventually("the cursor is at the end", func() bool { c, err := l.Cursor(t.Context(), 0); return err == nil && c.Offset == end })
	}
	grows(2)
	cut()
	grows(4)
	hang(true)
	grows(6)
}

func TestTheRelayWaitsWhileTheLogIsAway(t *testing.T) {
	t.Parallel()
	w, log, broken, _, hang := newLog(t)
	o := outbox.New(w.Pool, broken)
	w.Start(o.Run)
	send := func(from, to int) {
		t.Helper()
		var messages []events.Message
		for i := from; i < to; i++ {
			messages = append(messages, events.Message{SaleID: 1, Type: events.TypeOrderConfirmed, Subject: fmt.Sprint(i), Data: i})
		}
		if err := pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error { return o.AppendTx(t.Context(), tx, messages) }); err != nil {
			t.Fatal(err)
		}
		o.Wake()
	}
	published := func() {
		t.Helper()
		w.Eventually("everything is published", func() bool { return w.Count(`SELECT count(*) FROM outbox WHERE published_at IS NULL`) == 0 })
	}
	send(0, 1)
	published()
	hang(true)
	send(1, 4)
	w.Eventually("the events have waited for several tries", func() bool {
		return w.Count(`SELECT count(*) FROM outbox WHERE published_at IS NULL AND created_at < clock_timestamp() - interval '200 milliseconds'`) > 0
	})
	hang(false)
	published()
	if seen := subjects(t, log); len(seen) != 4 {
		t.Errorf("published %v", seen)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine`); n != 0 {
		t.Errorf("%d in quarantine", n)
	}
}

// subjects are what the published events were about.
func subjects(t *testing.T, log *claimlog.Log) map[string]bool {
	t.Helper()
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &kafka.Client{Addr: kafka.TCP(log.Brokers()...), Transport: transport}
	seen := make(map[string]bool)
	for partition := range events.Partitions {
		res, err := client.Fetch(t.Context(), &kafka.FetchRequest{Topic: log.EventsTopic(), Partition: partition, MinBytes: 1,
			MaxBytes: 1 << 20, MaxWait: 20 * time.Millisecond})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			r, err := res.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range r.Headers {
				if h.Key == "ce_subject" {
					seen[string(h.Value)] = true
				}
			}
		}
	}
	return seen
}
