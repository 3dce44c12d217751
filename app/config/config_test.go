package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func configOf(t *testing.T, vars map[string]string) (Config, error) {
	t.Helper()
	return From(func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	})
}

func TestNothingSetMeansEmbeddedDemoOnLoopback(t *testing.T) {
	t.Parallel()
	c, err := configOf(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.AllEmbedded() || !c.Demo || c.Port != 3001 || c.MaxStock != 5 || c.Namespace != "flashsale" {
		t.Errorf("defaults are off: %+v", c)
	}
	if got := strings.Join(c.Hosts, " "); got != "127.0.0.1 ::1" {
		t.Errorf("an embedded instance listens on %q, want loopback only", got)
	}
	if c.OpsAddr != "127.0.0.1:9464" || c.OpsStrict {
		t.Errorf("OPS_ADDR default: %q strict %v", c.OpsAddr, c.OpsStrict)
	}
}

func TestDemoModeIsTheDefaultOnlyWhereNoOtherMachineCanReachIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		vars map[string]string
		demo bool
	}{
		{"embedded, loopback", map[string]string{"HOST": "127.0.0.1"}, true},
		{"embedded, localhost", map[string]string{"HOST": "localhost"}, true},
		{"embedded, all interfaces", map[string]string{"HOST": "0.0.0.0"}, false},
		{"a real database", map[string]string{"DATABASE_URL": "postgres://u:p@db/x"}, false},
		{"a real Redis", map[string]string{"REDIS_URL": "redis://cache:6379"}, false},
		{"a real Kafka", map[string]string{"KAFKA_BROKERS": "k1:9092,k2:9092"}, false},
		{"asked for", map[string]string{"KAFKA_BROKERS": "k1:9092", "DEMO": "true", "HOST": "127.0.0.1"}, true},
		{"asked for, for everybody", map[string]string{"KAFKA_BROKERS": "k1:9092", "DEMO": "true", "DEMO_PUBLIC": "true"}, true},
		{"refused", map[string]string{"DEMO": "false"}, false},
	} {
		cfg, err := configOf(t, c.vars)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if cfg.Demo != c.demo {
			t.Errorf("%s: demo mode is %v, want %v", c.name, cfg.Demo, c.demo)
		}
	}
}

// In demo mode everybody who connects is an operator.
func TestDemoModeIsForThisMachineUnlessItIsMadePublic(t *testing.T) {
	t.Parallel()
	for _, vars := range []map[string]string{
		{"DEMO": "true", "HOST": "0.0.0.0"},
		{"DEMO": "true", "HOST": "shop.example"},
		{"DEMO": "true", "KAFKA_BROKERS": "k1:9092"},
		{"PROXY_PROTOCOL": "true", "TRUSTED_PROXIES": "10.0.0.1"},
	} {
		if _, err := configOf(t, vars); err == nil || !strings.Contains(err.Error(), "DEMO_PUBLIC=true") {
			t.Errorf("%v: %v", vars, err)
		}
		vars["DEMO_PUBLIC"] = "true"
		if c, err := configOf(t, vars); err != nil || !c.Demo || !c.DemoPublic {
			t.Errorf("%v: demo mode is %v, public %v: %v", vars, c.Demo, c.DemoPublic, err)
		}
		vars["DEMO"], vars["DEMO_PUBLIC"] = "false", ""
		if c, err := configOf(t, vars); err != nil || c.Demo {
			t.Errorf("%v: demo mode is %v: %v", vars, c.Demo, err)
		}
	}
}

