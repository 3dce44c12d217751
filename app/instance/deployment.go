package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/operator"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/cluster"
	"flashsale/migrations"
	"flashsale/users"
	"flashsale/users/login"
)

// Deployment is the connected domains of a deployment, in which nothing runs by itself. Commands work with it, beside running
// instances or without any.
type Deployment struct {
	wiring *wiring
	log    *slog.Logger
}

// Open connects to the servers of a deployment that exists, and prepares it as the start of an instance does: its schema is
// brought up to date. The caller closes the servers, also when Open fails.
func Open(ctx context.Context, cfg config.Config, s *Servers, log *slog.Logger) (*Deployment, error) {
	if err := s.OpenDatabase(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.SchemaExists(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.connect(ctx, cfg, log, nil); err != nil {
		return nil, err
	}
	d := &Deployment{newWiring(cfg, s, log, nil), log}
	if err := d.wiring.prepare(ctx); err != nil {
		d.wiring.close()
		return nil, err
	}
	return d, nil
}

// Acts are the operators' acts on the deployment.
func (d *Deployment) Acts() *operator.Acts { return d.wiring.acts }

// SignUp makes an account with a password, as somebody does who signs up. The errors are those of login.Passwords.
func (d *Deployment) SignUp(ctx context.Context, username, password string) (users.Account, error) {
	passwords := d.wiring.passwords
	ctx, end := context.WithCancel(ctx)
	var hashing sync.WaitGroup
	hashing.Go(func() { _ = passwords.Run(ctx) })
	defer hashing.Wait()
	defer end()
	return passwords.SignUp(ctx, login.SignUp{Username: username, Password: password})
}

// Close sends the messages that instances have not received yet, and ends what this process uses of the deployment. The
// connections stay open.
func (d *Deployment) Close(ctx context.Context) {
	if untold := d.wiring.bus.Flush(ctx); untold != nil {
		d.log.Debug("running instances were not told; they find out with their next read", "error", untold)
	}
	d.wiring.close()
}

// MissingError says that what a command works with does not exist, so that the command has made nothing either. Only a start
// and `migrate up` make a deployment.
type MissingError struct {
	// What is missing, for example "deployment", and At where it was looked for.
	What, At string
	// Remedy is what to do.
	Remedy string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("There is no %s at %s: %s", e.What, e.At, e.Remedy)
}

const startOrMigrate = "start the product, or run `flashsale migrate`, to make it"

// FindDeployment is FindServers for commands that change a deployment and make none: where there is none, it returns a
// *MissingError. An embedded claims log that is missing is made, as a start does when the log was moved away.
func FindDeployment(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer) (*Servers, error) {
	o, err := embeddedOptions(cfg)
	if err != nil {
		return nil, err
	}
	o.Kafka = false
	if cfg.AnyEmbedded() {
		o.Redis = true // whatever is embedded, the directory has to be there
	}
	return findExisting(ctx, cfg, o, log, progress)
}

// FindToLook is FindDeployment for commands that change nothing: nothing at all is made.
func FindToLook(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer) (*Servers, error) {
	o, err := embeddedOptions(cfg)
	if err != nil {
		return nil, err
	}
	return findExisting(ctx, cfg, o, log, progress)
}

// TakeDeployment is FindDeployment for a command that no other process may work beside: when one runs on the embedded servers,
// it returns embedded.ErrInUse.
func TakeDeployment(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer) (*Servers, error) {
	o, err := embeddedOptions(cfg)
	if err != nil {
		return nil, err
	}
	if err := missingIn(o); err != nil {
		return nil, err
	}
	return startServers(ctx, cfg, log, progress)
}

func findExisting(ctx context.Context, cfg config.Config, o embedded.Options, log *slog.Logger, progress io.Writer) (*Servers, error) {
	// An instance that runs may have other servers embedded than this environment would have.
	if s, found, err := borrowServers(cfg); found || err != nil {
		return s, err
	}
	if err := missingIn(o); err != nil {
		return nil, err
	}
	return startServers(ctx, cfg, log, progress)
}

func missingIn(o embedded.Options) error {
	what := embedded.Missing(o)
	if what == "" {
		return nil
	}
	return &MissingError{what, o.Dir, "start the product there, or set DATA_DIR to the directory in which it was started"}
}

// Look connects to the servers of a deployment whose schema this program knows, and changes nothing. Its acts must not be
// used but for Verify. The caller closes the servers, also when Look fails.
func Look(ctx context.Context, cfg config.Config, s *Servers, log *slog.Logger) (*Deployment, error) {
	if err := s.look(ctx, cfg, log); err != nil {
		return nil, err
	}
	d := &Deployment{newWiring(cfg, s, log, nil), log}
	if err := d.wiring.catalog.Refresh(ctx); err != nil {
		d.wiring.close()
		return nil, err
	}
	return d, nil
}

// look opens every connection. The schema and the topics have to be there.
func (s *Servers) look(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	if err := s.OpenDatabase(ctx, cfg); err != nil {
		return err
	}
	err := migrations.Current(ctx, s.pool, cfg.Namespace)
	if errors.Is(err, migrations.ErrBehind) {
		return fmt.Errorf("nothing was looked at: %w; run `flashsale migrate`, or start this version, to bring it up to date", err)
	}
	if err != nil {
		return s.schemaError(cfg, err)
	}
	if err := s.OpenRedis(ctx); err != nil {
		return err
	}
	if err := s.FindLog(ctx, cfg, log); err != nil {
		return err
	}
	topics, err := s.log.Missing(ctx)
	if err == nil && len(topics) > 0 {
		err = &MissingError{"topic " + strings.Join(topics, " and "), strings.Join(s.KafkaBrokers, ","), "start the product to make it"}
	}
	return err
}

// SchemaExists returns a *MissingError when the database has no schema of this deployment. The database is open.
func (s *Servers) SchemaExists(ctx context.Context, cfg config.Config) error {
	_, err := migrations.Status(ctx, s.pool, cfg.Namespace)
	return s.schemaError(cfg, err)
}

func (s *Servers) schemaError(cfg config.Config, err error) error {
	if errors.Is(err, migrations.ErrNoSchema) {
		return &MissingError{"schema " + cfg.Namespace, DatabaseAddress(s.Settings), startOrMigrate}
	}
	return err
}

// RefuseBeside is an error that names the living processes of the deployment, as far as its database is one that was configured; the
// lock of the data directory speaks for those on embedded servers. The database is open.
func (s *Servers) RefuseBeside(ctx context.Context) error {
	living, err := cluster.Living(ctx, s.pool)
	if err != nil {
		return fmt.Errorf("whether a process of this deployment runs is unknown: %w", err)
	}
	if len(living) == 0 {
		return nil
	}
	var all []string
	for _, one := range living {
		all = append(all, DescribeProcess(one))
	}
	return fmt.Errorf("this deployment is in use by %s; stop every process of it first", strings.Join(all, "; "))
}

// LockDirectory keeps processes from starting on the data directory, when something is embedded and the directory is there; nil
// otherwise.
func LockDirectory(cfg config.Config) (*embedded.DirLock, error) {
	if !cfg.AnyEmbedded() {
		return nil, nil
	}
	return embedded.LockUsed(cfg.DataDir)
}

// FindLog connects to Kafka and makes no topic.
func (s *Servers) FindLog(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	at, err := LogConfig(s.Settings, cfg, log, nil)
	if err != nil {
		return err
	}
	s.log, err = patiently(ctx, func() (*claimlog.Log, error) { return claimlog.Connect(ctx, at) })
	return s.logError(err)
}

const (
	// replayLook is how often Replay looks how far the ledger is, and replayPatience is how long it may not move: longer than the
	// consumer group waits for a member that was killed.
	replayLook     = 100 * time.Millisecond
	replayPatience = time.Minute
)

// Replay decides what the claims log has beyond the ledger's cursor, as an instance does, and returns when nothing is left. No instance
// of the deployment runs. progress is told how many records are decided, of how many.
func (d *Deployment) Replay(ctx context.Context, progress func(done, total int64)) error {
	following, end := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = d.wiring.ledger.Run(following) })
	defer running.Wait()
	defer end()
	var total, before int64
	for moved := time.Now(); ; {
		left, err := d.undecided(ctx)
		if err != nil {
			return fmt.Errorf("replay the claims log: %w", err)
		}
		if total = max(total, left); left != before {
			before, moved = left, time.Now()
		}
		progress(total-left, total)
		if left == 0 {
			return nil
		}
		if time.Since(moved) > replayPatience {
			return fmt.Errorf("the claims log is not replayed to its end: %d records are left and none was decided for %s (%w)",
				left, replayPatience, cmp.Or(d.wiring.ledger.Trouble(), errors.New("the log gives none")))
		}
		if err := events.Pause(ctx, replayLook); err != nil {
			return err
		}
	}
}

// undecided is how many records of the log the ledger has not passed, and is not 0 while a cursor does not fit the log.
func (d *Deployment) undecided(ctx context.Context) (left int64, err error) {
	lags, err := d.wiring.ledger.Lag(ctx)
	if err != nil {
		return 0, err
	}
	for partition, lag := range lags {
		left += lag.Records
		if lag.Records > 0 {
			continue
		}
		_, settled, err := d.wiring.ledger.Settled(ctx, partition)
		if err != nil {
			return 0, err
		}
		if !settled {
			left++
		}
	}
	return left, nil
}
