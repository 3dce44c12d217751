package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// startupPatience is how long a start waits for a configured service before it says that it is missing.
const startupPatience = 8 * time.Second

// redisOptions reads a REDIS_URL: one address, several separated by commas, `?cluster=1`, rediss:// for TLS, or
// redis-sentinel://host:port,host:port/primary-name.
func redisOptions(value string) (rueidis.ClientOption, error) {
	first, rest, several := strings.Cut(value, ",")
	sentinel := strings.HasPrefix(first, "redis-sentinel://")
	if sentinel {
		return sentinelOptions(value)
	}
	var tail string
	if several {
		// options stand behind the last address
		rest, tail, _ = strings.Cut(rest, "?")
		first += suffix("?", tail)
	}
	u, err := url.Parse(first)
	if err != nil {
		return rueidis.ClientOption{}, errors.New("not a URL")
	}
	q := u.Query()
	cluster := q.Get("cluster") == "1" || q.Get("cluster") == "true" || several
	q.Del("cluster")
	u.RawQuery = q.Encode()
	opt, err := rueidis.ParseURL(u.String())
	if err != nil {
		return opt, err
	}
	for address := range strings.SplitSeq(rest, ",") {
		if address = bareAddress(address); address != "" {
			opt.InitAddress = append(opt.InitAddress, address)
		}
	}
	opt.ForceSingleClient = !cluster
	return tuned(opt), nil
}

func sentinelOptions(value string) (rueidis.ClientOption, error) {
	addresses, name, ok := strings.Cut(strings.TrimPrefix(value, "redis-sentinel://"), "/")
	if !ok || name == "" || addresses == "" {
		return rueidis.ClientOption{}, errors.New("redis-sentinel:// needs the primary's name: redis-sentinel://host:26379/name")
	}
	var opt rueidis.ClientOption
	if credentials, hosts, found := strings.Cut(addresses, "@"); found {
		addresses = hosts
		opt.Username, opt.Password, _ = strings.Cut(credentials, ":")
	}
	for address := range strings.SplitSeq(addresses, ",") {
		if !strings.Contains(address, ":") {
			address += ":26379"
		}
		opt.InitAddress = append(opt.InitAddress, address)
	}
	opt.Sentinel = rueidis.SentinelOption{MasterSet: name}
	return tuned(opt), nil
}

func bareAddress(a string) string {
	a = strings.TrimSpace(a)
	if _, after, ok := strings.Cut(a, "://"); ok {
		a = after
	}
	a = strings.TrimSuffix(a[strings.LastIndexByte(a, '@')+1:], "/") // the first address's credentials are everybody's
	if a != "" && !strings.Contains(a, ":") {
		a += ":6379"
	}
	return a
}

func suffix(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}

// tuned: nothing is cached client-side, calls fail fast, and a dead connection is noticed within a second.
func tuned(opt rueidis.ClientOption) rueidis.ClientOption {
	opt.DisableCache = true
	opt.Dialer.Timeout = redisDialTime
	opt.Dialer.KeepAlive = time.Second
	opt.ConnWriteTimeout = redisWriteTime
	opt.DisableRetry = true
	return opt
}

// openRedis dials until somebody answers; embedded says that the server is the one in this process, which speaks the older protocol.
func openRedis(address string, embedded bool) (rueidis.Client, error) {
	client, err := patiently(func() (rueidis.Client, error) { return dialRedis(address, embedded) })
	if err != nil {
		return nil, missing("Redis", hideSecrets(address), "REDIS_URL", "docker compose up -d redis", err)
	}
	return client, nil
}

func dialRedis(address string, embedded bool) (rueidis.Client, error) {
	opt, err := redisOptions(address)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	opt.AlwaysRESP2 = embedded
	return rueidis.NewClient(opt)
}

// poolConfig reads the address and puts every connection into the namespace's schema.
func poolConfig(address, namespace string, size int32) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %s", hideSecrets(err.Error()))
	}
	cfg.MaxConns = max(cfg.MaxConns, size)
	cfg.ConnConfig.ConnectTimeout = databaseDialTime
	cfg.ConnConfig.RuntimeParams["search_path"] = namespace
	cfg.ConnConfig.RuntimeParams["application_name"] = "flashsale"
	// A process that is stopped in the middle of an operator's transaction does not keep the sale's stock row.
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(forgottenTime.Milliseconds(), 10)
	cfg.HealthCheckPeriod = time.Second
	return cfg, nil
}

// openPool connects and proves that somebody answers.
func openPool(ctx context.Context, cfg *pgxpool.Config) (*pgxpool.Pool, error) {
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	_, err = patiently(func() (struct{}, error) {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return struct{}{}, pool.Ping(attempt)
	})
	if err != nil {
		pool.Close()
		address := net.JoinHostPort(cfg.ConnConfig.Host, fmt.Sprint(cfg.ConnConfig.Port))
		return nil, missing("PostgreSQL", address, "DATABASE_URL (or DB_*)", "docker compose up -d postgres", err)
	}
	return pool, nil
}

// patiently tries again for a while: services started together come up in any order.
func patiently[T any](dial func() (T, error)) (T, error) {
	deadline := time.Now().Add(startupPatience)
	for {
		v, err := dial()
		if err == nil || time.Now().After(deadline) {
			return v, err
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// missing is the sentence for a configured service that does not answer.
func missing(what, address, variable, start string, err error) error {
	return fmt.Errorf("%s does not answer at %s (%w); start it (%s), correct %s, or unset it to use the embedded one",
		what, address, err, start, variable)
}

func kafkaTLS(on bool) *tls.Config {
	if !on {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

// kafkaSASL reads mechanism:user:password, whose form ConfigFrom has checked.
func kafkaSASL(value string) (sasl.Mechanism, error) {
	if value == "" {
		return nil, nil //nolint:nilnil // no mechanism is what kafka-go takes for "no SASL"
	}
	parts := strings.SplitN(value, ":", 3)
	switch parts[0] {
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, parts[1], parts[2])
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, parts[1], parts[2])
	default:
		return plain.Mechanism{Username: parts[1], Password: parts[2]}, nil
	}
}
