package instance

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
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/replica"
	"flashsale/app/traces"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/cluster"
	"flashsale/events/consumer"
	"flashsale/migrations"
)

// Servers are the three servers of a deployment: where they are, and the connections to them once they are open.
type Servers struct {
	// Settings say where the three servers are, configured or embedded, and which of them this process or the one beside it has
	// started.
	embedded.Settings
	pool   *pgxpool.Pool // requests and operators
	lease  *pgxpool.Pool // renewals of the snapshot, and the heartbeat: short queries, and nothing that a client asks for
	ledger *pgxpool.Pool // the claim transactions, with query plans that do not change
	export *pgxpool.Pool // exports, each of which keeps its connection for as long as its client reads
	// replica is connections to the replica of DATABASE_REPLICA_URL, for lists and histories; nil: there is none.
	replica *pgxpool.Pool
	redis   rueidis.Client
	log     *claimlog.Log
	traces  *traces.Tracer    // nil when nobody asked for traces, and in commands
	id      string            // of the process, when it was given one before its wiring
	stack   *embedded.Stack   // nil when nothing was started by this process
	lock    *embedded.DirLock // nil when nothing is embedded
}

// The connections to Postgres of one process: 37 at most, unless the address says more. Three are the lease's: a renewal and
// a heartbeat may come at once, and one connection may have to be replaced.
const (
	requestConnections = 16
	ledgerConnections  = 16
	leaseConnections   = 3
	exportConnections  = 2
)

// startServers takes the data directory and starts what is not configured.
func startServers(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer) (*Servers, error) {
	s := &Servers{Settings: configured(cfg)}
	if !cfg.AnyEmbedded() {
		return s, nil
	}
	o, err := embeddedOptions(cfg)
	if err != nil {
		return nil, err
	}
	if s.lock, err = embedded.Occupy(o.Dir); err != nil {
		return nil, err
	}
	o.Lock, o.Logger, o.Progress = s.lock, log, progress
	s.stack, err = embedded.Start(ctx, o)
	if err != nil {
		return nil, errors.Join(err, s.lock.Unlock())
	}
	s.use(s.stack.Settings())
	return s, nil
}

// embeddedOptions are the servers to start, and where.
func embeddedOptions(cfg config.Config) (embedded.Options, error) {
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return embedded.Options{}, fmt.Errorf("DATA_DIR cannot be used (%w); set it to an absolute path", err)
	}
	return embedded.Options{Dir: dir, Postgres: cfg.DatabaseURL == "", Redis: cfg.RedisURL == "", Kafka: len(cfg.KafkaBrokers) == 0}, nil
}

// configured are the servers that the environment names.
func configured(cfg config.Config) embedded.Settings {
	return embedded.Settings{DatabaseURL: cfg.DatabaseURL, RedisURL: cfg.RedisURL, KafkaBrokers: cfg.KafkaBrokers}
}

// use fills in the addresses of embedded servers.
func (s *Servers) use(set embedded.Settings) {
	if set.DatabaseURL != "" {
		s.DatabaseURL = set.DatabaseURL
	}
	if set.RedisURL != "" {
		s.RedisURL, s.RedisEmbedded, s.RedisDial, s.RedisSocket = set.RedisURL, set.RedisEmbedded, set.RedisDial, set.RedisSocket
	}
	if len(set.KafkaBrokers) > 0 {
		s.KafkaBrokers, s.KafkaID, s.KafkaDial, s.KafkaSocket = set.KafkaBrokers, set.KafkaID, set.KafkaDial, set.KafkaSocket
	}
	s.Services = set.Services
}

// FindServers finds the servers that a command works with, without connecting to them: the configured ones, the
// embedded ones of the instance running on the same data directory, or, when none runs, embedded ones started for
// this command only. What does not exist yet is made.
func FindServers(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer) (*Servers, error) {
	s, found, err := borrowServers(cfg)
	if err == nil && !found {
		s, err = startServers(ctx, cfg, log, progress)
	}
	return s, err
}

// Configured are the servers that the environment names, and no others.
func Configured(cfg config.Config) *Servers { return &Servers{Settings: configured(cfg)} }

