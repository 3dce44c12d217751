//go:build unix

package resilience

import (
	"context"
	"syscall"
	"testing"
	"time"

	"flashsale/users"
)

const (
	stock = 1500
	crowd = 1800
	rate  = 100 // presses a second
)

// wiredRedis is servers with a proxy before Redis.
func wiredRedis(t *testing.T) (settings, *wire) {
	t.Helper()
	s := plain(t)
	w, err := newWire("redis", hostOf(t, s.realRedis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.refuse)
	s.redis = through(t, s.realRedis, w.address())
	return s, w
}

// plain is servers that nothing stands before.
func plain(t *testing.T) settings {
	t.Helper()
	s := settings{realDatabase: shared.databaseURL(t), realRedis: shared.redisURL(t), log: shared.brokers(t)}
	s.database, s.redis, s.kafka = s.realDatabase, s.realRedis, s.log
	return s
}

func (w *world) redisAway(p *process) bool {
	return w.metric(p, `flashsale_degraded{part="redis"}`) == 1
}

// redisRefuses: the ledger decides without places, and what is sold out stays sold out from memory.
func redisRefuses(t *testing.T, r *report) {
	s, wire := wiredRedis(t)
	w := newWorld(t, r, s, stock, crowd)
	refuse := func() func() {
		wire.refuse()
		return func() { wire.accept(t) }
	}
	healed := w.during(rate, refuse, func(began time.Time) int64 {
		w.eventually(10*time.Second, "the breaker opens", func() bool { return w.everywhere(w.redisAway) })
		r.within(t, "breaker", time.Since(began), 250*time.Millisecond)
		return w.hold(lasting(5*time.Second, 3*time.Second), w.redisAway)
	})
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought")
	w.soldOutFromMemory(wire)
}

func (w *world) soldOutFromMemory(wire *wire) {
	w.t.Helper()
	wire.refuse()
	defer wire.accept(w.t)
	w.eventually(20*time.Second, "every probe misses Redis", func() bool {
		return w.everywhere(func(p *process) bool { return !w.ready(p, "Redis") })
	})
	owners := w.shoppers.promised()
	for n := range w.crowd {
		name := users.SeriesName(n + 1)
		want := "409 sold-out"
		if owners[name] != "" {
			want = "200"
		}
		if n%10 == 0 || want != "200" {
			if a := w.shoppers.press(context.Background(), w.anywhere(), name); a.outcome() != want {
				w.t.Errorf("sold out and without Redis, %s is answered %d %s; want %s", name, a.Status, a.Raw, want)
			}
		}
	}
}

// ownRedis is servers with a redis-server of the row's own.
func ownRedis(t *testing.T, arguments ...string) (settings, *server, string) {
	t.Helper()
	dir, err := shared.folder("redis")
	if err != nil {
		t.Fatal(err)
	}
	one, address, err := newRedis(dir, arguments...)
	installed(t, err)
	if err := one.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = one.stop(syscall.SIGKILL) })
	s := plain(t)
	s.redis, s.realRedis = address, address
	return s, one, dir
}

// redisKilled: the places come back from the ledger.
func redisKilled(t *testing.T, r *report) {
	s, redis, _ := ownRedis(t)
	w := newWorld(t, r, s, stock, crowd)
	key := w.sale()
	var owners []int64
	healed := w.during(rate, func() func() {
		_ = redis.stop(syscall.SIGKILL)
		return func() {
			owners = w.owners(key)
			if err := redis.start(); err != nil {
				t.Fatal(err)
			}
		}
	}, func(time.Time) int64 { return w.hold(lasting(3*time.Second, 2*time.Second), w.redisAway) })
	if len(owners) == 0 {
		t.Error("nobody owned anything when Redis came back empty")
	}
	w.eventually(30*time.Second, "owners have their places back", func() bool { return w.homeless(key, owners) == 0 })
	r.within(t, "owners have places (looked at after the load)", max(0, time.Since(healed)-warm), 2*time.Second)
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought")
}
