package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/rueidis"
)

func TestNothingAskedForStartsNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, Options{Dir: dir})
	if set := s.Settings(); set.DatabaseURL != "" || set.RedisURL != "" || set.KafkaBrokers != nil || set.Services != nil {
		t.Errorf("settings of nothing: %+v", set)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory was made although nothing uses it (%v)", err)
	}
}

func TestEachServiceAlone(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"PostgreSQL": {Postgres: true},
		"Redis":      {Redis: true},
		"Kafka":      {Kafka: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Dir = t.TempDir()
			set := start(t, o).Settings()
			if len(set.Services) != 1 || set.Services[0].Name != name {
				t.Fatalf("services %+v, want %s alone", set.Services, name)
			}
			if got := set.Services[0].Address; got != InProcess && !o.Postgres {
				t.Errorf("%s is at %s, want %s", name, got, InProcess)
			}
			if set.Services[0].Version == "" {
				t.Errorf("%s has no version", name)
			}
			if got := set.DatabaseURL != ""; got != o.Postgres {
				t.Errorf("database URL present: %v", got)
			}
			if got := set.RedisURL != ""; got != o.Redis || set.RedisEmbedded != o.Redis {
				t.Errorf("Redis URL present: %v, embedded: %v", got, set.RedisEmbedded)
			}
			if got := len(set.KafkaBrokers) > 0; got != o.Kafka || (set.KafkaID != "") != o.Kafka {
				t.Errorf("brokers present: %v, id %q", got, set.KafkaID)
			}
		})
	}
}

func TestDataDirectoryServesOneStackAtATime(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Kafka: true}
	s := start(t, o)
	if err := s.lock.Announce("http://localhost:3001"); err != nil {
		t.Fatal(err)
	}
	_, err := Start(within(t), o)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "http://localhost:3001") {
		t.Errorf("second start: %v, want ErrInUse with the address of the first", err)
	}
	stop(t, s)
	start(t, o)
}

func TestStartUsesALockTheCallerHas(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Redis: true}
	var err error
	if o.Lock, err = Lock(o.Dir); err != nil {
		t.Fatal(err)
	}
	stop(t, start(t, o))
	if _, err := Lock(o.Dir); !errors.Is(err, ErrInUse) {
		t.Errorf("the stack unlocked a directory that its caller has locked: %v", err)
	}
	if err := o.Lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestAFailedStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := filepath.Join(dir, "kafka", "meta.json")
	if err := os.MkdirAll(filepath.Dir(broken), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(within(t), Options{Dir: dir, Kafka: true, Postgres: true, Redis: true})
	if err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Fatalf("start with a broken log: %v, want what to do about it", err)
	}
	if b, err := os.ReadFile(broken); err != nil || string(b) != "{" {
		t.Errorf("the broken log was touched: %q %v", b, err)
	}
	lock, err := Lock(dir)
	if err != nil {
		t.Fatalf("the directory is still locked: %v", err)
	}
	_ = lock.Unlock()
	for _, data := range glob(t, filepath.Join(dir, "postgres", "[0-9]*")) {
		if pid, running := postmaster(data); running {
			t.Errorf("PostgreSQL %d was left running", pid)
		}
	}
}

func TestStartNeedsADirectory(t *testing.T) {
	t.Parallel()
	if _, err := Start(within(t), Options{Redis: true}); err == nil {
		t.Error("started without a data directory")
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := Start(ctx, Options{Dir: dir, Postgres: true}); !errors.Is(err, context.Canceled) {
		t.Fatalf("start with a cancelled context: %v", err)
	}
	if left := glob(t, filepath.Join(dir, "postgres", "unfinished-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	// The same directory works afterwards.
	start(t, Options{Dir: dir, Postgres: true})
}

func TestRedisNeedsItsPasswordAndExpiresKeys(t *testing.T) {
	t.Parallel()
	set := start(t, Options{Dir: t.TempDir(), Redis: true}).Settings()
	option, err := rueidis.ParseURL(set.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	option.ForceSingleClient = true
	option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
		return set.RedisDial(ctx, "", "")
	}
	if !option.AlwaysRESP2 || !option.DisableCache {
		t.Errorf("%s lacks the options that miniredis' clients need", set.RedisURL)
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := within(t)
	if err := client.Do(ctx, client.B().Set().Key("k").Value("v").PxMilliseconds(50).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key expires by the clock", func() bool {
		return rueidis.IsRedisNil(client.Do(ctx, client.B().Get().Key("k").Build()).Error())
	})
	option.Password = ""
	other, err := rueidis.NewClient(option)
	if err != nil {
		return
	}
	defer other.Close()
	if err := other.Do(ctx, other.B().Get().Key("k").Build()).Error(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("a client without the password was let in: %v", err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
