package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/consumer"
	"flashsale/migrations"
)

// endpoints says where the three servers are, configured or embedded.
type endpoints struct {
	databaseURL   string
	redisURL      string
	redisEmbedded bool
	kafkaBrokers  []string
	kafkaID       string
	embedded      []embedded.Service // what this process or the one beside it has started
}

// services are the open connections to the three servers.
type services struct {
	endpoints
	pool   *pgxpool.Pool // requests and operators
	lease  *pgxpool.Pool // the looks that renew the snapshot, and the heartbeat: short questions, and nothing that a client asks for
	ledger *pgxpool.Pool // the claim transactions, with a planner that cannot change its mind
	redis  rueidis.Client
	log    *claimlog.Log
	stack  *embedded.Stack   // nil when nothing was started by this process
	lock   *embedded.DirLock // nil when nothing is embedded
}

// The connections to Postgres of one process: 35 at most, unless the address says more. Three are the lease's: a look and a
// heartbeat may come at once, and one may have to be replaced.
const (
	requestConnections = 16
	ledgerConnections  = 16
	leaseConnections   = 3
)

// startServers takes the data directory and starts what is not configured.
func startServers(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer) (*services, error) {
	s := &services{endpoints: endpoints{databaseURL: cfg.DatabaseURL, redisURL: cfg.RedisURL, kafkaBrokers: cfg.KafkaBrokers}}
	if !cfg.AnyEmbedded() {
		return s, nil
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	if s.lock, err = embedded.Lock(dir); err != nil {
		return nil, err
	}
	s.stack, err = embedded.Start(ctx, embedded.Options{
		Dir: dir, Lock: s.lock, Postgres: cfg.DatabaseURL == "", Redis: cfg.RedisURL == "", Kafka: len(cfg.KafkaBrokers) == 0,
		Logger: log, Progress: progress,
	})
	if err != nil {
		return nil, errors.Join(err, s.lock.Unlock())
	}
	s.use(s.stack.Settings())
	return s, nil
}

// use fills in the addresses of embedded servers.
func (s *services) use(set embedded.Settings) {
	if set.DatabaseURL != "" {
		s.databaseURL = set.DatabaseURL
	}
	if set.RedisURL != "" {
		s.redisURL, s.redisEmbedded = set.RedisURL, true
	}
	if len(set.KafkaBrokers) > 0 {
		s.kafkaBrokers, s.kafkaID = set.KafkaBrokers, set.KafkaID
	}
	s.embedded = set.Services
}

// borrowServers uses the embedded servers of the instance that runs on the same data directory, if there is one.
func borrowServers(cfg config.Config) (*services, bool, error) {
	s := &services{endpoints: endpoints{databaseURL: cfg.DatabaseURL, redisURL: cfg.RedisURL, kafkaBrokers: cfg.KafkaBrokers}}
	if !cfg.AnyEmbedded() {
		return s, true, nil
	}
	run, found, err := readRunFile(cfg.DataDir)
	if err != nil || !found || !inUse(cfg.DataDir) {
		return nil, false, err
	}
	s.endpoints = run.endpoints()
	return s, true, nil
}

// inUse tells a running instance from one that was killed and left its run file.
func inUse(dir string) bool {
	lock, err := embedded.Lock(dir)
	if err != nil {
		return errors.Is(err, embedded.ErrHeld)
	}
	_ = lock.Unlock()
	return false
}

// connect opens every connection and brings the schema up to date.
func (s *services) connect(ctx context.Context, cfg config.Config, log *slog.Logger, reg prometheus.Registerer) error {
	if err := s.openDatabase(ctx, cfg); err != nil {
		return err
	}
	if _, err := migrations.Up(ctx, s.pool, cfg.Namespace); err != nil {
		return fmt.Errorf("bring the schema %s up to date: %w", cfg.Namespace, err)
	}
	if err := s.compareVersions(ctx, cfg, log); err != nil {
		return err
	}
	var err error
	if s.redis, err = openRedis(s.redisURL, s.redisEmbedded); err != nil {
		return err
	}
	return s.openLog(ctx, cfg, log, reg)
}

// compareVersions says that a newer version has been here, as while it is rolled out or after it was taken back.
func (s *services) compareVersions(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	applied, known, err := migrations.Versions(ctx, s.pool, cfg.Namespace)
	if err == nil && applied > known {
		log.Warn("the schema is of a newer version of this program", "migration", applied, "known", known)
	}
	return err
}

func (s *services) openLog(ctx context.Context, cfg config.Config, log *slog.Logger, reg prometheus.Registerer) error {
	at, err := s.logConfig(cfg, log, reg)
	if err != nil {
		return err
	}
	s.log, err = patiently(func() (*claimlog.Log, error) { return claimlog.Open(ctx, at) })
	if err != nil {
		return missing("Kafka", fmt.Sprint(s.kafkaBrokers), "KAFKA_BROKERS", "docker compose up -d kafka", err)
	}
	return nil
}

// logConfig is where the log is and how to get in.
func (s *services) logConfig(cfg config.Config, log *slog.Logger, reg prometheus.Registerer) (claimlog.Config, error) {
	mechanism, err := config.KafkaSASL(cfg.KafkaSASL)
	if err != nil {
		return claimlog.Config{}, fmt.Errorf("KAFKA_SASL: %w", err)
	}
	return claimlog.Config{
		Brokers: s.kafkaBrokers, TLS: config.KafkaTLS(cfg.KafkaTLS), SASL: mechanism,
		Namespace: cfg.Namespace, LogID: s.kafkaID, Logger: log, Registerer: reg,
	}, nil
}

func (s *services) openDatabase(ctx context.Context, cfg config.Config) error {
	requests, err := config.PoolConfig(s.databaseURL, cfg.Namespace, requestConnections)
	if err != nil {
		return err
	}
	events.WatchNotices(requests)
	if s.pool, err = openPool(ctx, requests); err != nil {
		return err
	}
	if err := s.openLease(ctx, cfg); err != nil {
		return err
	}
	ledger, err := config.PoolConfig(s.databaseURL, cfg.Namespace, ledgerConnections)
	if err != nil {
		return err
	}
	consumer.PreparePool(ledger)
	s.ledger, err = openPool(ctx, ledger)
	return err
}

// openLease opens the lease's connections and keeps them: a server that has none left has these.
func (s *services) openLease(ctx context.Context, cfg config.Config) error {
	lease, err := config.PoolConfig(s.databaseURL, cfg.Namespace, leaseConnections)
	if err != nil {
		return err
	}
	lease.MinConns, lease.MaxConns = leaseConnections, leaseConnections
	events.WatchNotices(lease)
	s.lease, err = openPool(ctx, lease)
	return err
}

// close ends connections first and then the servers this process has started.
func (s *services) close(ctx context.Context) error {
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.ledger != nil {
		s.ledger.Close()
	}
	if s.lease != nil {
		s.lease.Close()
	}
	if s.pool != nil {
		s.pool.Close()
	}
	if s.stack != nil {
		errs = append(errs, s.stack.Close(ctx))
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}

// processID tells this process from every other one in heartbeat rows, leases and events.
func processID() string {
	host, _ := os.Hostname()
	var b [4]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), hex.EncodeToString(b[:]))
}
