package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// published is an event as a reader of the events topic sees it.
type published struct {
	key, value string
	headers    map[string]string
}

func (p published) subject() string { return p.headers["ce_subject"] }

// readEvents returns everything that is in one partition of the events topic.
func readEvents(w *world, partition int) (events []published) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), eventstest.Patience)
	defer cancel()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(w.log.Brokers()...), Transport: transport}
	for offset := int64(0); ; {
		res, err := client.Fetch(ctx, &kafka.FetchRequest{Topic: w.log.EventsTopic(), Partition: partition,
			Offset: offset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 20 * time.Millisecond})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			w.Fatal(err)
		}
		n := 0
		for ; ; n++ {
			r, err := res.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				w.Fatal(err)
			}
			key, keyErr := kafka.ReadAll(r.Key)
			value, valueErr := kafka.ReadAll(r.Value)
			if err := errors.Join(keyErr, valueErr); err != nil {
				w.Fatal(err)
			}
			offset = r.Offset + 1
			e := published{key: string(key), value: string(value), headers: make(map[string]string)}
			for _, h := range r.Headers {
				e.headers[h.Key] = string(h.Value)
			}
			events = append(events, e)
		}
		if n == 0 {
			return events
		}
	}
}

// subjects returns what the events of one sale were about, in the order of the topic.
func subjects(w *world, sale int64) (subjects []string) {
	w.Helper()
	for _, e := range readEvents(w, row{saleID: sale}.partition()) {
		if e.key == fmt.Sprint(sale) {
			subjects = append(subjects, e.subject())
		}
	}
	return subjects
}

func numbered(sale int64, from, to int) (messages []events.Message) {
	for i := from; i < to; i++ {
		messages = append(messages, events.Message{SaleID: sale, Type: events.TypeOrderConfirmed, Subject: fmt.Sprint(i), Data: map[string]int{"n": i}})
	}
	return messages
}

func (w *world) send(o *Outbox, messages ...events.Message) {
	w.Helper()
	err := pgx.BeginFunc(w.Context(), w.Pool, func(tx pgx.Tx) error { return o.AppendTx(w.Context(), tx, messages) })
	if err != nil {
		w.Fatal(err)
	}
	o.Wake()
}

func (w *world) allPublished(o *Outbox) {
	w.Helper()
	w.Eventually("everything is published", func() bool { n, _, err := o.waiting(w.Context()); return err == nil && n == 0 })
}

func inOrder(t *testing.T, got []string, n int) {
	t.Helper()
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("published %v", got)
	}
}

func TestEventsArePublishedInOrderWithinASale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.send(o, numbered(1, 0, 5)...)
	w.Start(o.Run)
	for i := 5; i < 1205; i += 400 { // more than one batch of the relay
		w.send(o, append(numbered(1, i, i+400), numbered(2, i-5, i+395)...)...)
	}
	w.allPublished(o)
	inOrder(t, subjects(w, 1), 1205)
	inOrder(t, subjects(w, 2), 1200)
}

func TestEventIsACloudEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.Start(o.Run)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w.send(o, events.Message{SaleID: 9, Type: events.TypeStockChanged, Subject: "lamp", Traceparent: trace,
		Data: events.Stock{SaleID: 9, Generation: 1, Total: 5, Taken: 2, Version: 3}})
	w.allPublished(o)
	events := readEvents(w, row{saleID: 9}.partition())
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	for name, want := range map[string]string{
		"ce_specversion": "1.0", "ce_type": "stock.changed", "ce_subject": "lamp", "ce_source": "/flashsale/" + w.Schema,
		"content-type": "application/json", "ce_traceparent": trace, "traceparent": trace, "ce_v": "1",
	} {
		if e.headers[name] != want {
			t.Errorf("%s is %q, want %q", name, e.headers[name], want)
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, e.headers["ce_time"]); err != nil || time.Since(at).Abs() > time.Hour {
		t.Errorf("ce_time is %q", e.headers["ce_time"])
	}
	if e.headers["ce_id"] == "" || e.key != "9" || e.value != `{"sale":9,"generation":1,"total":5,"taken":2,"version":3}` {
		t.Errorf("got key %q, value %s, id %q", e.key, e.value, e.headers["ce_id"])
	}
}

func TestEventOfATransactionThatRolledBackIsNotPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.Start(o.Run)
	failure := errors.New("no")
	err := pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		if err := o.AppendTx(t.Context(), tx, numbered(1, 0, 3)); err != nil {
			return err
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	w.send(o, events.Message{SaleID: 1, Type: events.TypeOrderConfirmed, Subject: "after"})
	w.allPublished(o)
	if got := subjects(w, 1); len(got) != 1 || got[0] != "after" {
		t.Errorf("published %v", got)
	}
}

