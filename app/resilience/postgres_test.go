//go:build unix

package resilience

import (
	"testing"
	"time"
)

// wiredPostgres is servers with a proxy before Postgres.
func wiredPostgres(t *testing.T) (settings, *wire) {
	t.Helper()
	s := plain(t)
	w, err := newWire("postgres", hostOf(t, s.realDatabase))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.refuse)
	s.database = through(t, s.realDatabase, w.address())
	return s, w
}

func (w *world) postgresAway(p *process) bool { return !w.ready(p, "PostgreSQL") }

// postgresRefuses: acknowledged claims wait in the log, and are decided once Postgres is back.
func postgresRefuses(t *testing.T, r *report) {
	s, wire := wiredPostgres(t)
	w := newWorld(t, r, s, stock, crowd)
	healed := w.during(rate, func() func() {
		wire.refuse()
		return func() { wire.accept(t) }
	}, func(time.Time) int64 { return w.hold(lasting(30*time.Second, 6*time.Second), w.postgresAway) })
	if waited := len(w.shoppers.waiting()); waited == 0 {
		t.Error("no claim had to wait while Postgres refused")
	}
	r.note("%d claims waited", len(w.shoppers.waiting()))
	r.within(t, "drained", w.settled(healed, 60*time.Second), 5*time.Second)
	w.kept()
	w.assertOutcomes("503 not-bought", "503 overloaded")
}
