package embeddedtest

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"flashsale/app/embedded"
)

// RealRedis reports whether the tests run against a real Redis, for those that need what miniredis lacks.
func RealRedis() bool { return servers.redis.real() != "" }

// RedisURL is the Redis server's address with the options its clients need, as rueidis.ParseURL reads them.
func RedisURL(t testing.TB) string {
	t.Helper()
	if url := servers.redis.real(); url != "" {
		return url
	}
	u, err := url.Parse(servers.redis.settings(t).RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = servers.redis.port.address()
	return u.String()
}

// RedisDial connects to the embedded server as the product does; nil for a real one. The port of RedisURL exists for tests
// only.
func RedisDial(t testing.TB) embedded.Dial {
	t.Helper()
	if servers.redis.real() != "" {
		return nil
	}
	return servers.redis.settings(t).RedisDial
}

// Redis is a client of the test's own, closed at its end. Use a Namespace for the keys.
func Redis(t testing.TB) rueidis.Client {
	t.Helper()
	client, err := connect(RedisURL(t))
	if err != nil {
		t.Fatalf("connect to Redis: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

func connect(url string) (rueidis.Client, error) {
	option, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	option.ForceSingleClient = !strings.Contains(url, "cluster=1")
	return rueidis.NewClient(option)
}

// deleteKeys removes what is left of the namespace from a real server. Keys of a cluster's other nodes
// expire by themselves.
func deleteKeys(ctx context.Context, url, namespace string) error {
	client, err := connect(url)
	if err != nil {
		return err
	}
	defer client.Close()
	for cursor := uint64(0); ; {
		page, err := client.Do(ctx, client.B().Scan().Cursor(cursor).Match(namespace+":*").Count(1000).Build()).AsScanEntry()
		if err != nil {
			return err
		}
		for _, key := range page.Elements {
			if err := client.Do(ctx, client.B().Unlink().Key(key).Build()).Error(); err != nil {
				return err
			}
		}
		if cursor = page.Cursor; cursor == 0 {
			return nil
		}
	}
}
