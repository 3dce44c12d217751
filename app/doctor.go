package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/events/claimlog"
	"flashsale/events/consumer"
	"flashsale/migrations"
)

// doctorPatience is how long one server may take to answer before it counts as bad.
const doctorPatience = 5 * time.Second

func doctorCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Show each dependency, how it answers and what to do (exit 1 when one is bad)",
		Args:  cobra.NoArgs,
		RunE: withServers(t, func(ctx context.Context, cfg config.Config, s *services, _ *slog.Logger) error {
			d := doctor{cfg: cfg, services: s, out: t.out}
			d.examineServers(ctx)
			d.examineState(ctx)
			if d.bad {
				return errReported
			}
			return nil
		}),
	}
}

// doctor looks at everything a deployment needs and goes on whatever it finds. It changes nothing but that topics which
// are missing are made.
type doctor struct {
	cfg      config.Config
	services *services
	out      io.Writer
	bad      bool
}

// patient is one server. What connect opens is left in services, where it is closed.
type patient struct {
	name, address, remedy string
	embedded              bool
	connect               func(context.Context) error
	ask                   func(context.Context) (version string, err error)
}

func (d *doctor) patients() []patient {
	s, cfg := d.services, d.cfg
	return []patient{
		{"PostgreSQL", bareURL(s.databaseURL), "docker compose up -d postgres", cfg.DatabaseURL == "", d.connectDatabase, d.askDatabase},
		{"Redis", bareURL(s.redisURL), "docker compose up -d redis", cfg.RedisURL == "", d.connectRedis, d.askRedis},
		{"Kafka", strings.Join(s.kafkaBrokers, ","), "docker compose up -d kafka", len(cfg.KafkaBrokers) == 0, d.connectLog, d.askLog},
	}
}

// examineServers asks all servers at the same time, so that several silent ones cost the patience of one.
func (d *doctor) examineServers(ctx context.Context) {
	all := d.patients()
	lines, bad := make([]string, len(all)), make([]bool, len(all))
	var asking sync.WaitGroup
	for i, p := range all {
		asking.Go(func() { lines[i], bad[i] = p.examine(ctx) })
	}
	asking.Wait()
	for i, line := range lines {
		d.say(!bad[i], "%s", line)
	}
}

func (p patient) examine(ctx context.Context) (line string, bad bool) {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	kind := "configured"
	if p.embedded {
		kind = "embedded"
	}
	version, began, err := "", time.Now(), p.connect(ctx)
	if err == nil {
		began = time.Now()
		version, err = p.ask(ctx)
	}
	if err != nil {
		return fmt.Sprintf("%-11s %s (%s): %s; start it (%s) or correct its address", p.name, p.address, kind,
			oneLine(config.HideSecrets(err.Error())), p.remedy), true
	}
	return fmt.Sprintf("%-11s %s (%s) %s, round trip %s", p.name, p.address, kind, version,
		time.Since(began).Round(10*time.Microsecond)), false
}

// oneLine keeps a table a table, whatever a driver says.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (d *doctor) say(ok bool, format string, args ...any) {
	word := "ok"
	if !ok {
		word, d.bad = "bad", true
	}
	_, _ = fmt.Fprintf(d.out, "%-8s "+format+"\n", append([]any{word}, args...)...)
}

func (d *doctor) connectDatabase(ctx context.Context) error {
	requests, err := config.PoolConfig(d.services.databaseURL, d.cfg.Namespace, 2)
	if err != nil {
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, requests)
	if err != nil {
		return err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return err
	}
	d.services.pool = pool
	return nil
}

func (d *doctor) askDatabase(ctx context.Context) (version string, err error) {
	err = d.services.pool.QueryRow(ctx, "SHOW server_version").Scan(&version)
	return version, err
}

func (d *doctor) connectRedis(context.Context) (err error) {
	d.services.redis, err = dialRedis(d.services.redisURL, d.services.redisEmbedded)
	return err
}

// askRedis knows no version of a server that does not tell it, such as the embedded one.
func (d *doctor) askRedis(ctx context.Context) (string, error) {
	client := d.services.redis
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
		return "", err
	}
	info, _ := client.Do(ctx, client.B().Info().Section("server").Build()).ToString()
	for line := range strings.Lines(info) {
		if version, ok := strings.CutPrefix(line, "redis_version:"); ok {
			return strings.TrimSpace(version), nil
		}
	}
	return "", nil
}

func (d *doctor) connectLog(ctx context.Context) error {
	at, err := d.services.logConfig(d.cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	log, err := claimlog.Open(ctx, at)
	if err == nil {
		d.services.log = log
	}
	return err
}

// askLog: the protocol does not tell a version.
func (d *doctor) askLog(ctx context.Context) (string, error) { return "", d.services.log.Ping(ctx) }

// examineState looks at the schema, the topics and the lag, as far as there is a server to ask.
func (d *doctor) examineState(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*doctorPatience)
	defer cancel()
	database, log := d.services.pool != nil, d.services.log != nil
	current := database && d.examineSchema(ctx)
	if log {
		d.examineTopics(ctx)
	}
	if current && log {
		d.examineLag(ctx)
	}
}

// examineSchema is true when every table is there.
func (d *doctor) examineSchema(ctx context.Context) bool {
	pending := 0
	all, err := migrations.Status(ctx, d.services.pool, d.cfg.Namespace)
	for _, m := range all {
		if m.State != "applied" {
			pending++
		}
	}
	switch {
	case err != nil:
		d.say(false, "%-11s %s: %s", "schema", d.cfg.Namespace, oneLine(err.Error()))
	case pending > 0:
		d.say(false, "%-11s %s: %d migrations to apply; run `flashsale migrate` (a start does so too)", "schema", d.cfg.Namespace, pending)
	default:
		d.say(true, "%-11s %s, %d migrations applied", "schema", d.cfg.Namespace, len(all))
	}
	return err == nil && pending == 0
}

func (d *doctor) examineTopics(ctx context.Context) {
	found, err := d.services.log.Describe(ctx)
	if err != nil {
		d.say(false, "%-11s %s", "topics", oneLine(err.Error()))
	}
	for _, topic := range found.Topics {
		d.say(topic.Leaderless == 0, "%-11s %s, %d partitions, %d without a leader", "topic", topic.Name, topic.Partitions, topic.Leaderless)
	}
}

// examineLag tells how many claims the log has that the ledger has not read.
func (d *doctor) examineLag(ctx context.Context) {
	partitions, err := consumer.New(d.services.pool, d.services.log, nil, consumer.Config{}).Lag(ctx)
	if err != nil {
		d.say(false, "%-11s %s", "lag", oneLine(err.Error()))
		return
	}
	var sum int64
	for _, p := range partitions {
		sum += p.Records
	}
	d.say(true, "%-11s %d claims not yet read by the ledger", "lag", sum)
}
