package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/joho/godotenv"
)

// Config is everything the environment decides. The zero value is not usable; ConfigFrom fills it.
type Config struct {
	Port      int      // of the public listener; 0 takes a free one (never from the environment)
	Hosts     []string // addresses of the public listener
	OpsAddr   string   // metrics, profiles and probes; "" opens none
	OpsStrict bool     // OPS_ADDR was set: being unable to listen stops the start
	DataDir   string   // everything embedded lives below it

	DatabaseURL  string   // "" starts an embedded PostgreSQL
	RedisURL     string   // "" starts an embedded Redis
	KafkaBrokers []string // empty starts an embedded Kafka
	KafkaTLS     bool
	KafkaSASL    string // mechanism:user:password
	Namespace    string

	MaxStock  int64
	StartTime time.Time // zero: the start of the process
	EndTime   time.Time // zero: one year after the start

	Demo        bool
	DemoHosts   []string
	CORSOrigins []string

	LogLevel  slog.Level
	LogFormat string // "text", "json", or "" for text on a terminal and json elsewhere

	// Warnings are sentences about variables that mean nothing here, to be shown once.
	Warnings []string
}

// AllEmbedded reports whether no outside service was configured.
func (c Config) AllEmbedded() bool {
	return c.DatabaseURL == "" && c.RedisURL == "" && len(c.KafkaBrokers) == 0
}

// AnyEmbedded reports whether at least one service is to be started by the program itself.
func (c Config) AnyEmbedded() bool {
	return c.DatabaseURL == "" || c.RedisURL == "" || len(c.KafkaBrokers) == 0
}

// VariableError is a wrong value of one environment variable. Its text is the one sentence the operator sees.
type VariableError struct {
	Name, Value, Want string
}

func (e *VariableError) Error() string {
	return fmt.Sprintf("%s is %q; it must be %s", e.Name, e.Value, e.Want)
}

// LoadConfig reads .env in the working directory (the environment wins) and then the environment.
func LoadConfig() (Config, error) {
	file, err := godotenv.Read(".env")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf(".env cannot be read (%w); mend or remove it", err)
	}
	return ConfigFrom(func(name string) (string, bool) {
		if v, ok := os.LookupEnv(name); ok {
			return v, true
		}
		v, ok := file[name]
		return v, ok
	})
}

// ConfigFrom reads the configuration through lookup, which has the meaning of os.LookupEnv. An empty value
// counts as not set. The error is a *VariableError.
func ConfigFrom(lookup func(string) (string, bool)) (Config, error) {
	r := &reader{lookup: lookup}
	c := Config{
		Port:         r.integer("PORT", 3001, 1, 65535),
		DataDir:      r.text("DATA_DIR", ".flashsale"),
		DatabaseURL:  databaseURL(r),
		RedisURL:     r.checked("REDIS_URL", "", "like redis://localhost:6379 (also rediss:// and redis-sentinel://, several addresses by commas)", validRedisURL),
		KafkaBrokers: r.addresses("KAFKA_BROKERS"),
		KafkaTLS:     r.boolean("KAFKA_TLS", false),
		KafkaSASL:    r.checked("KAFKA_SASL", "", "plain:user:password, scram-sha-256:user:password or scram-sha-512:user:password", validSASL),
		Namespace:    r.checked("NAMESPACE", "flashsale", "1 to 40 lower-case letters, digits and _, beginning with a letter", validNamespace),
		MaxStock:     int64(r.integer("MAX_STOCK", 5, 0, maxStock)),
		StartTime:    r.instant("FLASH_SALE_START_TIME"),
		EndTime:      r.instant("FLASH_SALE_END_TIME"),
		DemoHosts:    r.list("DEMO_HOSTS"),
		LogLevel:     r.level("LOG_LEVEL"),
		LogFormat:    r.checked("LOG_FORMAT", "", "text or json", oneOf("text", "json")),
	}
	c.listeners(r)
	c.audience(r)
	if !c.StartTime.IsZero() && !c.EndTime.IsZero() && !c.EndTime.After(c.StartTime) {
		r.fail("FLASH_SALE_END_TIME", c.EndTime.Format(time.RFC3339), "later than FLASH_SALE_START_TIME")
	}
	c.Warnings = r.foreign()
	return c, r.err
}

// maxStock is the largest stock a sale may have; unit numbers and counts stay far from any limit.
const maxStock = 100_000_000

// listeners: only what is reachable from this machine, unless real servers say that this is a deployment.
func (c *Config) listeners(r *reader) {
	host, set := r.value("HOST")
	switch {
	case set:
		c.Hosts = []string{host}
	case c.AllEmbedded():
		c.Hosts = []string{"127.0.0.1", "::1"}
	default:
		c.Hosts = []string{""}
	}
	ops, set := r.value("OPS_ADDR")
	c.OpsAddr, c.OpsStrict = "127.0.0.1:9464", set
	if set {
		if _, _, err := net.SplitHostPort(ops); err != nil {
			r.fail("OPS_ADDR", ops, "host:port, like 127.0.0.1:9464")
		}
		c.OpsAddr = ops
	}
}

// audience: demo mode is the default only where nobody else can reach it.
func (c *Config) audience(r *reader) {
	c.Demo = r.boolean("DEMO", c.AllEmbedded() && c.loopbackOnly())
	c.CORSOrigins = r.list("CORS_ORIGINS")
	for _, origin := range c.CORSOrigins {
		if !strings.HasPrefix(origin, "http://") && !strings.HasPrefix(origin, "https://") {
			r.fail("CORS_ORIGINS", origin, "origins like https://shop.example, separated by commas")
		}
	}
	if len(c.CORSOrigins) == 0 && c.Demo {
		c.CORSOrigins = []string{"http://localhost:3000"}
	}
}

func (c *Config) loopbackOnly() bool {
	for _, h := range c.Hosts {
		ip := net.ParseIP(h)
		if h != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
