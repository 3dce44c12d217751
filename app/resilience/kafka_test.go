//go:build unix

package resilience

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// wiredKafka is servers with a proxy before Kafka.
func wiredKafka(t *testing.T) (settings, *serverProxy) {
	t.Helper()
	wire, direct := shared.wiredKafka(t)
	s := plain(t)
	s.kafka, s.log = wire.address(), direct
	return s, wire
}

func (w *world) kafkaAway(p *process) bool { return !w.ready(p, "Kafka") }

// kafkaRefuses: claims go to the ledger directly, and events wait.
func kafkaRefuses(t *testing.T, r *report) {
	s, wire := wiredKafka(t)
	w := newWorld(t, r, s, stock, shopperCount)
	var bought int
	healed := w.during(rate, func() func() {
		bought = w.shoppers.tally()["201"]
		wire.refuse()
		return func() { wire.accept(t) }
	}, func(began time.Time) int64 {
		w.eventually(20*time.Second, "/readyz shows it", func() bool { return w.everywhere(w.kafkaAway) })
		r.within(t, "/readyz shows it", time.Since(began), 3*time.Second)
		w.offered()
		return w.keepFault(lasting(8*time.Second, 4*time.Second), w.kafkaAway)
	})
	if direct := w.shoppers.tally()["201"] - bought; direct == 0 {
		t.Error("nobody bought anything while the broker refused")
	}
	r.within(t, "verdicts of 202s", w.settled(healed, 60*time.Second), 5*time.Second)
	w.eventually(60*time.Second, "the outbox is empty", func() bool {
		return w.number("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0
	})
	r.within(t, "events published", max(0, time.Since(healed)), 10*time.Second)
	w.kept()
	w.assertOutcomes()
}

// kafkaStalls: the broker takes requests and answers none, so nobody consumes either.
func kafkaStalls(t *testing.T, r *report) {
	s, wire := wiredKafka(t)
	w := newWorld(t, r, s, stock, shopperCount)
	var bought int
	healed := w.during(rate, func() func() {
		bought = w.shoppers.tally()["201"]
		wire.silence(t)
		return wire.restore
	}, func(time.Time) int64 { return w.keepFault(10*time.Second, w.kafkaAway) })
	if direct := w.shoppers.tally()["201"] - bought; direct == 0 {
		t.Error("nobody bought anything while the log stalled")
	}
	r.note("slowest answer %v", w.shoppers.slowestSoFar().Round(time.Millisecond))
	r.within(t, "verdicts of 202s", w.settled(healed, 60*time.Second), 5*time.Second)
	w.kept()
	w.assertOutcomes()
}

// appendsDoubted: the log has the claim, the producer gets no reply and writes it again.
func appendsDoubted(t *testing.T, r *report) {
	s, wire := wiredKafka(t)
	// The broker directs its clients to the shared proxy, so the replies are cut behind that.
	cut := newReplyCutter(t, wire.proxy.Upstream, producing)
	wire.reroute(t, cut.address())
	t.Cleanup(func() { wire.reroute(t, cut.server) })
	w := newWorld(t, r, s, stock, shopperCount)
	healed := w.during(rate, func() func() {
		cut.every.Store(5)
		return func() { cut.every.Store(0) }
	}, func(time.Time) int64 {
		time.Sleep(8 * time.Second)
		return cut.lost.Load()
	})
	w.settled(healed, 60*time.Second)
	written, claims := w.logged()
	r.note("%d records of %d claims in the log", written, claims)
	if written <= claims {
		t.Error("no claim was written twice; the row proves nothing")
	}
	w.kept()
	w.assertOutcomes()
}

// logged counts the records of the claims log, and the claims in them.
func (w *world) logged() (records, claims int) {
	w.t.Helper()
	client, done := w.kafka()
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	partition, end := w.claimsEnd(ctx, client)
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{w.settings.log}, Topic: w.namespace + ".claims", Partition: partition, MaxWait: 100 * time.Millisecond})
	defer func() { _ = reader.Close() }()
	seen := map[string]bool{}
	for {
		m, err := reader.FetchMessage(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		records++
		seen[string(m.Key)] = true
		if m.Offset+1 >= end {
			return records, len(seen)
		}
	}
}

// claimsEnd is the sale's partition of the claims log, and the offset at which it ends.
func (w *world) claimsEnd(ctx context.Context, client *kafka.Client) (partition int, end int64) {
	w.t.Helper()
	topic := w.namespace + ".claims"
	partition = int(w.number("SELECT partition FROM sales ORDER BY id LIMIT 1"))
	res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return partition, res.Topics[topic][0].LastOffset
}

// recordSpoilt: one record that is no claim does not delay the others.
func recordSpoilt(t *testing.T, r *report) {
	_, direct := shared.wiredKafka(t)
	s := plain(t)
	s.kafka, s.log = direct, direct
	w := newWorld(t, r, s, stock, shopperCount)
	client, done := w.kafka()
	defer done()
	healed := w.during(rate, func() func() {
		w.shoppers.forgetSlowest()
		partition := int(w.number("SELECT partition FROM sales ORDER BY id LIMIT 1"))
		res, err := client.Produce(context.Background(), &kafka.ProduceRequest{Topic: w.namespace + ".claims", Partition: partition,
			RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("{not a claim"))})})
		if err != nil || res.Error != nil {
			t.Fatal(err, res)
		}
		return func() {}
	}, func(began time.Time) int64 {
		w.eventually(30*time.Second, "the record is in quarantine", func() bool { return w.number("SELECT count(*) FROM quarantine") == 1 })
		r.within(t, "quarantined", time.Since(began), time.Second)
		time.Sleep(2 * time.Second)
		return w.number("SELECT count(*) FROM quarantine")
	})
	r.within(t, "slowest answer", w.shoppers.slowestSoFar(), time.Second)
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes()
}

// logReplaced: the topic was replaced by a new one of the same name, so the cursor is ahead of the log.
func logReplaced(t *testing.T, r *report) {
	_, direct := shared.wiredKafka(t)
	s := plain(t)
	s.kafka, s.log = direct, direct
	w := newWorld(t, r, s, stock, shopperCount)
	client, done := w.kafka()
	defer done()
	topic := w.namespace + ".claims"
	var orders int64
	healed := w.during(rate, func() func() {
		orders = w.number("SELECT count(*) FROM orders")
		res, err := client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
		if err != nil || res.Errors[topic] != nil {
			t.Fatal(err, res)
		}
		return func() {}
	}, func(began time.Time) int64 {
		w.eventually(90*time.Second, "the alarm", func() bool { return w.metrics("flashsale_log_changed_total") > 0 })
		r.note("alarm after %v", time.Since(began).Round(time.Millisecond))
		time.Sleep(2 * time.Second)
		return int64(w.metrics("flashsale_log_changed_total"))
	})
	if more := w.number("SELECT count(*) FROM orders") - orders; more == 0 {
		t.Error("nobody bought anything after the log was gone")
	}
	w.settled(healed, 60*time.Second)
	w.kept()
	w.assertOutcomes()
}
