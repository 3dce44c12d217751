package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"flashsale/app/backup"
	"flashsale/app/config"
	"flashsale/app/embedded/datadir"
	"flashsale/app/instance"
	"flashsale/app/operator"
	"flashsale/migrations"
)

func backupCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the deployment on embedded servers into a new directory, also while it sells; for configured servers: say what to run",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, dir, err := backupOf(args[0])
			if err != nil {
				return err
			}
			if cfg.DatabaseURL != "" {
				return errors.Join(configuredOf(cfg).SayBackup(t.out, dir), errReported)
			}
			only := cfg
			only.RedisURL = "unused" // a memory that the ledger rebuilds
			return useServers(cmd.Context(), only, cfg, t, instance.FindToLook, func(ctx context.Context, cfg config.Config, s *instance.Servers, log *slog.Logger) error {
				return makeBackup(ctx, cfg, s, log, dir, t)
			})
		},
	}
}

func restoreCommand(t terminal) *cobra.Command {
	var newer string
	c := &cobra.Command{
		Use:   "restore DIR",
		Short: "Bring a backup back into an empty data directory, decide what the log has beyond it, verify, and say what was lost or found",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, dir, err := backupOf(args[0])
			if err != nil {
				return err
			}
			if cfg.DatabaseURL != "" {
				return errors.Join(configuredOf(cfg).SayRestore(t.out, dir), errReported)
			}
			return restore(cmd.Context(), cfg, dir, newer, t)
		},
	}
	c.Flags().StringVar(&newer, "log", "", "the data directory of before, whose log is taken instead of the backup's: receipts that were given since come back from it")
	return c
}

func backupOf(dir string) (cfg config.Config, at string, err error) {
	if cfg, err = config.Load(); err == nil {
		at, err = filepath.Abs(dir)
	}
	return cfg, at, err
}

func configuredOf(cfg config.Config) backup.Configured {
	return backup.Configured{Database: instance.BareURL(cfg.DatabaseURL), Namespace: cfg.Namespace, Brokers: cfg.KafkaBrokers,
		LogDir: filepath.Join(cfg.DataDir, datadir.Kafka)}
}

func makeBackup(ctx context.Context, cfg config.Config, s *instance.Servers, log *slog.Logger, dir string, t terminal) error {
	data, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return datadir.Unusable(err)
	}
	if dir == data || strings.HasPrefix(dir, data+string(filepath.Separator)) {
		return fmt.Errorf("no backup was made: %s lies in the data directory, which a loss would take too; name another place", dir)
	}
	schema, err := openForBackup(ctx, cfg, s, log)
	if err != nil {
		return err
	}
	from := backup.Source{DatabaseURL: s.DatabaseURL, Log: s.Log(), Program: instance.Version(), Namespace: cfg.Namespace, Schema: schema}
	if len(cfg.KafkaBrokers) == 0 {
		from.LogDir = filepath.Join(data, datadir.Kafka)
	}
	progress, drawn := bytesTo(t)
	m, err := backup.Make(ctx, from, dir, progress)
	drawn()
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	what := "the database and the claims log"
	if from.LogDir == "" {
		what = "the database; the claims log stays at " + strings.Join(cfg.KafkaBrokers, ",")
	}
	_, err = fmt.Fprintf(t.out, "backup in %s: %s, %.1f MB, as of %s; `flashsale restore %s` brings it back\n",
		dir, what, float64(m.Size())/1e6, m.Began.Format(time.RFC3339), dir)
	return err
}

// openForBackup connects to the database and the log, and says which migration the schema is at. It changes nothing, and takes an older
// schema too: the time for a backup is before a new version.
func openForBackup(ctx context.Context, cfg config.Config, s *instance.Servers, log *slog.Logger) (schema int64, err error) {
	if err := s.OpenDatabase(ctx, cfg); err != nil {
		return 0, err
	}
	if err := s.SchemaExists(ctx, cfg); err != nil {
		return 0, err
	}
	if err := s.FindLog(ctx, cfg, log); err != nil {
		return 0, err
	}
	schema, _, err = migrations.Versions(ctx, s.Pool(), cfg.Namespace)
	return schema, err
}

func restore(ctx context.Context, cfg config.Config, dir, newer string, t terminal) error {
	m, err := backup.Read(dir)
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	if err := fitsHere(cfg, m); err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	data, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return datadir.Unusable(err)
	}
	if newer != "" {
		if newer, err = filepath.Abs(newer); err != nil {
			return err
		}
	}
	if err := backup.Unused(data); err != nil {
		return err
	}
	progress, drawn := bytesTo(t)
	defer drawn()
	if err := backup.Check(ctx, dir, m, progress); err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	if err := backup.Place(ctx, dir, m, data, newer, progress); err != nil {
		return err
	}
	drawn()
	_, err = fmt.Fprintf(t.out, "restored into %s: PostgreSQL %s, as of %s, made by flashsale %s\n", data, m.Postgres.Version, m.Began.Format(time.RFC3339), m.Program)
	if err != nil {
		return err
	}
	return useServers(ctx, cfg, cfg, t, instance.TakeDeployment, func(ctx context.Context, cfg config.Config, s *instance.Servers, log *slog.Logger) error {
		d, err := instance.Open(ctx, cfg, s, log)
		if err != nil {
			return err
		}
		defer d.Close(ctx)
		return replay(ctx, d, s, m, newer != "", t)
	})
}

