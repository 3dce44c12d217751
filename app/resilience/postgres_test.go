//go:build unix

package resilience

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"syscall"
	"testing"
	"time"
)

// wiredPostgres is servers with a proxy before Postgres.
func wiredPostgres(t *testing.T) (settings, *serverProxy) {
	t.Helper()
	s := plain(t)
	w, err := newServerProxy("postgres", hostOf(t, s.realDatabase))
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
	w := newWorld(t, r, s, 300, 600) // so few that every place is taken before Postgres is back
	healed := w.during(rate, func() func() {
		wire.refuse()
		return func() { wire.accept(t) }
	}, func(time.Time) int64 {
		w.eventually(20*time.Second, "every probe misses Postgres", func() bool { return w.everywhere(w.postgresAway) })
		w.offered()
		return w.keepFault(lasting(30*time.Second, 6*time.Second), w.postgresAway)
	})
	if waited := len(w.shoppers.waiting()); waited == 0 {
		t.Error("no claim had to wait while Postgres refused")
	}
	if refused := w.shoppers.tally()["503 not-bought-retry"]; refused == 0 {
		t.Error("the places were never all taken; nobody was refused")
	}
	r.note("%d claims waited", len(w.shoppers.waiting()))
	r.within(t, "drained", w.settled(healed, 60*time.Second), 5*time.Second)
	w.kept()
	w.assertOutcomes("503 not-bought-retry", "503 overloaded")
}

// committing matches a COMMIT as a statement of its own, and the use of a prepared one at the end of a batch.
func committing(chunk []byte) bool {
	name := sha256.Sum256([]byte("commit"))
	return bytes.Contains(chunk, []byte("\x0bcommit\x00")) ||
		bytes.Contains(chunk, []byte("\x00stmtcache_"+hex.EncodeToString(name[:24])+"\x00"))
}

// commitsDoubted: Postgres has committed, and the ledger gets no reply.
func commitsDoubted(t *testing.T, r *report) {
	s := plain(t)
	cut := newReplyCutter(t, hostOf(t, s.realDatabase), committing)
	s.database = through(t, s.realDatabase, cut.address())
	w := newWorld(t, r, s, stock, shopperCount)
	healed := w.during(rate, func() func() {
		cut.every.Store(10)
		return func() { cut.every.Store(0) }
	}, func(time.Time) int64 {
		time.Sleep(8 * time.Second)
		return cut.lost.Load()
	})
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 not-bought-retry", "503 overloaded")
}

// postgresKilled: the server stops at once, without ending its connections, and recovers from its log.
func postgresKilled(t *testing.T, r *report) {
	dir, err := shared.folder("postgres")
	if err != nil {
		t.Fatal(err)
	}
	one, address, err := newPostgres(dir)
	installed(t, err)
	if err := one.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = one.stop(syscall.SIGINT) })
	s := plain(t)
	s.database, s.realDatabase = address, address
	w := newWorld(t, r, s, 300, 600)
	healed := w.during(rate, func() func() {
		_ = one.stop(syscall.SIGQUIT) // what pg_ctl stop -m immediate sends
		return func() {
			if err := one.start(); err != nil {
				t.Fatal(err)
			}
		}
	}, func(time.Time) int64 { return w.keepFault(lasting(10*time.Second, 4*time.Second), w.postgresAway) })
	r.note("%d claims waited", len(w.shoppers.waiting()))
	r.within(t, "drained", w.settled(healed, 60*time.Second), 5*time.Second)
	w.kept()
	w.assertOutcomes("503 not-bought-retry", "503 overloaded")
}
