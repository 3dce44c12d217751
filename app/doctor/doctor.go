// Package doctor looks at everything that a deployment needs, and says of each part how it answers and what to do. It changes
// nothing, and goes on when something is bad.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/instance"
	"flashsale/events/claimlog"
	"flashsale/events/consumer"
	"flashsale/migrations"
)

// patience is how long one server may take to answer before it counts as bad.
const patience = 5 * time.Second

// Doctor looks at one deployment. Make one with New.
type Doctor struct {
	cfg     config.Config
	servers embedded.Settings
	out     io.Writer
	bad     bool
	// absent says that there are no embedded servers to look at.
	absent *instance.MissingError

	pool  *pgxpool.Pool // nil while it could not be opened, as the others
	redis rueidis.Client
	log   *claimlog.Log
}

// New writes what it finds to out, a line for each part.
func New(out io.Writer) *Doctor { return &Doctor{out: out} }

// Find finds the servers of a deployment. It leaves out the embedded ones where there are none.
func (d *Doctor) Find(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer) (*instance.Servers, error) {
	s, err := instance.FindToLook(ctx, cfg, log, progress)
	if errors.As(err, &d.absent) {
		return instance.Configured(cfg), nil
	}
	return s, err
}

// ErrBad means that a part is bad; its line says which.
var ErrBad = errors.New("doctor: a part is bad")

// Examine looks at the servers and at what they hold.
func (d *Doctor) Examine(ctx context.Context, cfg config.Config, s *instance.Servers, _ *slog.Logger) error {
	d.cfg, d.servers = cfg, s.Settings
	defer d.close()
	if d.absent != nil {
		d.say(false, "%s", d.absent.Error())
	}
	d.examineServers(ctx)
	d.examineState(ctx)
	d.examineReplica(ctx)
	d.examineMail(ctx)
	d.examineCertificate(ctx)
	d.examineRoom(ctx)
	if d.bad {
		return ErrBad
	}
	return nil
}

// dependency is one server. What connect opens is kept in the doctor, which closes it.
type dependency struct {
	name, address, remedy string
	embedded              bool
	connect               func(context.Context) error
	ask                   func(context.Context) (version string, err error)
}

func (d *Doctor) dependencies() []dependency {
	s, cfg := d.servers, d.cfg
	all := []dependency{
		{"PostgreSQL", instance.DatabaseAddress(s), "docker compose up -d postgres", cfg.DatabaseURL == "", d.connectDatabase, d.askDatabase},
		{"Redis", instance.RedisAddress(s), "docker compose up -d redis", cfg.RedisURL == "", d.connectRedis, d.askRedis},
		{"Kafka", instance.KafkaAddress(s), "docker compose up -d kafka", len(cfg.KafkaBrokers) == 0, d.connectLog, d.askLog},
	}
	return slices.DeleteFunc(all, func(p dependency) bool { return p.embedded && d.absent != nil })
}

// examineServers asks all servers at the same time, so that several silent ones take as long as one.
func (d *Doctor) examineServers(ctx context.Context) {
	all := d.dependencies()
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

func (p dependency) examine(ctx context.Context) (line string, bad bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
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
		why, answers := instance.Refusal(err)
		if answers {
			return fmt.Sprintf("%-11s %s (%s) answers, but %s; correct its address", p.name, p.address, kind, why), true
		}
		return fmt.Sprintf("%-11s %s (%s): %s; start it (%s) or correct its address", p.name, p.address, kind, why, p.remedy), true
	}
	if version != "" { // a server in another process may not say it
		version = " " + version
	}
	return fmt.Sprintf("%-11s %s (%s)%s, round trip %s", p.name, p.address, kind, version,
		time.Since(began).Round(10*time.Microsecond)), false
}

// oneLine puts the text of a driver's error on one line, so that the table stays readable.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (d *Doctor) say(ok bool, format string, args ...any) {
	word := "ok"
	if !ok {
		word, d.bad = "bad", true
	}
	d.write(word, format, args...)
}

// warn says what will be bad.
func (d *Doctor) warn(format string, args ...any) { d.write("warning", format, args...) }

func (d *Doctor) write(word, format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, "%-8s "+format+"\n", append([]any{word}, args...)...)
}

func (d *Doctor) close() {
	if d.log != nil {
		_ = d.log.Close()
	}
	if d.redis != nil {
		d.redis.Close()
	}
	if d.pool != nil {
		d.pool.Close()
	}
}

