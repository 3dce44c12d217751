//go:build unix

package resilience

import (
	"testing"
	"time"
)

// wiredKafka is servers with a proxy before Kafka.
func wiredKafka(t *testing.T) (settings, *wire) {
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
	w := newWorld(t, r, s, stock, crowd)
	var bought int
	healed := w.during(rate, func() func() {
		bought = w.shoppers.tally()["201"]
		wire.refuse()
		return func() { wire.accept(t) }
	}, func(began time.Time) int64 {
		w.eventually(20*time.Second, "/readyz shows it", func() bool { return w.everywhere(w.kafkaAway) })
		r.within(t, "/readyz shows it", time.Since(began), 3*time.Second)
		return w.hold(lasting(8*time.Second, 4*time.Second), w.kafkaAway)
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
