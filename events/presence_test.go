package events

import (
	"testing"

	"flashsale/app/embedded/embeddedtest"
)

func TestProcessesAreCountedWhileTheyLive(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	w := &world{T: t, pool: pool, schema: schema}
	one, two := NewPresence(pool, "one"), NewPresence(pool, "two")
	if one.Live() != 1 {
		t.Errorf("before the first sign %d live, want 1", one.Live())
	}
	w.start(one.Run)
	stop := w.start(two.Run)
	w.eventually("each sees both", func() bool { return one.Live() == 2 && two.Live() == 2 })
	stop()
	if n := w.count(`SELECT count(*) FROM processes WHERE id = 'two'`); n != 0 {
		t.Error("who stopped is still listed")
	}
	w.eventually("one is alone", func() bool { return one.Live() == 1 })
}

func TestAProcessThatDiedSilentlyIsNotCounted(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	w := &world{T: t, pool: pool, schema: schema}
	if _, err := pool.Exec(t.Context(), `INSERT INTO processes (id, seen_at) VALUES
		('dead', clock_timestamp() - interval '6 seconds'), ('alive', clock_timestamp() + interval '1 minute')`); err != nil {
		t.Fatal(err)
	}
	p := NewPresence(pool, "me")
	p.beat(t.Context())
	if p.Live() != 2 {
		t.Errorf("%d live, want 2", p.Live())
	}
	if _, err := pool.Exec(t.Context(), `UPDATE processes SET seen_at = now() - interval '11 minutes' WHERE id = 'dead'`); err != nil {
		t.Fatal(err)
	}
	p.leave(t.Context())
	if n := w.count(`SELECT count(*) FROM processes`); n != 1 {
		t.Errorf("%d rows are left, want the living one", n)
	}
}

func TestTheCountStaysWhenPostgresIsAway(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	p := NewPresence(pool, "me")
	p.live.Store(3)
	pool.Close()
	p.beat(t.Context())
	if p.Live() != 3 {
		t.Errorf("%d live, want 3 as before", p.Live())
	}
}
