// Package wipe removes a deployment, wherever its parts are: topics, keys, schema, and what lies in the data directory.
package wipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/embedded/datadir"
	"flashsale/app/instance"
	"flashsale/inventory"
)

// wipe is one removal.
type wipe struct {
	cfg     config.Config
	servers *instance.Servers // connections to what is configured
	dir     string            // absolute
	lock    *embedded.DirLock // nil when there is no data directory
	what    []string          // for the question
	left    []string          // in the data directory
}

// Deployment removes the topics, the keys, the schema and what the product made in the data directory. This removes the orders too, so
// confirmed is asked with what is removed and the word that means yes. When a server does not answer, a process runs, or the
// directory is not the product's, nothing is removed.
func Deployment(ctx context.Context, out io.Writer, confirmed func(question, word string) bool) (err error) {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	w := &wipe{cfg: cfg, servers: instance.Configured(cfg)}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := w.open(ctx); err != nil {
		return fmt.Errorf("nothing was removed: %w", err)
	}
	word := cfg.Namespace
	if len(w.what) == 1 && w.lock != nil {
		word = "wipe"
	}
	if !confirmed("This removes "+strings.Join(w.what, ", ")+" for good.", word) {
		return errors.New("nothing was removed")
	}
	if err := w.refuseBeside(ctx); err != nil { // one may have started while the question waited for its answer
		return fmt.Errorf("nothing was removed: %w", err)
	}
	if err := w.remove(ctx); err != nil {
		return fmt.Errorf("only a part was removed, ask again: %w", err)
	}
	if len(w.left) > 0 {
		_, err = fmt.Fprintf(out, "left in %s, because flashsale did not make it: %s\n", w.dir, strings.Join(w.left, ", "))
	}
	_, say := fmt.Fprintln(out, "removed; the next start begins anew")
	return errors.Join(err, say)
}

// open connects to every part and locks the data directory. It makes nothing.
func (w *wipe) open(ctx context.Context) error {
	s, cfg := w.servers, w.cfg
	if err := w.openDirectory(); err != nil {
		return err
	}
	if cfg.DatabaseURL != "" {
		if err := s.OpenDatabase(ctx, cfg); err != nil {
			return err
		}
		w.what = append(w.what, fmt.Sprintf("every sale, order and shopper in schema %s at %s", cfg.Namespace, instance.BareURL(cfg.DatabaseURL)))
	}
	if err := w.refuseBeside(ctx); err != nil {
		return err
	}
	if cfg.RedisURL != "" {
		if err := s.OpenRedis(ctx); err != nil {
			return err
		}
		w.what = append(w.what, fmt.Sprintf("the keys %s:{...} at %s", cfg.Namespace, instance.BareURL(cfg.RedisURL)))
	}
	if len(cfg.KafkaBrokers) > 0 {
		if err := s.FindLog(ctx, cfg, nil); err != nil {
			return err
		}
		w.what = append(w.what, fmt.Sprintf("the topics %s and %s at %s", s.Log().ClaimsTopic(), s.Log().EventsTopic(), strings.Join(cfg.KafkaBrokers, ",")))
	}
	return nil
}

// openDirectory makes sure that no process has embedded servers there, and that it is a directory of the product.
func (w *wipe) openDirectory() (err error) {
	if !w.cfg.AnyEmbedded() {
		return nil
	}
	if w.dir, err = filepath.Abs(w.cfg.DataDir); err != nil {
		return datadir.Unusable(err)
	}
	if err := datadir.Check(w.dir); err != nil {
		return err
	}
	if w.lock, err = instance.LockDirectory(w.cfg); err != nil {
		return err
	}
	switch {
	case w.lock != nil:
		w.what = append(w.what, datadir.Describe(w.dir))
	case w.cfg.AllEmbedded():
		return &instance.MissingError{What: "deployment", At: w.dir, Remedy: "set DATA_DIR to the directory in which it was started"}
	}
	return nil
}

// refuseBeside: the configured database knows every living process of the deployment.
func (w *wipe) refuseBeside(ctx context.Context) error {
	if w.servers.Pool() == nil {
		return nil
	}
	return w.servers.RefuseBeside(ctx)
}

// remove begins with the log: the next database passes over what it has, so it is of no use to anybody.
func (w *wipe) remove(ctx context.Context) error {
	s := w.servers
	if log := s.Log(); log != nil {
		if err := log.RemoveTopics(ctx); err != nil {
			return err
		}
	}
	if s.Redis() != nil {
		if err := inventory.RemoveKeys(ctx, s.Redis(), w.cfg.Namespace); err != nil {
			return err
		}
	}
	if s.Pool() != nil {
		if _, err := s.Pool().Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{w.cfg.Namespace}.Sanitize()+" CASCADE"); err != nil {
			return fmt.Errorf("remove the schema: %w", err)
		}
	}
	if w.lock == nil {
		return nil
	}
	return w.removeDirectory(ctx)
}

// removeDirectory removes everything under the lock, and the lock at last.
func (w *wipe) removeDirectory(ctx context.Context) (err error) {
	if w.left, err = datadir.Remove(ctx, w.dir); err != nil {
		return err
	}
	lock := w.lock
	w.lock = nil
	return lock.Remove()
}

func (w *wipe) close(ctx context.Context) error {
	err := w.servers.Close(ctx)
	if w.lock != nil {
		err = errors.Join(err, w.lock.Unlock())
	}
	return err
}
