package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// A look tells which database and schema it is, and the newest heartbeat of any process.
func TestALookTellsTheDatabaseAndTheNewestHeartbeat(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	if seen, err := Look(t.Context(), w.Pool); err != nil || seen.System == 0 || seen.Database == 0 || seen.Table == 0 || seen.Standby || seen.Beat.Unix() != 0 {
		t.Fatalf("without a process: %+v, %v", seen, err)
	}
	NewHeartbeat(w.Pool, "old").beat(t.Context())
	NewHeartbeat(w.Pool, "new").beat(t.Context())
	first, err := Look(t.Context(), w.Pool)
	if err != nil || first.Beat.After(first.Now) || first.Now.Sub(first.Beat) > time.Minute {
		t.Fatalf("%+v, %v", first, err)
	}
	other := eventstest.New(t, events.WatchNotices)
	seen, err := Look(t.Context(), other.Pool)
	if err != nil || seen.System != first.System || seen.Table == first.Table {
		t.Errorf("another schema: %+v and %+v, %v", seen, first, err)
	}
}

// Without the schema a look still tells which database it is.
func TestALookWithoutTheSchemaTellsTheDatabase(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	elsewhere := w.Pool.Config()
	elsewhere.ConnConfig.RuntimeParams["search_path"] = "nowhere"
	pool, err := pgxpool.NewWithConfig(t.Context(), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if seen, err := Look(t.Context(), pool); !errors.Is(err, ErrNoSchema) || seen.System == 0 || seen.Database == 0 || seen.Table != 0 {
		t.Errorf("%+v, %v", seen, err)
	}
}
