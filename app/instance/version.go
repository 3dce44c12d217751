package instance

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"
)

// The oldest major versions that hold what the schema, the scripts and the protocol need.
const (
	oldestPostgres = 15
	oldestRedis    = 7
	oldestValkey   = 8
)

// versionError says that a server is too old.
type versionError struct {
	version string
	oldest  int
}

func (e *versionError) Error() string {
	return fmt.Sprintf("is version %s; %d or newer is needed", e.version, e.oldest)
}

// refuseOld passes over a version that is no number, which is some other server's.
func refuseOld(version string, oldest int) error {
	major, _, _ := strings.Cut(version, ".")
	end := strings.IndexFunc(major, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		major = major[:end] // as in 19beta1
	}
	if n, err := strconv.Atoi(major); err == nil && n < oldest {
		return &versionError{version, oldest}
	}
	return nil
}

// PostgresVersion asks the server for its version. The error says that it does not answer, or is too old.
func PostgresVersion(ctx context.Context, pool *pgxpool.Pool) (version string, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Release()
	if err := conn.Ping(ctx); err != nil {
		return "", fmt.Errorf("ask PostgreSQL: %w", err)
	}
	version = conn.Conn().PgConn().ParameterStatus("server_version")
	return version, refuseOld(version, oldestPostgres)
}

// RedisVersion asks the server for its version; one that does not tell it, such as the embedded one, is taken. The error says
// that it does not answer, or is too old.
func RedisVersion(ctx context.Context, client rueidis.Client) (version string, err error) {
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
		return "", fmt.Errorf("ask Redis: %w", err)
	}
	info, err := client.Do(ctx, client.B().Info().Section("server").Build()).ToString()
	if _, answered := rueidis.IsRedisErr(err); err != nil && !answered {
		return "", fmt.Errorf("ask Redis for its version: %w", err)
	}
	if valkey, ok := infoLine(info, "valkey_version:"); ok {
		return valkey, refuseOld(valkey, oldestValkey)
	}
	version, _ = infoLine(info, "redis_version:")
	return version, refuseOld(version, oldestRedis)
}

// commandError means that a user of Redis may not run a command, or not on the keys and channels of the namespace.
type commandError struct{ command, namespace string }

func (e *commandError) Error() string {
	return fmt.Sprintf("does not allow this user the command %s on keys and channels that begin with %s: (README.md of app/secured lists the rights)", e.command, e.namespace)
}

// RedisRights tries every command that the product needs, on a key of its own that is gone afterwards. The error says
// which one the user may not run.
func RedisRights(ctx context.Context, client rueidis.Client, namespace string) error {
	key, channel := namespace+":{rights}:"+rand.Text(), namespace+":rights"
	for _, one := range [][]string{
		{"EVAL", "return 1", "1", key}, {"EVALSHA", strings.Repeat("0", 40), "1", key}, {"HSET", key, "f", "1"}, {"PERSIST", key}, {"EXPIRE", key, "60"}, {"TYPE", key}, {"EXISTS", key},
		{"HLEN", key}, {"HMGET", key, "f"}, {"HEXISTS", key, "f"}, {"HSCAN", key, "0"}, {"RENAME", key, key}, {"HDEL", key, "f"},
		{"SET", key, "1", "EX", "60"}, {"GET", key}, {"UNLINK", key}, {"SCAN", "0", "COUNT", "1"}, {"TIME"}, {"PUBLISH", channel, ""},
	} {
		words := client.B().Arbitrary(one[0])
		for _, word := range one[1:] {
			if word == key {
				words = words.Keys(word)
			} else {
				words = words.Args(word)
			}
		}
		if denied(client.Do(ctx, words.Build()).Error()) {
			return &commandError{one[0], namespace}
		}
	}
	listening, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	listening = rueidis.WithOnSubscriptionHook(listening, func(rueidis.PubSubSubscription) { stop() })
	if denied(client.Receive(listening, client.B().Subscribe().Channel(channel).Build(), func(rueidis.PubSubMessage) {})) {
		return &commandError{"SUBSCRIBE", namespace}
	}
	return nil
}

// denied is true for the answer to a command that the user may not run. What else a command answers does not matter here.
func denied(err error) bool {
	answer, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(answer.Error(), "NOPERM")
}

func infoLine(info, name string) (string, bool) {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// builtFrom is the commit, where the build is told it because it sees no history, as that of the image.
var builtFrom string //nolint:gochecknoglobals // the linker sets it (-X)

// Version names the build: the module's version or the commit it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision, dirty := info.Main.Version, "", ""
	if builtFrom != "" {
		revision = " " + builtFrom[:min(12, len(builtFrom))]
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " (modified)"
		}
	}
	return version + revision + dirty
}