// borrowServers uses the embedded servers of the instance that runs on the same data directory, if there is one.
func borrowServers(cfg config.Config) (*Servers, bool, error) {
	s := &Servers{Settings: configured(cfg)}
	if !cfg.AnyEmbedded() {
		return s, true, nil
	}
	run, found, err := readRunFile(cfg.DataDir)
	if err != nil || !found || !inUse(cfg.DataDir) {
		return nil, false, err
	}
	s.use(run.settings())
	return s, true, run.complete(s.Settings, cfg.DataDir)
}

// inUse is true while an instance runs on the directory; one that was killed leaves its run file too.
func inUse(dir string) bool {
	lock, err := embedded.Lock(dir)
	if err != nil {
		return errors.Is(err, embedded.ErrInUse)
	}
	_ = lock.Unlock()
	return false
}

// connect opens every connection and brings the schema up to date.
func (s *Servers) connect(ctx context.Context, cfg config.Config, log *slog.Logger, reg prometheus.Registerer) error {
	if s.pool == nil {
		if err := s.OpenDatabase(ctx, cfg); err != nil {
			return err
		}
	}
	_, err := migrations.Up(ctx, s.pool, cfg.Namespace)
	if err == nil {
		err = migrations.Rights(ctx, s.pool, cfg.Namespace)
	}
	if err != nil {
		var denied *migrations.DeniedError
		if errors.As(err, &denied) {
			return postgresService().fault(DatabaseAddress(s.Settings), err)
		}
		return fmt.Errorf("bring the schema %s up to date: %w", cfg.Namespace, err)
	}
	if err := s.compareVersions(ctx, cfg, log); err != nil {
		return err
	}
	if err := s.OpenRedis(ctx); err != nil {
		return err
	}
	if !s.RedisEmbedded {
		if err := RedisRights(ctx, s.redis, cfg.Namespace); err != nil {
			return redisService().fault(RedisAddress(s.Settings), err)
		}
	}
	if err := s.OpenLog(ctx, cfg, log, reg); err != nil {
		return err
	}
	return s.begin(ctx, cfg, log)
}

// begin gives a new ledger its place in the log, which may be older.
func (s *Servers) begin(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	lock := func(ctx context.Context, tx pgx.Tx) error { return migrations.LockTx(ctx, tx, cfg.Namespace) }
	leftOut, err := consumer.Begin(ctx, s.pool, s.log, lock)
	if err != nil {
		return fmt.Errorf("begin at the end of the claims log, which is nowhere in the new schema %s yet: %w", cfg.Namespace, err)
	}
	if leftOut > 0 {
		log.Warn("the claims log is older than this ledger; nothing of its earlier life is decided",
			"topic", s.log.ClaimsTopic(), "records left out", leftOut)
	}
	return nil
}

// compareVersions warns when a newer version has changed the schema: it is being rolled out, or it was rolled back.
func (s *Servers) compareVersions(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	applied, known, err := migrations.Versions(ctx, s.pool, cfg.Namespace)
	if err == nil && applied > known {
		log.Warn("the schema is of a newer version of this program", "migration", applied, "known", known)
	}
	return err
}

// Pool is the connections of requests and operators, once the database is open.
func (s *Servers) Pool() *pgxpool.Pool { return s.pool }

// Redis is the connection to Redis, once it is open.
func (s *Servers) Redis() rueidis.Client { return s.redis }

// Log is the claims log, once it is open.
func (s *Servers) Log() *claimlog.Log { return s.log }

// OpenRedis connects to Redis.
func (s *Servers) OpenRedis(ctx context.Context) (err error) {
	s.redis, err = openRedis(ctx, s.Settings)
	return err
}

// OpenLog connects to Kafka, and makes the topics that are missing. The registry may be nil.
func (s *Servers) OpenLog(ctx context.Context, cfg config.Config, log *slog.Logger, reg prometheus.Registerer) error {
	at, err := LogConfig(s.Settings, cfg, log, reg)
	if err != nil {
		return err
	}
	if s.traces != nil {
		at.Sending = s.traces.Sending
	}
	s.log, err = patiently(ctx, func() (*claimlog.Log, error) { return claimlog.Open(ctx, at) })
	return s.logError(err)
}

