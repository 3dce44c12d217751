package instance

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"

	"flashsale/app/config"
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

// openRedis dials until a server answers; embedded says that it is the one in this process, which speaks the older protocol.
func openRedis(ctx context.Context, address string, embedded bool) (rueidis.Client, error) {
	client, err := patiently(ctx, func() (rueidis.Client, error) { return DialRedis(address, embedded) })
	if err != nil {
		return nil, redisService().fault(config.Place(address), err)
	}
	if _, err := RedisVersion(ctx, client); err != nil {
		client.Close()
		return nil, redisService().fault(config.Place(address), err)
	}
	return client, nil
}

// DialRedis connects to Redis at that address, without trying again.
func DialRedis(address string, embedded bool) (rueidis.Client, error) {
	opt, err := config.RedisOptions(address)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	opt.AlwaysRESP2 = embedded
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
