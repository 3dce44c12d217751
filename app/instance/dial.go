package instance

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"

	"flashsale/app/config"
	"flashsale/app/embedded"
)

// startupPatience is how long a start waits for a configured service before it says that it is missing.
const startupPatience = 8 * time.Second

// The three configured services, as sentences about them name them.
func postgresService() service {
	return service{"PostgreSQL", "DATABASE_URL (or DB_*)", "docker compose up -d postgres"}
}

func redisService() service { return service{"Redis", "REDIS_URL", "docker compose up -d redis"} }

func kafkaService() service {
	return service{"Kafka", "KAFKA_BROKERS, KAFKA_SASL or KAFKA_TLS", "docker compose up -d kafka"}
}

// openRedis dials until a server answers.
func openRedis(ctx context.Context, at embedded.Settings) (rueidis.Client, error) {
	client, err := patiently(ctx, func() (rueidis.Client, error) { return DialRedis(at) })
	if err != nil {
		return nil, redisService().fault(RedisAddress(at), err)
	}
	if _, err := RedisVersion(ctx, client); err != nil {
		client.Close()
		return nil, redisService().fault(RedisAddress(at), err)
	}
	return client, nil
}

// DialRedis connects to Redis, without trying again. The embedded one speaks the older protocol.
func DialRedis(at embedded.Settings) (rueidis.Client, error) {
	opt, err := config.RedisOptions(at.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	opt.AlwaysRESP2 = at.RedisEmbedded
	if dial := at.RedisDial; dial != nil {
		opt.DialCtxFn = func(ctx context.Context, address string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return dial(ctx, "", address)
		}
	}
	return rueidis.NewClient(opt)
}

// openPool connects and checks that the server answers.
func openPool(ctx context.Context, cfg *pgxpool.Config) (*pgxpool.Pool, error) {
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	_, err = patiently(ctx, func() (string, error) {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return PostgresVersion(attempt, pool)
	})
	if err != nil {
		pool.Close()
		return nil, postgresService().fault(config.Place(cfg.ConnString()), err)
	}
	return pool, nil
}

// patiently tries again for a while: services started together come up in any order. A server that answers, and refuses,
// will not change its mind.
func patiently[T any](ctx context.Context, dial func() (T, error)) (T, error) {
	deadline := time.Now().Add(startupPatience)
	for {
		v, err := dial()
		if err == nil || time.Now().After(deadline) {
			return v, err
		}
		if _, answers := Refusal(err); answers {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, err
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// DatabaseAddress is where Postgres is, for people: without user and password.
func DatabaseAddress(s embedded.Settings) string {
	u, err := url.Parse(s.DatabaseURL)
	if err == nil && u.Host == "" && filepath.IsAbs(u.Query().Get("host")) {
		return "socket in " + u.Query().Get("host")
	}
	return BareURL(s.DatabaseURL)
}

// RedisAddress is where Redis is, for people.
func RedisAddress(s embedded.Settings) string {
	if s.RedisDial != nil {
		return reach(s.RedisSocket, s)
	}
	return BareURL(s.RedisURL)
}

// KafkaAddress is where Kafka is, for people.
func KafkaAddress(s embedded.Settings) string {
	if s.KafkaDial != nil {
		return reach(s.KafkaSocket, s)
	}
	return strings.Join(s.KafkaBrokers, ",")
}

// reach says how this process reaches an embedded server that has no port: one that it has not started is another's.
func reach(socket string, s embedded.Settings) string {
	if len(s.Services) > 0 || socket == "" {
		return embedded.InProcess
	}
	return "in the running instance, by " + socket
}

// BareURL is the host and port of an address, without user and password.
func BareURL(address string) string { return config.Place(address) }
