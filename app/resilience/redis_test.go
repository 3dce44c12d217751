//go:build unix

package resilience

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"flashsale/inventory"
	"flashsale/users"
)

const (
	stock        = 1500
	shopperCount = 1800
	rate         = 100 // requests a second
)

// wiredRedis is servers with a proxy before Redis.
func wiredRedis(t *testing.T) (settings, *serverProxy) {
	t.Helper()
	s := plain(t)
	w, err := newServerProxy("redis", hostOf(t, s.realRedis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.refuse)
	s.redis = through(t, s.realRedis, w.address())
	return s, w
}

// plain is servers without proxies.
func plain(t *testing.T) settings {
	t.Helper()
	s := settings{realDatabase: shared.databaseURL(t), realRedis: shared.redisURL(t), log: shared.brokers(t)}
	s.database, s.redis, s.kafka = s.realDatabase, s.realRedis, s.log
	return s
}

func (w *world) redisAway(p *process) bool {
	return w.metric(p, `flashsale_degraded{part="redis"}`) == 1
}

// redisRefuses: the ledger decides without places, and "sold out" is still answered from memory.
func redisRefuses(t *testing.T, r *report) {
	s, wire := wiredRedis(t)
	w := newWorld(t, r, s, stock, shopperCount)
	refuse := func() func() {
		wire.refuse()
		return func() { wire.accept(t) }
	}
	healed := w.during(rate, refuse, func(began time.Time) int64 {
		w.eventually(10*time.Second, "the breaker opens", func() bool { return w.everywhere(w.redisAway) })
		r.within(t, "breaker", time.Since(began), 250*time.Millisecond)
		return w.keepFault(lasting(5*time.Second, 3*time.Second), w.redisAway)
	})
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
	w.soldOutFromMemory(wire)
}

func (w *world) soldOutFromMemory(wire *serverProxy) {
	w.t.Helper()
	wire.refuse()
	defer wire.accept(w.t)
	w.eventually(20*time.Second, "every probe misses Redis", func() bool {
		return w.everywhere(func(p *process) bool { return !w.ready(p, "Redis") })
	})
	w.offered()
	owners := w.shoppers.promised()
	for n := range w.shopperCount {
		name := users.AbleName(n + 1)
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
	w := newWorld(t, r, s, stock, shopperCount)
	key := w.sale()
	healed := w.during(rate, func() func() {
		_ = redis.stop(syscall.SIGKILL)
		return func() {}
	}, func(time.Time) int64 {
		hits := w.keepFault(lasting(3*time.Second, 2*time.Second), w.redisAway)
		w.returned(redis, key)
		return hits
	})
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// returned starts Redis again, while shoppers buy, and waits until every owner of that moment has a place.
func (w *world) returned(redis *server, key inventory.Key) {
	w.t.Helper()
	owners := w.owners(key)
	if len(owners) == 0 {
		w.t.Error("nobody owned anything when Redis came back")
	}
	if err := redis.start(); err != nil {
		w.t.Fatal(err)
	}
	took := w.eventually(30*time.Second, "owners have their places back", func() bool { return w.ownersWithoutPlace(key, owners) == 0 })
	w.report.within(w.t, "owners have places", took, 2*time.Second)
}

// redisSlow: late answers count as none, whether they come after 200 ms, after 2 s, or never.
func redisSlow(t *testing.T, r *report) {
	s, wire := wiredRedis(t)
	w := newWorld(t, r, s, stock, shopperCount)
	goroutines := w.metrics("go_goroutines")
	var most float64
	var healed time.Time
	for _, fault := range []struct {
		name   string
		inject func()
	}{
		{"200 ms", func() { wire.delay(t, 250) }},
		{"2 s", func() { wire.delay(t, 2000) }},
		{"black hole", func() { wire.silence(t) }},
	} {
		healed = w.during(rate/2, func() func() { // at a low rate, so that there are new shoppers to the end
			fault.inject()
			return wire.restore
		}, func(began time.Time) int64 {
			w.eventually(10*time.Second, "the breaker opens", func() bool { return w.everywhere(w.redisAway) })
			r.within(t, fault.name+": breaker", time.Since(began), 450*time.Millisecond) // a reply may be late by 200 ms first
			hits := w.keepFault(3*time.Second, w.redisAway)
			most = max(most, w.metrics("go_goroutines"))
			return hits
		})
		w.eventually(20*time.Second, "the breaker closes", func() bool {
			return w.everywhere(func(p *process) bool { return !w.redisAway(p) })
		})
	}
	r.note("goroutines %.0f, under the faults at most %.0f", goroutines, most)
	if most > goroutines+float64(r.instances)*1000 {
		t.Errorf("goroutines grew from %.0f to %.0f", goroutines, most)
	}
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// redisRepliesLost: the script ran, the answer is lost, and the shopper who asks again gets one receipt.
func redisRepliesLost(t *testing.T, r *report) {
	s := plain(t)
	cut := newReplyCutter(t, hostOf(t, s.realRedis), containing("EVALSHA"))
	s.redis = through(t, s.realRedis, cut.address())
	w := newWorld(t, r, s, stock, shopperCount)
	healed := w.during(rate, func() func() {
		cut.every.Store(4)
		return func() { cut.every.Store(0) }
	}, func(time.Time) int64 {
		time.Sleep(lasting(8*time.Second, 4*time.Second))
		return cut.lost.Load()
	})
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// redisRestored: with an older set of holders Redis gives more places than units are left; the ledger declines the surplus.
func redisRestored(t *testing.T, r *report) {
	s, redis, dir := ownRedis(t)
	w := newWorld(t, r, s, 500, shopperCount)
	key := w.sale()
	sold := func() int64 {
		return w.number("SELECT taken FROM stock WHERE sale_id = $1 AND generation = $2", key.Sale, key.Generation)
	}
	var missing int64
	healed := w.during(rate, func() func() {
		dumped, dump := sold(), w.dump(dir)
		w.eventually(60*time.Second, "most units are sold", func() bool { return sold() > 400 })
		_ = redis.stop(syscall.SIGKILL)
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o644); err != nil {
			t.Fatal(err)
		}
		return func() { missing = sold() - dumped }
	}, func(time.Time) int64 {
		hits := w.keepFault(time.Second, w.redisAway)
		w.returned(redis, key)
		return hits
	})
	declines := w.number("SELECT count(*) FROM declines")
	r.note("%d orders missing from the dump, %d declines", missing, declines)
	if missing <= 0 {
		t.Error("the dump was not older than the sale; the row proves nothing")
	}
	if declines > missing {
		t.Errorf("%d declines, more than the %d orders that the dump did not know", declines, missing)
	}
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// dump is a copy of the keys as they are now, for a later restore.
func (w *world) dump(dir string) []byte {
	w.t.Helper()
	if err := w.redis.Do(context.Background(), w.redis.B().Save().Build()).Error(); err != nil {
		w.t.Fatal(err)
	}
	dump, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		w.t.Fatal(err)
	}
	return dump
}

// redisMisused: no memory left, a key of another type, and everything flushed. Each repairs itself and is seen.
func redisMisused(t *testing.T, r *report) {
	s, _, _ := ownRedis(t, "--maxmemory-policy", "noeviction")
	w := newWorld(t, r, s, stock, shopperCount)
	key, ctx := w.sale(), context.Background()
	do := func(words ...string) {
		t.Helper()
		if err := w.redis.Do(ctx, w.redis.B().Arbitrary(words[0]).Args(words[1:]...).Build()).Error(); err != nil {
			t.Fatalf("%v: %v", words, err)
		}
	}
	whole := func() bool {
		owners := w.owners(key)
		return w.ownersWithoutPlace(key, owners) == 0
	}
	w.during(rate, func() func() {
		do("CONFIG", "SET", "maxmemory", "1")
		return func() { do("CONFIG", "SET", "maxmemory", "0") }
	}, func(time.Time) int64 { return w.keepFault(2*time.Second, w.redisAway) })

	holders := fmt.Sprintf("%s:{%d:%d}:holders", w.namespace, key.Sale, key.Generation)
	w.during(rate, func() func() {
		do("SET", holders, "somebody else's")
		return func() {}
	}, func(began time.Time) int64 {
		w.eventually(20*time.Second, "the key of the wrong type is noticed", func() bool { return w.metrics("flashsale_redis_wrong_type_total") > 0 })
		w.eventually(20*time.Second, "the key of the wrong type is repaired", whole)
		r.within(t, "wrong type repaired", time.Since(began), 2*time.Second)
		return int64(w.metrics("flashsale_redis_wrong_type_total"))
	})

	healed := w.during(rate, func() func() {
		do("FLUSHALL")
		return func() {}
	}, func(began time.Time) int64 {
		w.eventually(20*time.Second, "the flushed holders are back", whole)
		r.within(t, "flushed holders back", time.Since(began), 2*time.Second)
		return 1
	})
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// reconciledAtOnce: five instances find an empty Redis in the same moment.
func reconciledAtOnce(t *testing.T, r *report) {
	s, _, _ := ownRedis(t)
	r.instances = 5
	w := newWorld(t, r, s, stock, shopperCount)
	key := w.sale()
	healed := w.during(rate, func() func() {
		if err := w.redis.Do(context.Background(), w.redis.B().Flushall().Build()).Error(); err != nil {
			t.Fatal(err)
		}
		return func() {}
	}, func(began time.Time) int64 {
		w.eventually(20*time.Second, "the holders are back", func() bool { return w.ownersWithoutPlace(key, w.owners(key)) == 0 })
		r.within(t, "holders back", time.Since(began), 2*time.Second)
		time.Sleep(2 * time.Second) // every reconciler has run by now
		return int64(w.metrics(`flashsale_reconciled_total{change="loaded"}`))
	})
	r.note("%.0f loads, %.0f owners added", w.metrics(`flashsale_reconciled_total{change="loaded"}`), w.metrics(`flashsale_reconciled_total{change="added"}`))
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}
