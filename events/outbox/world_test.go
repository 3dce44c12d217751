package outbox

import (
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/eventstest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// world is a namespace with a log.
type world struct {
	*eventstest.World
	log *claimlog.Log
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: eventstest.New(t, events.WatchNotices)}
	brokers, id := embeddedtest.Kafka(w)
	log, err := claimlog.Open(t.Context(), claimlog.Config{Brokers: brokers, LogID: id, Namespace: w.Schema, Logger: eventstest.Quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	w.log = log
	return w
}