func (s *Servers) logError(err error) error {
	if err == nil {
		return nil
	}
	return kafkaService().fault(KafkaAddress(s.Settings), err)
}

// LogConfig is how a deployment's log is reached, with its credentials. Logger and registry may be nil.
func LogConfig(s embedded.Settings, cfg config.Config, log *slog.Logger, reg prometheus.Registerer) (claimlog.Config, error) {
	mechanism, err := config.KafkaSASL(cfg.KafkaSASL)
	if err != nil {
		return claimlog.Config{}, err
	}
	return claimlog.Config{
		Brokers: s.KafkaBrokers, Dial: s.KafkaDial, TLS: config.KafkaTLS(cfg.KafkaTLS), SASL: mechanism,
		Namespace: cfg.Namespace, LogID: s.KafkaID, Logger: log, Registerer: reg,
	}, nil
}

// OpenDatabase opens the pools. It does not touch the schema.
func (s *Servers) OpenDatabase(ctx context.Context, cfg config.Config) error {
	requests, err := config.PoolConfig(s.DatabaseURL, cfg.Namespace, requestConnections)
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
	ledger, err := config.PoolConfig(s.DatabaseURL, cfg.Namespace, ledgerConnections)
	if err != nil {
		return err
	}
	consumer.PreparePool(ledger)
	if s.ledger, err = openPool(ctx, ledger); err != nil {
		return err
	}
	if err := s.openExport(ctx, cfg); err != nil {
		return err
	}
	return s.openReplica(ctx, cfg)
}

// openReplica prepares the connections to the replica, one for the looks at it and one for each read. There are none until it is looked
// at, so a replica that is away stops no start.
func (s *Servers) openReplica(ctx context.Context, cfg config.Config) error {
	if cfg.ReplicaURL == "" {
		return nil
	}
	at, err := config.ReplicaConfig(cfg.ReplicaURL, cfg.Namespace, replica.Reads+1, replica.ReadTime)
	if err != nil {
		return err
	}
	if s.replica, err = pgxpool.NewWithConfig(ctx, at); err != nil {
		return fmt.Errorf("prepare the connections to the replica: %w", err)
	}
	return nil
}

// openExport prepares the connections of the exports. There are none until somebody exports, and no more than that, whatever the
// address says.
func (s *Servers) openExport(ctx context.Context, cfg config.Config) error {
	export, err := config.PoolConfig(s.DatabaseURL, cfg.Namespace, exportConnections)
	if err != nil {
		return err
	}
	export.MinConns, export.MaxConns, export.MaxConnIdleTime = 0, exportConnections, time.Minute
	if s.export, err = pgxpool.NewWithConfig(ctx, export); err != nil {
		return fmt.Errorf("prepare the connections of exports: %w", err)
	}
	return nil
}

// openLease opens the lease's connections and keeps them open, so that they exist also when the server accepts no more.
func (s *Servers) openLease(ctx context.Context, cfg config.Config) error {
	lease, err := config.PoolConfig(s.DatabaseURL, cfg.Namespace, leaseConnections)
	if err != nil {
		return err
	}
	lease.MinConns, lease.MaxConns = leaseConnections, leaseConnections
	events.WatchNotices(lease)
	s.lease, err = openPool(ctx, lease)
	return err
}

// Close ends connections first and then the servers this process has started.
func (s *Servers) Close(ctx context.Context) error {
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
	if s.export != nil {
		s.export.Close()
	}
	if s.replica != nil {
		s.replica.Close()
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

// DescribeProcess says where the process of a heartbeat row is, from the name that processID made.
func DescribeProcess(p cluster.Process) string {
	since := p.Since.UTC().Format("2006-01-02 15:04:05 MST")
	parts := strings.Split(p.ID, "-")
	if n := len(parts); n >= 3 {
		return fmt.Sprintf("process %s on host %s (%s), since %s", parts[n-2], strings.Join(parts[:n-2], "-"), p.ID, since)
	}
	return fmt.Sprintf("process %s, since %s", p.ID, since)
}