// fitsHere is an error for a backup that this program, or this environment, cannot bring back.
func fitsHere(cfg config.Config, m backup.Manifest) error {
	known, err := migrations.Newest()
	switch {
	case err != nil:
		return err
	case m.Schema > known:
		return fmt.Errorf("the backup was made by a newer version of this program (%s, migration %d; this one knows %d): restore it with that one", m.Program, m.Schema, known)
	case m.Namespace != cfg.Namespace:
		return fmt.Errorf("the backup is of NAMESPACE=%s, and here it is %s; set it to that", m.Namespace, cfg.Namespace)
	case m.Log.Embedded && len(cfg.KafkaBrokers) > 0:
		return errors.New("the backup has the claims log of an embedded Kafka, and KAFKA_BROKERS names another one; unset it")
	case !m.Log.Embedded && len(cfg.KafkaBrokers) == 0:
		return errors.New("the claims log of the backup is on brokers; set KAFKA_BROKERS as it was when the backup was made")
	}
	return nil
}

// replay brings the ledger to the end of the log, and reports.
func replay(ctx context.Context, d *instance.Deployment, s *instance.Servers, m backup.Manifest, newer bool, t terminal) error {
	acts := d.Acts()
	before, err := acts.Receipts(ctx)
	if err != nil {
		return err
	}
	bar := progressTo(t, "claims")
	err = d.Replay(ctx, func(done, total int64) {
		if bar != nil && total > 0 {
			bar(int(done), int(total))
		}
	})
	if err != nil {
		return err
	}
	after, err := acts.Receipts(ctx)
	if err != nil {
		return err
	}
	checks, err := acts.Verify(ctx)
	if err != nil {
		return err
	}
	found, err := acts.Recover(ctx, s.Log())
	if err != nil {
		return err
	}
	if err := errors.Join(writeChecks(t.out, checks), reportRestored(t.out, m, before, after, found, newer, s.Log().ID())); err != nil {
		return err
	}
	if anyBroken(checks) || len(found.Lost) > 0 {
		return errReported
	}
	return nil
}

// reportRestored says what was lost or found.
func reportRestored(w io.Writer, m backup.Manifest, before, after int64, found operator.Recovery, newer bool, log string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d receipts were in the database of the backup, %d more came back from the claims log\n", before, after-before)
	for _, kind := range []struct {
		what string
		all  []operator.LostReceipt
	}{{"lost", found.Lost}, {"other unit", found.Renumbered}, {"live again", found.Revived}} {
		for _, r := range kind.all {
			fmt.Fprintf(&b, "%-10s  order %s of %s, unit %d of sale %d generation %d, given %s: %s\n",
				kind.what, r.Order, r.Username, r.Unit, r.Sale, r.Generation, r.At.UTC().Format(time.RFC3339), r.Now)
		}
	}
	fmt.Fprintf(&b, "%d receipts are named by the published events at hand; %d of them are lost\n", found.Known, len(found.Lost))
	switch {
	case log != m.Log.ID:
		b.WriteString("The claims log is another one than when the backup was made, so nothing could come back from it.\n")
	case m.Log.Embedded && !newer:
		fmt.Fprintf(&b, "Receipts that were given after %s are not known here. When the data directory of before still has its log, restore anew with --log.\n",
			m.Ended.Format(time.RFC3339))
	}
	b.WriteString("Operators' acts, accounts and sessions are those of the backup: repeat what was done since, and end sessions with `flashsale admin rotate-keys --forget` if one was ended for a reason.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// bytesTo draws a bar for each step on a terminal, which drawn takes away, and nothing elsewhere.
func bytesTo(t terminal) (progress backup.Progress, drawn func()) {
	if !isTerminal(t.err) {
		return func(string, int64, int64) {}, func() {}
	}
	var bar *progressbar.ProgressBar
	current := ""
	drawn = func() {
		if bar != nil {
			_ = bar.Clear()
		}
		bar, current = nil, ""
	}
	return func(step string, done, total int64) {
		if step != current {
			drawn()
			current = step
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(t.err), progressbar.OptionSetDescription(step), progressbar.OptionShowBytes(true),
				progressbar.OptionThrottle(100*time.Millisecond))
		}
		if total != bar.GetMax64() {
			bar.ChangeMax64(total)
		}
		_ = bar.Set64(done)
	}, drawn
}
