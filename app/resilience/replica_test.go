//go:build unix

package resilience

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// replicaPromoted: a replica that lacks the last places becomes a primary, and for a while some instances ask the old one,
// others the new one. Then all ask the new one.
func replicaPromoted(t *testing.T, r *report) {
	s, primary, _ := ownRedis(t)
	dir, err := shared.folder("replica")
	if err != nil {
		t.Fatal(err)
	}
	replica, address, err := newRedis(dir, append([]string{"--replicaof"}, strings.Split(hostOf(t, s.realRedis), ":")...)...)
	installed(t, err)
	if err := replica.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = replica.stop(syscall.SIGKILL) })
	old, err := newServerProxy("redis", hostOf(t, s.realRedis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(old.refuse)
	moved, err := newServerProxy("redis", hostOf(t, s.realRedis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moved.refuse)
	s.redis = through(t, s.realRedis, old.address())
	w := newWorld(t, r, s, 600, shopperCount)
	w.settings.redis = through(t, s.realRedis, moved.address())
	w.instances = append(w.instances, w.instance(), w.instance(), w.instance())
	r.instances = len(w.instances)
	second, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{hostOf(t, address)}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.Close)
	do := func(words ...string) {
		t.Helper()
		if err := second.Do(context.Background(), second.B().Arbitrary(words[0]).Args(words[1:]...).Build()).Error(); err != nil {
			t.Fatalf("%v: %v", words, err)
		}
	}
	key := w.sale()
	healed := w.during(rate, func() func() {
		w.eventually(60*time.Second, "the replica follows", func() bool { return w.ownersWithoutPlaceIn(second, key, w.owners(key)) == 0 })
		do("REPLICAOF", "NO", "ONE") // from here on it gets no new places
		w.eventually(30*time.Second, "the old primary is ahead", func() bool { return w.ownersWithoutPlaceIn(second, key, w.owners(key)) > 50 })
		moved.reroute(t, hostOf(t, address))
		return func() {
			_ = primary.stop(syscall.SIGKILL)
			old.reroute(t, hostOf(t, address))
		}
	}, func(time.Time) int64 {
		before := w.shoppers.answered.Load()
		time.Sleep(4 * time.Second)
		return w.shoppers.answered.Load() - before
	})
	first := w.redis
	w.redis = second
	t.Cleanup(first.Close)
	w.eventually(30*time.Second, "owners have their places in the new primary", func() bool { return w.ownersWithoutPlace(key, w.owners(key)) == 0 })
	r.within(t, "owners have places (checked after the load)", max(0, time.Since(healed)-warm), 2*time.Second)
	r.note("%d declines", w.number("SELECT count(*) FROM declines"))
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}
