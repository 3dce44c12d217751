package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/instance"
	"flashsale/inventory"
)

// wipe removes a deployment, wherever its parts are.
type wipe struct {
	cfg     config.Config
	servers *instance.Servers // connections to what is configured
	lock    *embedded.DirLock
	what    []string // for the question
}

// wipeDeployment removes the topics, the keys, the schema and the data directory. This removes the orders too, so it asks
// for the name of what it removes. When a server does not answer, nothing is removed.
func wipeDeployment(ctx context.Context, yes bool, t terminal) (err error) {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	w := &wipe{cfg: cfg, servers: instance.Configured(cfg)}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := w.open(ctx); err != nil {
		return err
	}
	word := cfg.Namespace
	if len(w.what) == 1 && w.lock != nil {
		word = "wipe"
	}
	if !confirmed(t, yes, strings.Join(w.what, ", "), word) {
		return errors.New("nothing was removed")
	}
	if err := w.remove(ctx); err != nil {
		return fmt.Errorf("only a part was removed, ask again: %w", err)
	}
	_, err = fmt.Fprintln(t.out, "removed; the next start begins anew")
	return err
}

// open connects to every part and locks the data directory.
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
	if cfg.RedisURL != "" {
		if err := s.OpenRedis(ctx); err != nil {
			return err
		}
		w.what = append(w.what, fmt.Sprintf("the keys %s:{...} at %s", cfg.Namespace, instance.BareURL(cfg.RedisURL)))
	}
	if len(cfg.KafkaBrokers) > 0 {
		if err := s.OpenLog(ctx, cfg, nil, nil); err != nil {
			return err
		}
		w.what = append(w.what, fmt.Sprintf("the topics %s and %s at %s", s.Log().ClaimsTopic(), s.Log().EventsTopic(), strings.Join(cfg.KafkaBrokers, ",")))
	}
	return nil
}

// openDirectory makes sure that no process has embedded servers there.
func (w *wipe) openDirectory() (err error) {
	if !w.cfg.AnyEmbedded() {
		return nil
	}
	_, err = os.Stat(w.cfg.DataDir)
	switch {
	case err == nil:
		w.lock, err = embedded.Lock(w.cfg.DataDir)
		w.what = append(w.what, "everything below "+w.cfg.DataDir)
		return err
	case w.cfg.DatabaseURL+w.cfg.RedisURL == "" && len(w.cfg.KafkaBrokers) == 0:
		return fmt.Errorf("there is nothing at %s", w.cfg.DataDir)
	default:
		return nil
	}
}

// remove begins with the log: a claim that stays in the log is decided again in the next database.
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
	lock := w.lock
	w.lock = nil
	return errors.Join(lock.Unlock(), removeSoon(w.cfg.DataDir))
}

func (w *wipe) close(ctx context.Context) error {
	err := w.servers.Close(ctx)
	if w.lock != nil {
		err = errors.Join(err, w.lock.Unlock())
	}
	return err
}

func confirmed(t terminal, yes bool, what, word string) bool {
	if yes {
		return true
	}
	_, _ = fmt.Fprintf(t.out, "Every process of this deployment has to be stopped. This removes %s for good. Type %q to go on: ", what, word)
	line, _ := bufio.NewReader(t.in).ReadString('\n')
	return strings.TrimSpace(line) == word
}

// removeSoon tolerates a server that is still writing its last file.
func removeSoon(dir string) error {
	var err error
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s could not be removed: %w", dir, err)
}