func (d *Doctor) connectDatabase(ctx context.Context) error {
	requests, err := config.PoolConfig(d.servers.DatabaseURL, d.cfg.Namespace, 2)
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
	d.pool = pool
	return nil
}

func (d *Doctor) askDatabase(ctx context.Context) (version string, err error) {
	return instance.PostgresVersion(ctx, d.pool)
}

func (d *Doctor) connectRedis(context.Context) (err error) {
	d.redis, err = instance.DialRedis(d.servers)
	return err
}

func (d *Doctor) askRedis(ctx context.Context) (string, error) {
	version, err := instance.RedisVersion(ctx, d.redis)
	if err == nil && !d.servers.RedisEmbedded {
		err = instance.RedisRights(ctx, d.redis, d.cfg.Namespace)
	}
	return version, err
}

func (d *Doctor) connectLog(ctx context.Context) error {
	at, err := instance.LogConfig(d.servers, d.cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	log, err := claimlog.Connect(ctx, at)
	if err == nil {
		d.log = log
	}
	return err
}

// askLog: the protocol does not tell a version. Without topics there is nothing that can be asked.
func (d *Doctor) askLog(ctx context.Context) (string, error) {
	if err := d.log.Rights(ctx); err != nil {
		return "", err
	}
	missing, err := d.log.Missing(ctx)
	if err != nil || len(missing) > 0 {
		return "", err
	}
	return "", d.log.Ping(ctx)
}

// examineState looks at the schema, the topics and the lag, as far as there is a server to ask.
func (d *Doctor) examineState(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	database, log := d.pool != nil, d.log != nil
	current := database && d.examineSchema(ctx)
	if current {
		d.examineSettings(ctx)
	}
	topics := log && d.examineTopics(ctx)
	if current && topics {
		d.examineLag(ctx)
	}
}

// examineSchema is true when every table is there.
func (d *Doctor) examineSchema(ctx context.Context) bool {
	pending := 0
	all, err := migrations.Status(ctx, d.pool, d.cfg.Namespace)
	if err == nil {
		err = migrations.Rights(ctx, d.pool, d.cfg.Namespace)
	} else {
		err = migrations.Denied(ctx, d.pool, d.cfg.Namespace, err) // the table cannot be read, or not even be seen
	}
	var denied *migrations.DeniedError
	for _, m := range all {
		if !m.Applied {
			pending++
		}
	}
	switch {
	case errors.Is(err, migrations.ErrNoSchema):
		d.say(false, "%-11s %s: it is not there, with all its migrations to apply; run `flashsale migrate` (a start does so too)", "schema", d.cfg.Namespace)
	case errors.As(err, &denied):
		d.say(false, "%-11s %s: this user %s", "schema", d.cfg.Namespace, denied.Error())
	case err != nil:
		d.say(false, "%-11s %s: %s", "schema", d.cfg.Namespace, oneLine(err.Error()))
	case pending > 0:
		d.say(false, "%-11s %s: %d migrations to apply; run `flashsale migrate` (a start does so too)", "schema", d.cfg.Namespace, pending)
	default:
		d.say(true, "%-11s %s, %d migrations applied", "schema", d.cfg.Namespace, len(all))
	}
	return err == nil && pending == 0
}

// examineTopics is true when both topics are there.
func (d *Doctor) examineTopics(ctx context.Context) bool {
	missing, err := d.log.Missing(ctx)
	if err != nil {
		d.say(false, "%-11s %s", "topics", oneLine(err.Error()))
		return false
	}
	for _, name := range missing {
		d.say(false, "%-11s %s: it is not there; a start makes it, with all its partitions", "topic", name)
	}
	if len(missing) > 0 {
		return false
	}
	found, err := d.log.Describe(ctx)
	if err != nil {
		d.say(false, "%-11s %s", "topics", oneLine(err.Error()))
	}
	for _, topic := range found.Topics {
		d.say(topic.Leaderless == 0, "%-11s %s, %d partitions, %d without a leader", "topic", topic.Name, topic.Partitions, topic.Leaderless)
	}
	return err == nil
}

// examineLag tells how many claims the log has that the ledger has not read.
func (d *Doctor) examineLag(ctx context.Context) {
	partitions, err := consumer.New(d.pool, d.log, nil, consumer.Config{}).Lag(ctx)
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
