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
	"flashsale/app/config"
	"flashsale/app/instance"
)

// laboratory is the processes of one measurement. Each has an environment and a directory of its own, so that no
// setting and no .env file of the person who measures changes what is measured.
type laboratory struct {
	program   string
	dir       string
	processes []*bench.Process
	cleanups  []func(context.Context) error
	// environment is that of the newest instance.
	environment []string
	// seed makes the first n shoppers of the series exist; nil where the product was not started here.
	seed func(ctx context.Context, n int) error
	// another starts one more instance beside the product, on the same servers and in the same namespace; nil where
	// the servers are inside the product's process.
	another func(context.Context) (bench.Target, error)
}

// seedTime bounds the seeding of ten million shoppers.
const seedTime = time.Hour

func newLaboratory() (*laboratory, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "flashsale-bench-")
	if err != nil {
		return nil, fmt.Errorf("temporary directory: %w", err)
	}
	return &laboratory{program: program, dir: dir}, nil
}

// furnish starts what the measurement needs and does not have, and tells it where that is.
func (l *laboratory) furnish(ctx context.Context, b benching, cfg *bench.Config) error {
	noop, err := l.start(ctx, "bench-noop", nil)
	if err != nil {
		return err
	}
	cfg.Noop = bench.Target{URL: noop.URL, Ops: noop.URL, PID: noop.PID}
	if b.url != "" {
		cfg.Servers = "those of the instance at " + b.url
		cfg.Product = bench.Target{URL: strings.TrimRight(b.url, "/"), Ops: strings.TrimRight(b.ops, "/")}
		return nil
	}
	cfg.Servers = "embedded; Postgres is a process of its own, Redis and Kafka are inside the product's"
	var servers []string
	if b.configured {
		if servers, cfg.Servers, err = configuredServers(); err != nil {
			return err
		}
	}
	namespace := newNamespace()
	if cfg.Product, err = l.instance(ctx, "serve", namespace, servers); err != nil {
		return err
	}
	if b.growth > 0 {
		product := l.environment
		l.seed = func(ctx context.Context, n int) error {
			return l.command(ctx, product, seedTime, "seed", strconv.Itoa(n))
		}
		if shared(servers) {
			l.another = func(ctx context.Context) (bench.Target, error) { return l.instance(ctx, "serve", namespace, servers) }
		}
		return nil
	}
	cfg.Hall, err = l.instance(ctx, "bench-hall", newNamespace(), servers)
	return err
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

// configuredServers are the servers that the environment names, as variables and in words.
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

// instance starts one of the product's commands as an instance of its own.
func (l *laboratory) instance(ctx context.Context, command, namespace string, servers []string) (bench.Target, error) {
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
		"NAMESPACE=" + namespace, "DATA_DIR=" + filepath.Join(l.dir, command+strconv.Itoa(len(l.processes))),
	}, servers...)
	for _, v := range servers {
		if strings.HasPrefix(v, "DATABASE_URL=") {
			l.cleanups = append(l.cleanups, func(ctx context.Context) error {
				// What was measured there is removed.
				return l.command(ctx, env, time.Minute, "reset", "--wipe", "--yes")
			})
		}
	}
	p, err := l.start(ctx, command, env)
	if err != nil {
		return bench.Target{}, err
	}
	l.environment = env
	return bench.Target{URL: "http://127.0.0.1:" + port, Ops: "http://127.0.0.1:" + opsPort, PID: p.PID}, nil
}

func (l *laboratory) start(ctx context.Context, command string, env []string) (*bench.Process, error) {
	p, err := bench.StartProcess(ctx, l.program, []string{command}, append(bench.CleanEnvironment(config.Variables()...), env...), l.dir)
	if err == nil {
		l.processes = append(l.processes, p)
	}
	return p, err
}

// command runs one of the product's commands beside an instance, with its environment.
func (l *laboratory) command(ctx context.Context, env []string, patience time.Duration, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, l.program, args...)
	c.Env, c.Dir = append(bench.CleanEnvironment(config.Variables()...), env...), l.dir
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, said)
	}
	return nil
}

// clear stops every process, the last one first, and removes what they have left.
func (l *laboratory) clear(ctx context.Context) error {
	var errs []error
	for i := len(l.processes) - 1; i >= 0; i-- {
		errs = append(errs, l.processes[i].Stop())
	}
	for _, cleanup := range l.cleanups {
		errs = append(errs, cleanup(ctx))
	}
	return errors.Join(append(errs, removeSoon(l.dir))...)
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
