package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashsale/app/bench"
	"flashsale/app/bench/floor"
	"flashsale/app/config"
	"flashsale/app/instance"
)

// benchHarness starts and stops the processes of one measurement. Each process has an environment and a directory of its
// own, so that the settings and the .env file of whoever runs bench do not change what is measured.
type benchHarness struct {
	program   string
	dir       string
	processes []*bench.Process
	cleanups  []func(context.Context) error
	// environment is that of the instance that was started last.
	environment []string
	// seed makes the first n shoppers of the series exist; nil when the harness has not started the product.
	seed func(ctx context.Context, n int) error
	// another starts one more instance on the product's servers and in its namespace; nil when one of the servers is
	// embedded, because then only one process can use it.
	another func(context.Context) (bench.Target, error)
}

// seedTime bounds the seeding of ten million shoppers.
const seedTime = time.Hour

func newBenchHarness() (*benchHarness, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "flashsale-bench-")
	if err != nil {
		return nil, fmt.Errorf("temporary directory: %w", err)
	}
	return &benchHarness{program: program, dir: dir}, nil
}

// provide starts the processes that the measurement needs and writes their addresses to cfg.
func (h *benchHarness) provide(ctx context.Context, flags benchFlags, cfg *bench.Config) error {
	noop, err := h.start(ctx, "bench-noop", nil)
	if err != nil {
		return err
	}
	cfg.Noop = bench.Target{URL: noop.URL, Ops: noop.URL, PID: noop.PID}
	if flags.url != "" {
		cfg.Servers = "those of the instance at " + flags.url
		cfg.Product = bench.Target{URL: strings.TrimRight(flags.url, "/"), Ops: strings.TrimRight(flags.ops, "/")}
		return nil
	}
	cfg.Servers = "embedded; Postgres is a process of its own, Redis and Kafka are inside the product's"
	var servers []string
	if flags.configured {
		if servers, cfg.Servers, err = configuredServers(); err != nil {
			return err
		}
	}
	namespace := newNamespace()
	if cfg.Product, err = h.instance(ctx, "serve", namespace, servers); err != nil {
		return err
	}
	if flags.curve {
		return nil
	}
	if flags.growth > 0 {
		product := h.environment
		h.seed = func(ctx context.Context, n int) error {
			return h.command(ctx, product, seedTime, "seed", strconv.Itoa(n))
		}
		if shared(servers) {
			h.another = func(ctx context.Context) (bench.Target, error) { return h.instance(ctx, "serve", namespace, servers) }
		}
		return nil
	}
	if cfg.Saturated, err = h.instance(ctx, "bench-saturated", newNamespace(), servers); err != nil {
		return err
	}
	if flags.tls {
		if err := h.provideSecure(ctx, cfg, servers); err != nil {
			return err
		}
	}
	return h.provideSignedIn(ctx, cfg, servers)
}

// provideSecure starts an instance that speaks TLS.
func (h *benchHarness) provideSecure(ctx context.Context, cfg *bench.Config, servers []string) error {
	chain, private := filepath.Join(h.dir, "chain.pem"), filepath.Join(h.dir, "private.pem")
	roots, err := bench.WriteCertificate(chain, private)
	if err != nil {
		return err
	}
	at, err := h.instance(ctx, "serve", newNamespace(), servers, "TLS_CERT="+chain, "TLS_KEY="+private)
	at.URL = strings.Replace(at.URL, "http:", "https:", 1)
	cfg.Secure = bench.Secure{Target: at, Roots: roots}
	return err
}

// provideSignedIn starts the instance outside demo mode. What 127.0.0.1 forwards is believed, so that each account can be made
// from an address of its own; presses come from other loopback addresses, and forward nothing.
func (h *benchHarness) provideSignedIn(ctx context.Context, cfg *bench.Config, servers []string) error {
	if cfg.Accounts == 0 {
		return nil
	}
	at, err := h.instance(ctx, "serve", newNamespace(), servers, "DEMO=false", "MAIL_DEV=true", "TRUSTED_PROXIES=127.0.0.1/32")
	cfg.SignedIn = bench.SignedIn{Target: at, Operator: &commands{h, h.environment}}
	return err
}

// commands are what an operator does on an instance by the product's commands, because outside demo mode nobody is an operator
// over HTTP.
type commands struct {
	harness     *benchHarness
	environment []string
}

// commandTime bounds a command that is short.
const commandTime = 2 * time.Minute

func (c *commands) Begin(ctx context.Context, units int) error {
	return c.harness.command(ctx, c.environment, commandTime, "reset", "--users", "0", "--stock", strconv.Itoa(units))
}

