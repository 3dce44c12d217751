// Package config reads the environment into one checked value. A variable is read here and nowhere else: a wrong value
// stops the start with one sentence that names the variable, and what may be a secret is never part of a sentence.
//
// It also turns the checked addresses into what the drivers take (PoolConfig, RedisOptions, KafkaSASL). So a value that
// passes the check here cannot fail later with a driver's error, which names no variable.
package config

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is everything the environment decides. The zero value is not usable; From fills it.
type Config struct {
	Port      int      // of the public listener; 0 takes a free one (never from the environment)
	Hosts     []string // addresses of the public listener
	OpsAddr   string   // metrics, profiles and probes; "" opens none
	OpsStrict bool     // OPS_ADDR was set: being unable to listen stops the start
	OpsToken  string   // what the operators' listener asks for; "": nothing
	DataDir   string   // everything embedded lives below it

	DatabaseURL  string   // "" starts an embedded PostgreSQL
	ReplicaURL   string   // a standby of it, for lists and histories; "": there is none
	RedisURL     string   // "" starts an embedded Redis
	KafkaBrokers []string // empty starts an embedded Kafka
	KafkaTLS     bool
	KafkaSASL    string // mechanism:user:password
	// DirectPath lets a claim that the log does not take, or that nobody reads there, be decided without it.
	DirectPath bool
	Namespace  string

	MaxStock  int64
	StockSet  bool      // MAX_STOCK was set
	StartTime time.Time // zero: the start of the process
	EndTime   time.Time // zero: one year after the start

	Demo        bool
	DemoPublic  bool // demo mode may be reached from elsewhere, and through a proxy
	DemoHosts   []string
	CORSOrigins []string
	// OperatorSecondFactor is true when whoever has a role signs in with a second factor too.
	OperatorSecondFactor bool
	// LegacyStatus answers refused purchases and repeats with 201 and success:false, as the original did.
	LegacyStatus bool

	TrustedProxies []netip.Prefix // peers whose word on a client's address counts
	ProxyProtocol  bool           // connections begin with a PROXY header of one of them

	PublicURL string // the address of the shop, without a path or a slash at its end; "": it is not known
	SMTP      *SMTP  // takes the mails; nil: none are sent
	MailFrom  string // the sender of mails
	MailDev   bool   // mails can be read at /dev/mail

	// DrainDelay is how long an instance that stops still takes requests, while it says that it is not ready.
	DrainDelay time.Duration

	TLSCert, TLSKey string // files of the public listener's certificate; "": it has none of files
	ACME            *ACME  // who gives it certificates instead; nil: nobody

	SessionLifetime time.Duration
	SessionKeys     [][]byte // the first signs, all verify; none: the ledger's database has them

	Traces *Traces // where the traces of purchases go; nil: there are none

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

// From reads the configuration through lookup, which has the meaning of os.LookupEnv. An empty value
// counts as not set. The error is a *VariableError.
func From(lookup func(string) (string, bool)) (Config, error) {
	r := &reader{lookup: lookup}
	c := Config{
		Port:         r.integer("PORT", 3001, 1, 65535),
		DataDir:      r.checked("DATA_DIR", ".flashsale", "a directory", func(v string) bool { return !strings.Contains(v, "://") }),
		DatabaseURL:  databaseURL(r),
		RedisURL:     r.checked("REDIS_URL", "", "an address like redis://user:password@localhost:6379 (also rediss://, and redis-sentinel://host:26379/name or rediss-sentinel://; several addresses by commas; # / ? @ % in a password are written %23 %2F %3F %40 %25)", validRedisURL),
		KafkaBrokers: r.addresses("KAFKA_BROKERS"),
		KafkaTLS:     r.boolean("KAFKA_TLS", false),
		KafkaSASL:    r.checked("KAFKA_SASL", "", "plain:user:password, scram-sha-256:user:password or scram-sha-512:user:password", validSASL),
		Namespace:    r.checked("NAMESPACE", "flashsale", "1 to 40 lower-case letters, digits and _, beginning with a letter, and none of PostgreSQL's own (pg_..., public)", validNamespace),
		DirectPath:   r.boolean("DIRECT_PATH", true),
		MaxStock:     int64(r.integer("MAX_STOCK", 5, 0, MaxStock)),
		StartTime:    r.instant("FLASH_SALE_START_TIME"),
		EndTime:      r.instant("FLASH_SALE_END_TIME"),
		DemoHosts:    r.each("DEMO_HOSTS", "host names, separated by commas, like shop.local", validDemoHost),
		LegacyStatus: r.boolean("LEGACY_STATUS", false),

		OperatorSecondFactor: r.boolean("OPERATOR_SECOND_FACTOR", true),

		LogLevel:  r.level("LOG_LEVEL"),
		LogFormat: r.checked("LOG_FORMAT", "", "text or json", oneOf("text", "json")),
	}
	c.ReplicaURL = replicaURL(r, c.DatabaseURL)
	c.OpsToken = r.checked("OPS_TOKEN", "", "16 to 200 letters, digits and any of -._~+/=", validToken)
	_, c.StockSet = r.value("MAX_STOCK")
	c.listeners(r)
	c.proxies(r)
	c.audience(r)
	c.mails(r)
	c.certificate(r)
	c.authority(r)
	c.sessions(r)
	c.traces(r)
	c.DrainDelay = r.duration("DRAIN_DELAY", time.Second, 0, time.Minute, "a duration from 0s to 1m, like 10s")
	if !c.StartTime.IsZero() && !c.EndTime.IsZero() && !c.EndTime.After(c.StartTime) {
		r.refuse("FLASH_SALE_END_TIME", c.EndTime.Format(time.RFC3339Nano), "later than FLASH_SALE_START_TIME")
	}
	c.Warnings = r.foreign()
	return c, r.err
}

// MaxStock is the largest stock a sale may have; unit numbers and counts stay far from any limit.
const MaxStock = 100_000_000

// listeners: only what is reachable from this machine, unless real servers say that this is a deployment.
func (c *Config) listeners(r *reader) {
	host, set := r.value("HOST")
	switch {
	case set:
		if !validHost(host) || net.ParseIP(strings.Trim(host, "[]")).IsMulticast() {
			r.fail("HOST", host, "an address of this machine or its name, like 0.0.0.0")
		}
		c.Hosts = []string{strings.Trim(host, "[]")}
	case c.AllEmbedded():
		c.Hosts = []string{"127.0.0.1", "::1"}
	default:
		c.Hosts = []string{""}
	}
	ops, set := r.value("OPS_ADDR")
	c.OpsAddr, c.OpsStrict = "127.0.0.1:9464", set
	if set {
		if !validAddress(ops, 0) {
			r.fail("OPS_ADDR", ops, "host:port, like 127.0.0.1:9464")
		}
		c.OpsAddr = ops
		if c.samePort(ops) {
			r.refuse("OPS_ADDR", "on the public port "+strconv.Itoa(c.Port), "on another port than PORT")
		}
	}
}

// proxies: which peers may say from where a client comes, and how.
func (c *Config) proxies(r *reader) {
	for _, item := range r.each("TRUSTED_PROXIES", "addresses or networks, separated by commas, like 10.0.0.0/8", validNetwork) {
		network, _ := parseNetwork(item)
		c.TrustedProxies = append(c.TrustedProxies, network)
	}
	c.ProxyProtocol = r.boolean("PROXY_PROTOCOL", false)
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 {
		r.refuse("PROXY_PROTOCOL", "true", "false while TRUSTED_PROXIES names no proxy: a PROXY header is read from those only, so nobody could connect")
	}
}

// samePort is true when the public listener takes the address that OPS_ADDR names.
func (c *Config) samePort(ops string) bool {
	host, port, _ := net.SplitHostPort(ops)
	return port == strconv.Itoa(c.Port) && (everyAddress(host) || slices.ContainsFunc(c.Hosts, everyAddress) || slices.Contains(c.Hosts, host))
}

func everyAddress(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// audience: demo mode is the default only where nobody else can reach it, and elsewhere only with DEMO_PUBLIC.
func (c *Config) audience(r *reader) {
	c.Demo = r.boolean("DEMO", c.AllEmbedded() && c.loopbackOnly())
	c.DemoPublic = r.boolean("DEMO_PUBLIC", false)
	switch {
	case !c.Demo || c.DemoPublic:
	case !c.loopbackOnly():
		r.refuse("DEMO", "true", "false while HOST is not a loopback address, because in demo mode everybody who connects is an operator;"+
			" set HOST=127.0.0.1, or DEMO_PUBLIC=true if that is wanted")
	case c.ProxyProtocol:
		r.refuse("PROXY_PROTOCOL", "true", "false in demo mode, because a proxy in front means strangers and in demo mode everybody is an operator;"+
			" set DEMO=false, or DEMO_PUBLIC=true if that is wanted")
	}
	c.CORSOrigins = r.each("CORS_ORIGINS", "origins like https://shop.example, separated by commas", validOrigin)
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

// Variables are the names of all variables that From looks up.
func Variables() []string {
	var names []string
	_, _ = From(func(name string) (string, bool) {
		names = append(names, name)
		return "", false
	})
	return names
}
