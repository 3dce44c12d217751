package outbox

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// insertBundle writes a row of the outbox that the encoder never writes.
func (w *world) insertBundle(sale int64, count int, bundle []byte) {
	w.Helper()
	if _, err := w.Pool.Exec(w.Context(), `INSERT INTO outbox (sale_id, events, bundle) VALUES ($1, $2, $3)`, sale, count, bundle); err != nil {
		w.Fatal(err)
	}
}

// neighbourOf is another sale whose events go to the same partition.
func neighbourOf(sale int64) int64 {
	for n := sale + 1; ; n++ {
		if (row{saleID: n}).partition() == (row{saleID: sale}).partition() {
			return n
		}
	}
}

func (w *world) inQuarantine(n int) {
	w.Helper()
	if got := w.Count(`SELECT count(*) FROM quarantine`); got != n {
		w.Errorf("%d in quarantine, want %d", got, n)
	}
}

func TestAnUndecodableBundleIsQuarantinedAndAllOthersArePublished(t *testing.T) {
	t.Parallel()
	for what, broken := range map[string][]byte{
		"empty":          {},
		"cut off":        {bundleVersion, 5, 'o', 'r'},
		"nonsense":       []byte("\x00\xffnonsense"),
		"too few events": {bundleVersion, 0, 0, 0, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := New(w.Pool, w.log)
			other := neighbourOf(1)
			w.send(o, append(numbered(1, 0, 2), numbered(other, 0, 2)...)...)
			w.insertBundle(1, 2, broken)
			w.send(o, append(numbered(other, 2, 4), numbered(1, 2, 4)...)...)
			w.Start(o.Run)
			w.allPublished(o)
			w.send(o, numbered(1, 4, 5)...)
			w.allPublished(o)
			inOrder(t, subjects(w, 1), 5)
			inOrder(t, subjects(w, other), 4)
			w.inQuarantine(1)
			if n := w.Count(`SELECT count(*) FROM quarantine WHERE raw = $1 AND record_key = '1' AND partition = $2 AND log_id = $3
				AND claim_id IS NULL AND record_offset IS NULL AND error LIKE 'row 3 of the outbox%'`,
				broken, row{saleID: 1}.partition(), w.log.EventsID()); n != 1 {
				t.Error("the bundle is not in quarantine as it was")
			}
			if n := eventstest.Measured(t, o.metrics.discarded); n != 2 {
				t.Errorf("%v events are counted as put aside, want the 2 of the bundle", n)
			}
			w.Eventually("the position moves past it", func() bool {
				return w.Count(`SELECT (SELECT position FROM outbox_relay) - (SELECT max(id) FROM outbox)`) == 0
			})
		})
	}
}

func TestAnEventTheLogRefusesIsQuarantined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	other := neighbourOf(1)
	huge := events.Message{SaleID: 1, Type: events.TypeOrderConfirmed, Subject: "huge", Data: strings.Repeat("x", 3<<20)}
	after := events.Message{SaleID: 1, Type: events.TypeOrderConfirmed, Subject: "1"}
	w.send(o, numbered(1, 0, 1)...)
	w.send(o, huge, after) // of one bundle: the rest of it is published
	w.send(o, append(numbered(other, 0, 3), numbered(1, 2, 3)...)...)
	w.Start(o.Run)
	w.allPublished(o)
	if slices.Contains(subjects(w, 1), "huge") {
		t.Skip("this log takes records of 3 MiB")
	}
	inOrder(t, subjects(w, 1), 3)
	inOrder(t, subjects(w, other), 3)
	w.inQuarantine(1)
	if n := w.Count(`SELECT count(*) FROM quarantine WHERE length(raw) = $1 AND error LIKE '%event 0, order.confirmed about huge%'`, 3<<20+2); n != 1 {
		t.Error("the event is not in quarantine as it was")
	}
}

func TestABundleOfANewerVersionWaitsWithItsSale(t *testing.T) {
	t.Parallel()
	for what, insert := range map[string]func(*world){
		"a newer bundle": func(w *world) { w.insertBundle(1, 1, []byte{bundleVersion + 1, 'x'}) },
		"no form that is known": func(w *world) {
			_, err := w.Pool.Exec(w.Context(), `ALTER TABLE outbox DROP CONSTRAINT outbox_one_form; INSERT INTO outbox (sale_id) VALUES (1)`)
			if err != nil {
				w.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := New(w.Pool, w.log)
			o.waitFor = 50 * time.Millisecond
			other := neighbourOf(1)
			w.send(o, numbered(1, 0, 1)...)
			insert(w)
			w.send(o, append(numbered(1, 1, 3), numbered(other, 0, 3)...)...)
			w.Start(o.Run)
			w.Eventually("all but the waiting sale's events are published", func() bool { n, _, err := o.waiting(t.Context()); return err == nil && n == 3 })
			inOrder(t, subjects(w, other), 3)
			inOrder(t, subjects(w, 1), 1)
			w.Eventually("the metric says so", func() bool { return eventstest.Measured(t, o.metrics.waitingSales) == 1 })

			// Who can read it comes, and publishes it.
			heir := New(w.Pool, w.log)
			heir.waitFor = o.waitFor
			w.Start(heir.Run)
			w.Eventually("the relay is handed over", func() bool {
				return w.Count(`SELECT count(*) FROM outbox_relay WHERE holder = $1`, heir.holder) == 1
			})
			w.inQuarantine(0)
			if _, err := w.Pool.Exec(t.Context(), `UPDATE outbox SET published_at = now() WHERE id = 2`); err != nil {
				t.Fatal(err)
			}
			w.allPublished(o)
			inOrder(t, subjects(w, 1), 3)
			w.inQuarantine(0)
		})
	}
}

func TestTooManyUnpublishableEventsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	o.waitFor, o.limit = 50*time.Millisecond, events.NewQuarantineLimit(2, 3*time.Second)
	other := neighbourOf(1)
	for range 3 {
		w.insertBundle(1, 1, []byte("nonsense"))
	}
	w.send(o, append(numbered(1, 0, 2), numbered(other, 0, 3)...)...)
	w.Start(o.Run)
	w.Eventually("all but the waiting sale's events are published", func() bool { n, _, err := o.waiting(t.Context()); return err == nil && n == 3 })
	w.inQuarantine(2)
	inOrder(t, subjects(w, other), 3)
	inOrder(t, subjects(w, 1), 0)
	w.allPublished(o)
	w.inQuarantine(3)
	inOrder(t, subjects(w, 1), 2)
}

func TestARelayThatLostItsLeaseQuarantinesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.insertBundle(1, 1, []byte("nonsense"))
	old, err := o.takeRelay(t.Context())
	if err != nil || old == nil {
		t.Fatalf("no lease (%v)", err)
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
	w.inQuarantine(0)
	for range 2 {
		if _, err := heir.pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.inQuarantine(1)
}
