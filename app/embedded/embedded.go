// Package embedded starts the servers that are used when none is configured, so that the program runs on a machine
// where nothing else is installed: Redis is miniredis and Kafka is kfake, both in this process; Postgres is a real
// server in a child process, because the verdicts and every receipt live in it.
//
// No other user of the machine can reach them, and no web page: Redis and Kafka have no port at all. This process
// reaches them by pipes, and commands beside it by Unix sockets in a private directory, where Postgres has its socket too.
// (Windows has no such socket for Postgres, which listens there on a port of 127.0.0.1 and asks for its password.)
//
// All data lies below one directory that one process at a time may use. What is durable survives SIGKILL: Postgres
// recovers by itself, the log is synced before it is acknowledged, and Redis is a cache that the ledger rebuilds. A
// guardian process (the same binary again) is between this process and Postgres; it stops Postgres when this process has
// ended for any reason.
//
// The rest of the program sees connection settings and dialers and nothing else: it cannot tell an embedded server from
// a configured one, apart from the few client options that miniredis needs.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"flashsale/app/embedded/datadir"
	"flashsale/app/embedded/kafka"
	"flashsale/app/embedded/redis"
	"flashsale/app/embedded/sockets"
)

// Options says what to start and where.
type Options struct {
	// Dir holds all data, and is made when missing. It must be set when anything is to be started.
	Dir string
	// Postgres, Redis and Kafka ask for one server each.
	Postgres, Redis, Kafka bool
	// Lock is the caller's lock of Dir when it has one already; otherwise Start takes it and Close gives it back.
	Lock *DirLock
	// Logger receives what an operator should know; nil discards it.
	Logger *slog.Logger
	// Progress receives the progress of a download: a bar when it is a terminal, else plain lines.
	Progress io.Writer
	// KafkaAddress is what the broker calls itself. It is for tests that put a port before it, and empty otherwise.
	KafkaAddress string
}

// Stack is a set of running servers. Its methods may be called concurrently.
type Stack struct {
	settings Settings
	lock     *DirLock
	ownsLock bool
	sockets  *sockets.Dir // of Redis and Kafka
	postgres *postgres
	redis    *redis.Server
	kafka    *kafka.Broker

	once     sync.Once
	closeErr error
}

// Missing says what Start would have to make before it has the deployment that o asks for: for people, and "" when all of it
// is there. It changes nothing.
func Missing(o Options) string {
	switch {
	case !o.Postgres && !o.Redis && !o.Kafka:
		return ""
	case !datadir.Used(o.Dir):
		return "deployment"
	case o.Postgres && !datadir.HasDatabase(o.Dir):
		return "PostgreSQL data directory"
	case o.Kafka && !datadir.HasLog(o.Dir):
		return "claims log"
	}
	return ""
}

// Start starts what o asks for, at the same time, and returns when all of it answers. If one fails the others are
// stopped again. A directory that another process uses is ErrInUse. A directory that cannot be used is left as it is, so
// that nothing is lost; the error says what to do.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{}
	if !o.Postgres && !o.Redis && !o.Kafka {
		return s, nil
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if err := s.occupy(&o); err != nil {
		return nil, err
	}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	s.settings = s.describe()
	return s, nil
}

// occupy makes the directory and takes its lock.
func (s *Stack) occupy(o *Options) error {
	if o.Dir == "" {
		return errors.New("embedded servers need a data directory")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	o.Dir = dir
	s.lock = o.Lock
	if s.lock == nil {
		s.ownsLock = true
		s.lock, err = Occupy(dir)
	}
	return err
}

func (s *Stack) start(ctx context.Context, o Options) (err error) {
	if o.Redis || o.Kafka {
		if s.sockets, err = sockets.Make(o.Dir); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	if o.Postgres {
		g.Go(func() (err error) {
			s.postgres, err = startPostgres(ctx, filepath.Join(o.Dir, datadir.Postgres), o.Logger, o.Progress)
			return err
		})
	}
	if o.Redis {
		g.Go(func() error {
			s.redis = redis.Start()
			return s.redis.Listen(s.sockets.Socket(sockets.Redis))
		})
	}
	if o.Kafka {
		g.Go(func() (err error) {
			if s.kafka, err = kafka.Start(filepath.Join(o.Dir, datadir.Kafka), o.KafkaAddress, o.Logger); err != nil {
				return err
			}
			return s.kafka.Listen(s.sockets.Socket(sockets.Kafka))
		})
	}
	return g.Wait()
}

func (s *Stack) describe() Settings {
	var set Settings
	if p := s.postgres; p != nil {
		set.DatabaseURL = p.url()
		set.Services = append(set.Services, p.service())
	}
	if r := s.redis; r != nil {
		set.RedisURL, set.RedisEmbedded, set.RedisDial = r.URL(), true, r.Dial
		set.RedisSocket = s.sockets.Socket(sockets.Redis)
		set.Services = append(set.Services, Service{Name: "Redis", Version: "miniredis", Address: InProcess})
	}
	if k := s.kafka; k != nil {
		set.KafkaBrokers, set.KafkaID, set.KafkaDial = []string{k.Address()}, k.ID(), k.Dial
		set.KafkaSocket = s.sockets.Socket(sockets.Kafka)
		set.Services = append(set.Services, Service{Name: "Kafka", Version: "kfake", Address: InProcess, Dir: k.Dir()})
	}
	return set
}

// Settings says how to reach what was started.
func (s *Stack) Settings() Settings { return s.settings }

// Close stops the servers: their clients should be closed by then. Postgres is given a fast shutdown; when
// ctx ends first it is stopped at once, and recovers at the next start. Closing again returns the same.
func (s *Stack) Close(ctx context.Context) error {
	s.once.Do(func() { s.closeErr = s.stop(ctx) })
	return s.closeErr
}

func (s *Stack) stop(ctx context.Context) error {
	var errs []error
	if s.kafka != nil {
		errs = append(errs, s.kafka.Close(ctx))
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.close(ctx))
	}
	if s.sockets != nil {
		s.sockets.Remove()
	}
	if s.ownsLock && s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}
