// Package instancetest is what tests of the whole product share: a deployment of its own on the servers that all tests
// of a process share, and a client that speaks to an instance as a shopper or an operator does. It starts nothing
// itself, so that the tests inside package instance can use it too.
package instancetest

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/embedded/embeddedtest"
)

// Deployment is a namespace of its own on the servers the tests share: instances of one deployment see each other
// and nothing else.
type Deployment struct {
	Config  config.Config
	Servers embedded.Settings
	Log     *slog.Logger
}

// New is a deployment in demo mode, whose schema exists, without a sale: an instance that makes the schema needs as long for it as for
// the rest of its start. What it leaves in Postgres goes with the test.
func New(t testing.TB) Deployment {
	t.Helper()
	pool, schema := embeddedtest.Postgres(t)
	pool.Close() // each instance has its own
	return in(t, schema)
}

// Empty is New without the schema, for tests of what a first start makes and of commands where nothing has been.
func Empty(t testing.TB) Deployment {
	t.Helper()
	pool, schema := embeddedtest.EmptyPostgres(t)
	pool.Close()
	return in(t, schema)
}

func in(t testing.TB, namespace string) Deployment {
	t.Helper()
	cfg, err := config.From(func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	cfg.Port, cfg.Hosts, cfg.OpsAddr, cfg.Demo = 0, []string{"127.0.0.1"}, "", true
	cfg.DrainDelay = 0 // no balancer has to notice that it stops
	cfg.Namespace = namespace
	return Deployment{Config: cfg, Log: slog.New(slog.NewTextHandler(Writer{t}, &slog.HandlerOptions{Level: slog.LevelWarn})), Servers: Servers(t)}
}

// Servers are those that the tests share.
func Servers(t testing.TB) embedded.Settings {
	t.Helper()
	brokers, logID := embeddedtest.Kafka(t)
	return embedded.Settings{
		DatabaseURL: embeddedtest.DatabaseURL(t), RedisURL: embeddedtest.RedisURL(t), RedisEmbedded: !embeddedtest.RealRedis(),
		KafkaBrokers: brokers, KafkaID: logID, RedisDial: embeddedtest.RedisDial(t), KafkaDial: embeddedtest.KafkaDial(t),
	}
}

// Writer shows warnings of the product with the test that caused them.
type Writer struct{ T testing.TB }

func (w Writer) Write(p []byte) (int, error) {
	if w.T.Context().Err() == nil {
		w.T.Log(string(bytes.TrimSpace(p)))
	}
	return len(p), nil
}

// Eventually fails the test when something does not happen within twenty seconds.
func Eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !happened() {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s in vain", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
