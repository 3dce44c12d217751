package claimlog

import (
	"net"
	"testing"
	"time"

	saslplain "github.com/segmentio/kafka-go/sasl/plain"
)

// A broker that takes the connection and says nothing holds nobody who sends it credentials: not the consumer group's dialer, to whose
// connections the library gives no deadline while it does, and not a question.
func TestASilentBrokerHoldsNobodyWithCredentials(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	log := newLog(Config{Brokers: []string{l.Addr().String()}, Namespace: "silent", SASL: saslplain.Mechanism{Username: "u", Password: "p"}})
	t.Cleanup(func() { _ = log.Close() })
	ended := make(chan error, 1)
	go func() {
		conn, err := log.Dialer().DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			err = conn.Close()
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a silent broker counts as connected")
		}
	case <-time.After(silentTime + 3*time.Second):
		t.Error("the dialer waits for a silent broker without an end")
	}
}
