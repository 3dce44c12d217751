package cluster

import (
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestProcessesAreCountedWhileTheyLive(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	pool := w.Pool
	one, two := NewHeartbeat(pool, "one"), NewHeartbeat(pool, "two")
	if one.Live() != 1 {
		t.Errorf("before the first heartbeat %d live, want 1", one.Live())
	}
	w.Start(one.Run)
	stop := w.Start(two.Run)
	w.Eventually("each sees both", func() bool { return one.Live() == 2 && two.Live() == 2 })
	stop()
	if n := w.Count(`SELECT count(*) FROM processes WHERE id = 'two'`); n != 0 {
		t.Error("the process that stopped is still listed")
	}
	w.Eventually("one is alone", func() bool { return one.Live() == 1 })
}

func TestAProcessWithoutAHeartbeatIsNotCounted(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	pool := w.Pool
	if _, err := pool.Exec(t.Context(), `INSERT INTO processes (id, seen_at) VALUES
		('dead', clock_timestamp() - interval '6 seconds'), ('alive', clock_timestamp() + interval '1 minute')`); err != nil {
		t.Fatal(err)
	}
	p := NewHeartbeat(pool, "me")
	p.beat(t.Context())
	if p.Live() != 2 {
		t.Errorf("%d live, want 2", p.Live())
	}
	if _, err := pool.Exec(t.Context(), `UPDATE processes SET seen_at = now() - interval '11 minutes' WHERE id = 'dead'`); err != nil {
		t.Fatal(err)
	}
	p.leave(t.Context())
	if n := w.Count(`SELECT count(*) FROM processes`); n != 1 {
		t.Errorf("%d rows are left, want the living one", n)
	}
}

func TestTheCountStaysWhenPostgresIsAway(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	p := NewHeartbeat(pool, "me")
	p.live.Store(3)
	pool.Close()
	p.beat(t.Context())
	if p.Live() != 3 {
		t.Errorf("%d live, want 3 as before", p.Live())
	}
}

// A process that beats is found within a few heartbeats, one that was killed is waited for, and both are told apart.
func TestLivingProcessesAreTheOnesThatBeat(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	if _, err := w.Pool.Exec(t.Context(), `INSERT INTO processes (id) VALUES ('killed')`); err != nil {
		t.Fatal(err)
	}
	if found, err := Living(t.Context(), w.Pool); err != nil || len(found) != 0 {
		t.Errorf("after a kill %v are alive (%v)", found, err)
	}
	stop := w.Start(NewHeartbeat(w.Pool, "beats").Run)
	w.Eventually("the first heartbeat", func() bool { return w.Count(`SELECT count(*) FROM processes WHERE id = 'beats'`) == 1 })
	if found, err := Living(t.Context(), w.Pool); err != nil || len(found) != 1 || found[0].ID != "beats" || found[0].Since.IsZero() {
		t.Errorf("%v are alive (%v), want the one that beats", found, err)
	}
	stop()
	if found, err := Living(t.Context(), w.Pool); err != nil || len(found) != 0 {
		t.Errorf("after the end %v are alive (%v)", found, err)
	}
	if _, err := w.Pool.Exec(t.Context(), `DROP TABLE processes`); err != nil {
		t.Fatal(err)
	}
	if found, err := Living(t.Context(), w.Pool); err != nil || len(found) != 0 {
		t.Errorf("without the table %v are alive (%v)", found, err)
	}
}
