// Package embeddedtest gives tests the three servers: the real ones that DATABASE_URL, REDIS_URL and
// KAFKA_BROKERS name, else embedded ones that the tests of a package share. Nothing is mocked, because the
// real thing starts in a second or two, and only on first use: a package whose tests never ask for
// Postgres never waits for it.
//
// Tests treat real and embedded servers alike, by address. The embedded Redis and Kafka have none, so each gets a port here,
// which passes on what comes and goes; tests of the whole product use the dialers instead, as the product does.
//
// Tests stay apart by names: each takes a schema or a namespace of its own, runs in parallel with the
// others, and leaves nothing behind on a real server.
package embeddedtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"flashsale/app/embedded"
)

const (
	startPatience = 5 * time.Minute // a first run may download Postgres
	stopPatience  = 20 * time.Second
)

// servers are those that the tests of this process share. They outlive single tests, so the package has to
// keep them; Main closes them.
var servers = struct {
	dir                    func() (string, error)
	postgres, redis, kafka *server
}{
	dir:      sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "flashsale-test-") }),
	postgres: &server{variable: "DATABASE_URL", options: embedded.Options{Postgres: true}},
	redis:    &server{variable: "REDIS_URL", options: embedded.Options{Redis: true}},
	kafka:    &server{variable: "KAFKA_BROKERS", options: embedded.Options{Kafka: true}},
}

// server is one of the three, real or embedded.
type server struct {
	variable string // names the real one
	options  embedded.Options

	once  sync.Once
	stack *embedded.Stack
	port  *port // of Redis and Kafka
	err   error
}

// real is the value of the variable, empty when the server is to be embedded.
func (s *server) real() string { return os.Getenv(s.variable) }

// settings starts the embedded server on the first call. A test run that asks for real servers fails instead.
func (s *server) settings(t testing.TB) embedded.Settings {
	t.Helper()
	if os.Getenv("CI") == "true" && os.Getenv("FLASHSALE_TEST_REAL") == "1" {
		t.Fatalf("FLASHSALE_TEST_REAL=1 asks for real servers, but %s is not set", s.variable)
	}
	s.once.Do(s.start)
	if s.err != nil {
		t.Fatalf("start the embedded server in place of %s: %v", s.variable, s.err)
	}
	return s.stack.Settings()
}

func (s *server) start() {
	dir, err := servers.dir()
	if err != nil {
		s.err = err
		return
	}
	s.options.Dir = filepath.Join(dir, strings.ToLower(s.variable))
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	if s.options.Postgres {
		s.stack, s.err = embedded.Start(ctx, s.options)
		return
	}
	if s.port, s.err = openPort(); s.err != nil {
		return
	}
	s.options.KafkaAddress = s.port.address()
	if s.stack, s.err = embedded.Start(ctx, s.options); s.err != nil {
		return
	}
	set := s.stack.Settings()
	if s.options.Kafka {
		s.port.serve(set.KafkaDial)
	} else {
		s.port.serve(set.RedisDial)
	}
}

func (s *server) close() error {
	if s.port != nil {
		s.port.close()
	}
	if s.stack == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	return s.stack.Close(ctx)
}

// Main runs the tests of a package, closes what they shared, and ends the process: with an error also when
// goroutines are left over, unless they are ignored, each of which wants a reason. Use it as TestMain.
func Main(m *testing.M, ignore ...goleak.Option) {
	if embedded.GuardMode() {
		os.Exit(embedded.RunGuard())
	}
	code := m.Run()
	if err := closeServers(); err != nil {
		fmt.Fprintln(os.Stderr, "close the embedded servers:", err)
		code = max(code, 1)
	}
	// A failed test may have left something running. Its own message matters more.
	if code == 0 {
		if err := goleak.Find(ignore...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// closeServers ends what the tests shared. The default transports come first: they keep connections open for later
// requests, and there are none.
func closeServers() error {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	kafka.DefaultTransport.(*kafka.Transport).CloseIdleConnections()
	var errs []error
	for _, s := range []*server{servers.kafka, servers.redis, servers.postgres} {
		errs = append(errs, s.close())
		if s.options.Dir != "" {
			errs = append(errs, os.RemoveAll(filepath.Dir(s.options.Dir)))
		}
	}
	return errors.Join(errs...)
}

// random is a name that no other test has, fit for a schema, a topic and a key.
func random() string { return "t_" + strings.ToLower(rand.Text()[:16]) }
