package claimlog

import (
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// world is a namespace with a log.
type world struct {
	*testing.T
	log *Log
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t}
	brokers, id := embeddedtest.Kafka(w)
	log, err := Open(t.Context(), Config{Brokers: brokers, LogID: id, Namespace: embeddedtest.Namespace(t), Logger: eventstest.Quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	w.log = log
	return w
}

func (w *world) append(partition int, claims ...events.Claim) []events.Position {
	w.Helper()
	positions, err := w.log.Append(w.Context(), partition, claims)
	if err != nil {
		w.Fatal(err)
	}
	return positions
}
