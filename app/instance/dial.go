package instance

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"

	"flashsale/app/config"
	"flashsale/app/embedded"
)

// startupPatience is how long a start waits for a configured service before it says that it is missing.
const startupPatience = 8 * time.Second

// openRedis dials until a server answers.
func openRedis(at embedded.Settings) (rueidis.Client, error) {
	client, err := patiently(func() (rueidis.Client, error) { return DialRedis(at) })
	if err != nil {
		return nil, missing("Redis", RedisAddress(at), "REDIS_URL", "docker compose up -d redis", err)
	}
	return client, nil
}

// DialRedis connects to Redis, without trying again. The embedded one speaks the older protocol.
func DialRedis(at embedded.Settings) (rueidis.Client, error) {
	opt, err := config.RedisOptions(at.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
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