func TestTrustedProxiesAreAddressesAndNetworks(t *testing.T) {
	t.Parallel()
	c, err := configOf(t, map[string]string{"TRUSTED_PROXIES": "10.1.2.3/8, 192.0.2.1,::1,2001:db8::9/32,::ffff:172.16.0.0/108", "PROXY_PROTOCOL": "true", "DEMO": "false"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.TrustedProxies); got != "[10.0.0.0/8 192.0.2.1/32 ::1/128 2001:db8::/32 172.16.0.0/12]" || !c.ProxyProtocol {
		t.Errorf("%s, PROXY_PROTOCOL %v", got, c.ProxyProtocol)
	}
	for _, wrong := range []string{"proxy.example", "10.0.0.0/33", "fe80::1%eth0", "::ffff:0:0/95", "10.0.0.1:80", "*"} {
		if _, err := configOf(t, map[string]string{"TRUSTED_PROXIES": "10.0.0.1," + wrong}); err == nil || !strings.HasPrefix(err.Error(), "TRUSTED_PROXIES is ") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestOriginalDatabaseVariablesMakeAnAddress(t *testing.T) {
	t.Parallel()
	c, err := configOf(t, map[string]string{"DB_HOST": "db.example", "DB_PASSWORD": "p@ss/word"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "postgres://postgres:p%40ss%2Fword@db.example:5432/flash_sale"; c.DatabaseURL != want {
		t.Errorf("DATABASE_URL from DB_*: %q, want %q", c.DatabaseURL, want)
	}
}

func TestWrongValuesStopTheStartWithTheVariablesName(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"PORT": "0", "MAX_STOCK": "many", "FLASH_SALE_START_TIME": "tomorrow", "DEMO": "maybe",
		"DATABASE_URL": "mysql://root:secret@db/x", "REDIS_URL": "http://cache", "KAFKA_BROKERS": "kafka",
		"KAFKA_SASL": "gssapi:a:secret", "NAMESPACE": "Flash-Sale", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml",
		"OPS_ADDR": "9464", "CORS_ORIGINS": "shop.example", "DB_PORT": "99999", "DB_SSLMODE": "perhaps",
		"KAFKA_TLS": "2", "OPS_TOKEN": "a secret with spaces", "TRUSTED_PROXIES": "10.0.0.0/33", "PROXY_PROTOCOL": "perhaps", "DEMO_PUBLIC": "perhaps",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := configOf(t, map[string]string{name: value})
			var wrong *VariableError
			if !errors.As(err, &wrong) {
				t.Fatalf("%s=%s was accepted (%v)", name, value, err)
			}
			if wrong.Name != name || !strings.HasPrefix(err.Error(), name+" is ") {
				t.Errorf("the sentence names %q: %s", wrong.Name, err)
			}
			if understood := name == "PORT" || name == "DB_PORT"; !understood && strings.Contains(strings.Split(err.Error(), "; it must be ")[0], value) {
				t.Errorf("the sentence shows what was not understood: %s", err)
			}
		})
	}
}

// A replica is one server of a configured database. Whatever its address says, its connections are few, read only, and patient for a while.
func TestTheReplicaIsOneServerAndReadOnly(t *testing.T) {
	t.Parallel()
	const primary, replica = "postgres://u:p@db/x", "postgres://u:swordfish@db2:5433/x?pool_max_conns=90&pool_min_conns=9&sslmode=disable&connect_timeout=1"
	for value, says := range map[string]string{
		"mysql://u:swordfish@db2/x":          "DATABASE_REPLICA_URL is not understood (it has 25 characters); it must be an address like postgres://",
		"postgres://u:sword#fish@db2/x":      "DATABASE_REPLICA_URL is not understood",
		"postgres://u:swordfish@db2,db3/x":   "DATABASE_REPLICA_URL is the address of several servers; it must be that of one replica",
		"postgres://u:p@db2/x?sslrootcert=x": "DATABASE_REPLICA_URL is not understood",
		replica:                              "",
	} {
		c, err := configOf(t, map[string]string{"DATABASE_URL": primary, "DATABASE_REPLICA_URL_FILE": fileOf(t, value+"\n")})
		if says == "" && (err != nil || c.ReplicaURL != value) || says != "" && (err == nil || !strings.HasPrefix(err.Error(), says) || strings.Contains(err.Error(), "swordfish")) {
			t.Errorf("%s: %v", value, err)
		}
	}
	_, err := configOf(t, map[string]string{"DATABASE_REPLICA_URL": replica})
	if err == nil || err.Error() != "DATABASE_REPLICA_URL is set while DATABASE_URL is not; it must be unset with an embedded PostgreSQL, which has no replica" {
		t.Errorf("with an embedded database: %v", err)
	}
	at, err := ReplicaConfig(replica, "shop", 9, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	set := at.ConnConfig.RuntimeParams
	if at.MaxConns != 9 || at.MinConns != 0 || set["default_transaction_read_only"] != "on" || set["statement_timeout"] != "2000" || set["search_path"] != "shop" ||
		set["idle_in_transaction_session_timeout"] == "" || at.ConnConfig.ConnectTimeout != databaseDialTime {
		t.Errorf("%d to %d connections, %v, %v", at.MinConns, at.MaxConns, at.ConnConfig.ConnectTimeout, set)
	}
}

func TestSaleMustEndAfterItStarts(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"FLASH_SALE_START_TIME": "2026-01-02T00:00:00Z", "FLASH_SALE_END_TIME": "2026-01-01T00:00:00.000Z"}
	if _, err := configOf(t, vars); err == nil || !strings.Contains(err.Error(), "FLASH_SALE_END_TIME") {
		t.Errorf("an end before the start was accepted: %v", err)
	}
	vars["FLASH_SALE_END_TIME"] = "2026-01-02T00:00:00.000000999Z" // Postgres keeps microseconds
	if _, err := configOf(t, vars); err == nil || !strings.Contains(err.Error(), "FLASH_SALE_END_TIME is 2026-01-02T00:00:00Z; it must be later") {
		t.Errorf("an end that Postgres takes for the start was accepted: %v", err)
	}
	vars["FLASH_SALE_END_TIME"] = "2026-01-03T02:00:00+02:00"
	c, err := configOf(t, vars)
	if err != nil || !c.EndTime.Equal(time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("end time %v, error %v", c.EndTime, err)
	}
}

func TestVariablesOfTheOriginalGetOneWarning(t *testing.T) {
	t.Parallel()
	c, err := configOf(t, map[string]string{"REACT_APP_API_URL": "http://localhost:3001", "CYPRESS_BASE_URL": "x"})
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "REACT_APP_API_URL, CYPRESS_BASE_URL") {
		t.Errorf("warnings %q, error %v", c.Warnings, err)
	}
}

func TestRedisAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url       string
		addresses string
		single    bool
		tls       bool
		sentinel  string
	}{
		{"redis://localhost:6379", "localhost:6379", true, false, ""},
		{"redis://user:pw@cache/2", "cache:6379", true, false, ""},
		{"rediss://cache:6380", "cache:6380", true, true, ""},
		{"redis://a:1?cluster=1", "a:1", false, false, ""},
		{"redis://a:1,b:2,redis://c:3", "a:1 b:2 c:3", false, false, ""},
		{"redis-sentinel://u:p@s1:26379,s2:26379/primary", "s1:26379 s2:26379", false, false, "primary"},
		{"rediss-sentinel://u:p@s1:26379,s2:26379/primary", "s1:26379 s2:26379", false, true, "primary"},
	} {
		opt, err := RedisOptions(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if got := strings.Join(opt.InitAddress, " "); got != c.addresses {
			t.Errorf("%s: addresses %q, want %q", c.url, got, c.addresses)
		}
		if opt.ForceSingleClient != c.single || (opt.TLSConfig != nil) != c.tls || opt.Sentinel.MasterSet != c.sentinel {
			t.Errorf("%s: single %v tls %v sentinel %q", c.url, opt.ForceSingleClient, opt.TLSConfig != nil, opt.Sentinel.MasterSet)
		}
	}
}

func TestDrainDelay(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"": time.Second, "0s": 0, "8s": 8 * time.Second, "1m": time.Minute} {
		c, err := configOf(t, map[string]string{"DRAIN_DELAY": value})
		if err != nil || c.DrainDelay != want {
			t.Errorf("%q is %v, %v", value, c.DrainDelay, err)
		}
	}
	for value, want := range map[string]string{"61s": "DRAIN_DELAY is 1m1s; it must be", "-1s": "DRAIN_DELAY is -1s; it must be", "8": "DRAIN_DELAY is not understood"} {
		_, err := configOf(t, map[string]string{"DRAIN_DELAY": value})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
