package outbox

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestABundleKeepsEveryEventOfItsSaleInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		messages := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) events.Message {
			return events.Message{
				SaleID: rapid.Int64Range(1, 3).Draw(t, "sale"), Type: rapid.String().Draw(t, "type"), Subject: rapid.String().Draw(t, "subject"),
				Traceparent: rapid.String().Draw(t, "trace"), Data: rapid.Int().Draw(t, "data"),
			}
		}), 1, 50).Draw(t, "messages")
		bundles, err := bundle(messages)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range bundles {
			var want []event
			for _, m := range messages {
				if m.SaleID == b.sale {
					want = append(want, event{m.Type, m.Subject, m.Traceparent, fmt.Append(nil, m.Data)})
				}
			}
			got, err := unbundle(b.bytes, int(b.count))
			same := func(a, b event) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }
			if err != nil || !slices.EqualFunc(got, want, same) {
				t.Fatalf("sale %d: got %v (%v), want %v", b.sale, got, err, want)
			}
			messages = slices.DeleteFunc(messages, func(m events.Message) bool { return m.SaleID == b.sale })
		}
		if len(messages) > 0 {
			t.Fatalf("not in any bundle: %v", messages)
		}
	})
}

func TestADamagedBundleIsNotReadAsAnother(t *testing.T) {
	t.Parallel()
	bundles, err := bundle(numbered(1, 0, 3))
	if err != nil {
		t.Fatal(err)
	}
	good := bundles[0].bytes
	for n := range good {
		if _, err := unbundle(good[:n], 3); !errors.Is(err, errBundle) {
			t.Fatalf("cut off after %d of %d bytes it gave %v", n, len(good), err)
		}
	}
	if _, err := unbundle(append([]byte{bundleVersion + 1}, good[1:]...), 3); !errors.Is(err, errNewerBundle) {
		t.Errorf("the next version gave %v", err)
	}
	for _, version := range []byte{0, bundleVersion + 2, 255} {
		if _, err := unbundle(append([]byte{version}, good[1:]...), 3); !errors.Is(err, errBundle) {
			t.Errorf("version %d gave %v", version, err)
		}
	}
	if _, err := unbundle(good, math.MaxInt32); !errors.Is(err, errBundle) {
		t.Errorf("a count beyond the bytes gave %v", err)
	}
	huge := append([]byte{bundleVersion}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
	if _, err := unbundle(huge, 1); !errors.Is(err, errBundle) {
		t.Errorf("a length beyond the bytes gave %v", err)
	}
}

func TestATransactionIsOneRowForEachOfItsSales(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	w.send(o, append(numbered(1, 0, 700), numbered(2, 0, 800)...)...)
	if n := w.Count(`SELECT count(*) FROM outbox`); n != 2 {
		t.Errorf("%d rows", n)
	}
	if n, _, err := o.waiting(t.Context()); err != nil || n != 1500 {
		t.Errorf("%d events wait (%v)", n, err)
	}
	w.Start(o.Run)
	w.allPublished(o)
	inOrder(t, subjects(w, 1), 700)
	inOrder(t, subjects(w, 2), 800)
	ids := make(map[string]bool)
	for _, e := range readEvents(w, row{saleID: 1}.partition()) {
		ids[e.headers["ce_id"]] = true
	}
	for _, e := range readEvents(w, row{saleID: 2}.partition()) {
		ids[e.headers["ce_id"]] = true
	}
	if len(ids) != 1500 {
		t.Errorf("%d ids for 1500 events", len(ids))
	}
}

// What an older program has written stays in its place before the bundles of a newer one.
func TestRowsOfOneEventArePublishedInTheirPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := New(w.Pool, w.log)
	for i := range 2 {
		if _, err := w.Pool.Exec(t.Context(), `INSERT INTO outbox (sale_id, type, subject, data) VALUES (1, 'order.confirmed', $1, '{"n":1}')`, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	w.send(o, numbered(1, 2, 4)...)
	w.Start(o.Run)
	w.allPublished(o)
	inOrder(t, subjects(w, 1), 4)
}

// The older program reads type, subject and data. A bundle must make it fail; it must not publish something else.
func TestAnOlderRelayCannotTakeABundleForAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(New(w.Pool, w.log), numbered(1, 0, 2)...)
	var kind, subject, data string
	err := w.Pool.QueryRow(t.Context(), `SELECT type, subject, data::text FROM outbox`).Scan(&kind, &subject, &data)
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("it reads %q %q %q (%v)", kind, subject, data, err)
	}
}

func BenchmarkBundle(b *testing.B) {
	messages := make([]events.Message, 500)
	for i := range messages {
		c := eventstest.NewClaim(1)
		id := c.ID.String()
		messages[i] = events.Message{
			SaleID: 1, Type: events.TypeOrderConfirmed, Subject: id,
			Data: &events.ConfirmedOrder{Order: id, Sale: 1, Generation: 1, User: int64(i), Username: "shopper", Unit: int64(i), At: time.Now().UTC(), PressedAt: time.Now().UTC()},
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bundle(messages); err != nil {
			b.Fatal(err)
		}
	}
}