// Verify asks again when an invariant is broken, because some hold only when no work is left.
func (c *commands) Verify(ctx context.Context) error {
	for try := 0; ; try++ {
		err := c.harness.command(ctx, c.environment, commandTime, "verify")
		if err == nil || try == 5 {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// curve measures a load curve, with one transaction a verdict on the product's Postgres beside it.
func (h *benchHarness) curve(ctx context.Context, cfg bench.Config) (ok bool, err error) {
	curve := bench.CurveConfig{Config: cfg}
	address, err := h.databaseURL()
	if err != nil {
		return false, err
	}
	if address == "" {
		curve.NoVerdict = "only the Postgres of an instance that bench has started is known"
		return bench.Curve(ctx, curve)
	}
	baseline, err := floor.Open(ctx, address)
	switch {
	case errors.Is(err, floor.ErrNotDurable):
		curve.NoVerdict = err.Error()
		return bench.Curve(ctx, curve)
	case err != nil:
		return false, err
	}
	defer func() { err = errors.Join(err, baseline.Close(context.WithoutCancel(ctx))) }()
	curve.Verdict = baseline.Sell
	return bench.Curve(ctx, curve)
}

// databaseURL is where the Postgres of the instance is that was started last; "" when none was.
func (h *benchHarness) databaseURL() (string, error) {
	dir := ""
	for _, v := range h.environment {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "DATABASE_URL":
			return value, nil
		case "DATA_DIR":
			dir = value
		}
	}
	if dir == "" {
		return "", nil
	}
	running, found, err := instance.FindRunning(config.Config{DataDir: dir})
	if err == nil && !found {
		err = fmt.Errorf("the instance in %s has not said where its Postgres is", dir)
	}
	return running.DatabaseURL, err
}

// shared is true when every server is one that several processes can use.
func shared(servers []string) bool {
	for _, name := range []string{"DATABASE_URL=", "REDIS_URL=", "KAFKA_BROKERS="} {
		if !slices.ContainsFunc(servers, func(v string) bool { return strings.HasPrefix(v, name) }) {
			return false
		}
	}
	return true
}

// configuredServers are the servers that the environment names, as variables and in words without passwords.
func configuredServers() (variables []string, words string, err error) {
	cfg, err := config.Load()
	if err != nil {
		return nil, "", err
	}
	if cfg.AllEmbedded() {
		return nil, "", errors.New("--configured: set DATABASE_URL, REDIS_URL or KAFKA_BROKERS, or leave the flag out")
	}
	var named []string
	for _, v := range []struct{ name, value, shown string }{
		{"DATABASE_URL", cfg.DatabaseURL, instance.BareURL(cfg.DatabaseURL)},
		{"REDIS_URL", cfg.RedisURL, instance.BareURL(cfg.RedisURL)},
		{"KAFKA_BROKERS", strings.Join(cfg.KafkaBrokers, ","), strings.Join(cfg.KafkaBrokers, ",")},
		{"KAFKA_SASL", cfg.KafkaSASL, ""},
	} {
		if v.value != "" {
			variables = append(variables, v.name+"="+v.value)
		}
		if v.shown != "" {
			named = append(named, v.name+" "+v.shown)
		}
	}
	variables = append(variables, "KAFKA_TLS="+strconv.FormatBool(cfg.KafkaTLS))
	words = "configured: " + strings.Join(named, ", ")
	if cfg.AnyEmbedded() {
		words += "; the rest embedded"
	}
	return variables, words, nil
}

// instance starts one of the product's commands as an instance of its own, in demo mode unless settings, which come last, say
// something else.
func (h *benchHarness) instance(ctx context.Context, command, namespace string, servers []string, settings ...string) (bench.Target, error) {
	port, err := freePort(ctx)
	if err != nil {
		return bench.Target{}, err
	}
	opsPort, err := freePort(ctx)
	if err != nil {
		return bench.Target{}, err
	}
	env := append([]string{
		"DEMO=true", "HOST=127.0.0.1", "PORT=" + port, "OPS_ADDR=127.0.0.1:" + opsPort, "LOG_FORMAT=json",
		"NAMESPACE=" + namespace, "DATA_DIR=" + filepath.Join(h.dir, command+strconv.Itoa(len(h.processes))),
	}, append(slices.Clone(servers), settings...)...)
	for _, v := range servers {
		if strings.HasPrefix(v, "DATABASE_URL=") {
			h.cleanups = append(h.cleanups, func(ctx context.Context) error {
				// The configured servers go on running, so the measurement removes its namespace from them.
				return h.command(ctx, env, time.Minute, "reset", "--wipe", "--yes")
			})
		}
	}
	p, err := h.start(ctx, command, env)
	if err != nil {
		return bench.Target{}, err
	}
	h.environment = env
	return bench.Target{URL: "http://127.0.0.1:" + port, Ops: "http://127.0.0.1:" + opsPort, PID: p.PID}, nil
}

func (h *benchHarness) start(ctx context.Context, command string, env []string) (*bench.Process, error) {
	p, err := bench.StartProcess(ctx, h.program, []string{command}, append(bench.CleanEnvironment(config.Variables()...), env...), h.dir)
	if err == nil {
		h.processes = append(h.processes, p)
	}
	return p, err
}

// command runs one of the product's commands in the environment of an instance.
func (h *benchHarness) command(ctx context.Context, env []string, limit time.Duration, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, h.program, args...)
	c.Env, c.Dir = append(bench.CleanEnvironment(config.Variables()...), env...), h.dir
	if output, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}

// close stops every process, the last one first, and removes their data.
func (h *benchHarness) close(ctx context.Context) error {
	var errs []error
	for i := len(h.processes) - 1; i >= 0; i-- {
		errs = append(errs, h.processes[i].Stop())
	}
	for _, cleanup := range h.cleanups {
		errs = append(errs, cleanup(ctx))
	}
	return errors.Join(append(errs, removeSoon(h.dir))...)
}

// freePort is a port that was free a moment ago.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

func newNamespace() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // it never fails
	return "bench_" + hex.EncodeToString(b)
}