// A transaction that drew its numbers early and commits late must not be passed over.
func TestALateCommitIsPublishedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.Start(o.Run)
	late, err := w.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.AppendTx(t.Context(), late, numbered(1, 0, 1)); err != nil {
		t.Fatal(err)
	}
	w.send(o, numbered(2, 0, 3)...)
	w.allPublished(o)
	// Long enough for several sweeps, any of which could wrongly move the position past the hidden row.
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for range 3 {
		<-tick.C
		w.send(o, events.Message{SaleID: 3, Type: events.TypeOrderConfirmed, Subject: "0"})
		w.allPublished(o)
	}
	if position := w.Count(`SELECT position FROM outbox_relay`); position > 0 {
		t.Errorf("the position moved to %d past a transaction that is still open", position)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the late event is there", func() bool { return len(subjects(w, 1)) == 1 })
	w.Eventually("the position follows", func() bool {
		return w.Count(`SELECT (SELECT position FROM outbox_relay) - (SELECT max(id) FROM outbox)`) == 0
	})
}

func TestTheNextRelayMovesThePositionOverWhatTheLastOnePublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.send(o, numbered(1, 0, 4)...)
	if _, err := w.Pool.Exec(t.Context(), `UPDATE outbox SET published_at = now()`); err != nil {
		t.Fatal(err)
	}
	w.Start(o.Run)
	w.Eventually("the position follows", func() bool {
		return w.Count(`SELECT (SELECT position FROM outbox_relay) - (SELECT max(id) FROM outbox)`) == 0
	})
	if got := subjects(w, 1); len(got) != 0 {
		t.Errorf("published again: %v", got)
	}
}

func TestARelayThatLostItsLeaseMarksNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.send(o, numbered(1, 0, 2)...)
	old, err := o.takeRelay(t.Context())
	if err != nil || old == nil {
		t.Fatalf("no lease (%v)", err)
	}
	if second, err := New(w.Pool, w.log).takeRelay(t.Context()); err != nil || second != nil {
		t.Fatalf("two relays hold the lease at once (%v)", err)
	}
	if _, err := w.Pool.Exec(t.Context(), `UPDATE outbox_relay SET lease_until = '-infinity'`); err != nil {
		t.Fatal(err)
	}
	heir, err := New(w.Pool, w.log).takeRelay(t.Context())
	if err != nil || heir == nil {
		t.Fatalf("the lease that ran out is not given on (%v)", err)
	}
	if _, err := old.pass(t.Context()); !errors.Is(err, events.ErrFenced) {
		t.Errorf("the old relay got %v, want a refusal", err)
	}
	if n, _, _ := o.waiting(t.Context()); n != 2 {
		t.Errorf("%d rows are unpublished, want 2: the old relay marked some", n)
	}
	if _, err := heir.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Published by both, marked by one: at least once, each repeat with the same id.
	ids := make(map[string]int)
	for _, e := range readEvents(w, row{saleID: 1}.partition()) {
		ids[e.headers["ce_id"]]++
	}
	if len(ids) != 2 {
		t.Errorf("ids are %v", ids)
	}
}

func TestOldRowsArePruned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	if _, err := w.Pool.Exec(t.Context(), `INSERT INTO outbox (sale_id, bundle) SELECT 1, '' FROM generate_series(1, 2500)`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Pool.Exec(t.Context(), `UPDATE outbox SET published_at = now() - interval '61 minutes' WHERE id <= 2400`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Pool.Exec(t.Context(), `UPDATE outbox SET published_at = now() - interval '59 minutes' WHERE id > 2400`); err != nil {
		t.Fatal(err)
	}
	r := &relay{outbox: o, position: 2450}
	if err := r.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.Count(`SELECT count(*) FROM outbox`); n != 100 {
		t.Errorf("%d rows are left, want the 100 younger than an hour", n)
	}
}

func TestAppendingToTheOutbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	if err := o.AppendTx(t.Context(), nil, nil); err != nil {
		t.Errorf("nothing to append gave %v", err)
	}
	if err := o.AppendTx(t.Context(), nil, []events.Message{{Data: make(chan int)}}); err == nil {
		t.Error("an event that cannot be encoded was taken")
	}
	w.send(o, events.Message{SaleID: 1, Type: "t", Subject: "s", Data: "a\u0000b"})
	if n, age, err := o.waiting(t.Context()); err != nil || n != 1 || age <= 0 {
		t.Errorf("%d unpublished, the oldest for %v (%v)", n, age, err)
	}
}
