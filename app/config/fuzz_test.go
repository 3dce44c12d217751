package config

import (
	"errors"
	"net"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// knownVariables are all that From reads, each with values that people really set.
var knownVariables = map[string][]string{
	"PORT": {"3001", "0", "70000", "0x10"}, "HOST": {"0.0.0.0", "::", "[::1]", "localhost", "a b"}, "OPS_ADDR": {"127.0.0.1:0", ":9464", "9464", "x:y"},
	"DATA_DIR":     {"/tmp/x", "\x00"},
	"DATABASE_URL": {"postgres://u:p@db:5432/x?sslmode=disable", "postgresql:///x?host=/run", "postgres://db:99999/x", "postgres://db/x?pool_max_conns=no", "mysql://db"},
	"DB_HOST":      {"db.example", "::1", "a/b", "a@b"}, "DB_PORT": {"5432", "x"}, "DB_USERNAME": {"postgres", "u:@/"}, "DB_PASSWORD": {"p@ss/word?#%"},
	"DB_NAME": {"flash_sale", "a?b"}, "DB_SSLMODE": {"require", "perhaps"},
	"REDIS_URL":     {"redis://cache", "rediss://u:p@a:1,b:2?cluster=1", "redis-sentinel://u:p@a:26379,b/main", "redis://a:1,b:x", "redis://cache/none", "unix:///run/r.sock"},
	"KAFKA_BROKERS": {"a:9092,b:9092", "a", "a:b", "a:0"}, "KAFKA_TLS": {"on", "2"}, "KAFKA_SASL": {"plain:u:p", "scram-sha-512:u:p:q", "scram_sha_512:u:p", "scram-sha-256:u:\u200f1"},
	"NAMESPACE": {"shop_1", "Shop", "public", "pg_x", strings.Repeat("a", 41)}, "MAX_STOCK": {"0", "100000000", "1e3", "-1"},
	"FLASH_SALE_START_TIME": {"2026-01-01T10:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "now"}, "FLASH_SALE_END_TIME": {"2026-01-01T10:00:00.000+14:00", "2026-13-01T00:00:00Z"},
	"DEMO": {"TRUE", "si"}, "DEMO_HOSTS": {"shop.local,[::1]:80,10.0.0.1", "http://x", ",,", "*"}, "CORS_ORIGINS": {"https://shop.example,http://[::1]:3000/", "null", "http://", "https://a/b"},
	"DEMO_PUBLIC": {"true", "2"}, "PROXY_PROTOCOL": {"true", "v2"},
	"TRUSTED_PROXIES": {"10.0.0.0/8, 192.0.2.1", "::1,2001:db8::/32", "::ffff:10.0.0.0/104", "::ffff:0:0/95", "fe80::1%eth0", "10.0.0.0/33", "proxy.example", "10.0.0.1/8"},
	"SMTP_URL":        {"smtp://u:p@mx.example:587", "smtps://mx.example", "smtp://mx/x", "http://mx"}, "MAIL_FROM": {"Shop <shop@example.com>", "shop"},
	"MAIL_DEV": {"true", "2"}, "PUBLIC_URL": {"https://shop.example/", "https://shop.example/x"},
	"LOG_LEVEL": {"INFO+4", "debug", "loud"}, "LOG_FORMAT": {"json", "xml"}, "NODE_ENV": {"production"},
}

// FuzzVariables: two variables with any values make a configuration that everything behind it takes, or one sentence
// that names one of the two, on one line and without control characters.
func FuzzVariables(f *testing.F) {
	for name, values := range knownVariables {
		for _, value := range values {
			f.Add(name, value, "DEMO", "true")
			f.Add("HOST", "127.0.0.1", name, value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value, other, another string) {
		if knownVariables[name] == nil || knownVariables[other] == nil || strings.Contains(value+another, "/dev/") {
			return
		}
		set := map[string]string{name: value, other: another}
		cfg, err := From(func(asked string) (string, bool) { v, ok := set[asked]; return v, ok })
		if err == nil {
			isUsable(t, set, cfg)
			return
		}
		var wrong *VariableError
		sentence := err.Error()
		if !errors.As(err, &wrong) || wrong.Name != name && wrong.Name != other || !strings.HasPrefix(sentence, wrong.Name+" is ") {
			t.Fatalf("%q: %v", set, err)
		}
		if !utf8.ValidString(sentence) || strings.ContainsFunc(sentence, unicode.IsControl) || len(sentence) > 2000 {
			t.Fatalf("%q: the sentence is no line: %q", set, sentence)
		}
	})
}

// isUsable passes a configuration to everything that uses its values later. An error there could not name the variable.
func isUsable(t *testing.T, set map[string]string, cfg Config) {
	t.Helper()
	if cfg.DatabaseURL != "" {
		if _, err := PoolConfig(cfg.DatabaseURL, cfg.Namespace, 1); err != nil {
			t.Fatalf("%q: %v", set, err)
		}
	}
	if cfg.RedisURL != "" {
		opt, err := RedisOptions(cfg.RedisURL)
		if err != nil || len(opt.InitAddress) == 0 {
			t.Fatalf("%q: %v %v", set, opt.InitAddress, err)
		}
		for _, address := range opt.InitAddress {
			if _, _, err := net.SplitHostPort(address); err != nil && opt.DialCtxFn == nil {
				t.Fatalf("%q: %v", set, err)
			}
		}
	}
	if _, err := KafkaSASL(cfg.KafkaSASL); err != nil {
		t.Fatalf("%q: %v", set, err)
	}
	for _, at := range []int{cfg.StartTime.Year(), cfg.EndTime.Year()} {
		if at != 1 && (at < FirstYear || at > LastYear) {
			t.Fatalf("%q: the sale is of the year %d", set, at)
		}
	}
	if cfg.Port < 1 || cfg.Port > 65535 || cfg.MaxStock < 0 || cfg.MaxStock > MaxStock || !namespacePattern.MatchString(cfg.Namespace) || len(cfg.Hosts) == 0 {
		t.Fatalf("%q: %+v", set, cfg)
	}
	for _, origin := range cfg.CORSOrigins {
		if strings.Count(strings.TrimSuffix(origin, "/"), "/") != 2 {
			t.Fatalf("%q: no browser sends the origin %q", set, origin)
		}
	}
}

// FuzzSecretsStayHidden: a password in a wrong value is not in the sentence about it, whatever is wrong with the value, and
// whichever variable it was put into; nor is it a part of where a server is said to be.
func FuzzSecretsStayHidden(f *testing.F) {
	for _, seed := range [][4]string{
		{"mysql://root", "", "", "db/x"}, {"postgres://u", "pa/ss", "?", "db:99999/x"}, {"redis://u", "a b", "@x", "cache:port"}, {"http://", "", "", "cache"},
		{"REDIS://u", "#", "%zz", "h,i"}, {"u", "", "", "host"}, {"postgres:/u", "", "", ""}, {"redis://a:1,redis://u", "", "", "b:x?db=1"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	const secret = "5ecret-w0rd"
	f.Fuzz(func(t *testing.T, user, before, after, host string) {
		for _, name := range Variables() {
			value := user + ":" + before + secret + after + "@" + host
			if name == "KAFKA_SASL" {
				value = strings.ReplaceAll(user, secret, "") + ":" + before + secret + after
			}
			if strings.Contains(user+host, secret) || strings.Contains(value, "/dev/") {
				return
			}
			_, err := From(func(asked string) (string, bool) {
				if asked != name {
					return "", false
				}
				return value, true
			})
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Fatalf("%s=%q: %v", name, value, err)
			}
			if place := Place(value); strings.Contains(place, secret) {
				t.Fatalf("%q is at %s", value, place)
			}
		}
	})
}

// FuzzEnvFile: a .env file is read, or the line that is wrong is named and nothing of the file is shown.
func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{
		"PORT=3001\n", "# x\nexport DEMO=\"a\nb\"\n", "PORT 3001", "A=1\nB\nDB_PASSWORD=hunter2", "=", "A='", "A=\"\\", "\xff=\x00", "A=${B}\nB=$A", "A:b", "A=\"${\"", "\ufeffPORT=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := envFile(text)
		if err == nil {
			return
		}
		sentence := err.Error()
		if vars != nil || !strings.HasPrefix(sentence, ".env cannot be read: line ") || strings.ContainsFunc(sentence, unicode.IsControl) || len(sentence) > 100 {
			t.Fatalf("%q: %v, %q", text, vars, sentence)
		}
	})
}
