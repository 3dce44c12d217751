//go:build unix

package resilience

import (
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"flashsale/app/embedded/embeddedtest"
)

// shared are the servers and files of the whole run. Rows whose fault is on the wire use them, each in a namespace of
// its own; rows whose fault is in the server start one for themselves.
var shared = &sharing{}

type sharing struct {
	mu      sync.Mutex
	dir     string
	servers []*server

	redis, postgres, kafka once
}

// once is the address of a server that is started on first use.
type once struct {
	done    bool
	address string
	wire    *serverProxy // Kafka only
	direct  string
	err     error
}

// folder makes an empty directory for one server, which an ordinary user can reach.
func (s *sharing) folder(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "fsr")
		if err != nil {
			return "", err
		}
		s.dir = dir
		if err := os.Chmod(dir, 0o711); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp(s.dir, name)
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

func (s *sharing) keep(one *server) error {
	s.servers = append(s.servers, one)
	return one.start()
}

// close ends the servers and removes the files.
func (s *sharing) close() error {
	var errs []error
	for _, one := range s.servers {
		errs = append(errs, one.stop(syscall.SIGINT))
	}
	if s.kafka.wire != nil {
		s.kafka.wire.refuse()
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

func (s *sharing) redisURL(t *testing.T) string {
	t.Helper()
	return s.redis.get(t, "REDIS_URL", func(dir string) (*server, string, error) { return newRedis(dir) })
}

func (s *sharing) databaseURL(t *testing.T) string {
	t.Helper()
	return s.postgres.get(t, "DATABASE_URL", newPostgres)
}

func (o *once) get(t *testing.T, variable string, prepare func(dir string) (*server, string, error)) string {
	t.Helper()
	if given := os.Getenv(variable); given != "" {
		return given
	}
	if !o.done {
		o.done = true
		o.address, o.err = started(variable, prepare)
	}
	installed(t, o.err)
	return o.address
}

func started(name string, prepare func(dir string) (*server, string, error)) (string, error) {
	dir, err := shared.folder(strings.ToLower(name))
	if err != nil {
		return "", err
	}
	one, address, err := prepare(dir)
	if err != nil {
		return "", err
	}
	return address, shared.keep(one)
}

// brokers is a Kafka without a proxy, on which no fault is injected.
func (s *sharing) brokers(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("KAFKA_BROKERS"); given != "" {
		return given
	}
	s.wiredKafka(t)
	return s.kafka.direct
}

// wiredKafka is the address of a broker behind a proxy that it advertises as its own, so that clients stay with it.
func (s *sharing) wiredKafka(t *testing.T) (*serverProxy, string) {
	t.Helper()
	if !s.kafka.done {
		s.kafka.done = true
		s.kafka.wire, s.kafka.direct, s.kafka.err = s.startKafka()
	}
	installed(t, s.kafka.err)
	return s.kafka.wire, s.kafka.direct
}

func (s *sharing) startKafka() (*serverProxy, string, error) {
	var ports kafkaPorts
	for _, p := range []*int{&ports.product, &ports.tests, &ports.controller} {
		port, err := embeddedtest.FreePort()
		if err != nil {
			return nil, "", err
		}
		*p = port
	}
	w, err := newServerProxy("kafka", loopback(ports.product))
	if err != nil {
		return nil, "", err
	}
	dir, err := s.folder("kafka")
	if err != nil {
		return nil, "", err
	}
	one, err := newKafka(dir, ports, w.address())
	if err != nil {
		w.refuse()
		return nil, "", err
	}
	return w, loopback(ports.tests), s.keep(one)
}

// through is the address of a server with another host.
func through(t *testing.T, address, host string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = host
	return u.String()
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
