package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// guardVariable turns the program into the guardian. It is set for that one process only.
const guardVariable = "FLASHSALE_POSTGRES_GUARDIAN"

// The guardian's patience. Its predecessor may still be shutting its server down when the program has
// been killed and is started again at once.
const (
	predecessorPatience = 30 * time.Second
	fastPatience        = 6 * time.Second
	immediatePatience   = 2 * time.Second
	restartPause        = 200 * time.Millisecond
	longestRestartPause = 5 * time.Second
)

// shutdownKind is how Postgres is asked to stop, by pg_ctl's names.
type shutdownKind string

const (
	fast      shutdownKind = "fast"      // ends sessions, writes a checkpoint
	immediate shutdownKind = "immediate" // recovers at the next start
	kill      shutdownKind = "kill"
)

// order is what the guardian is told, as one line of JSON on its standard input.
type order struct {
	Bin  string   `json:"bin"`  // directory of the server's programs
	Data string   `json:"data"` // data directory
	Lock string   `json:"lock"` // file locked by the one guardian of the data directory
	Args []string `json:"args"` // settings for the server
	As   identity `json:"as"`
}

// report is what the guardian says, one line of JSON each on its standard output.
type report struct {
	Kind   reportKind `json:"kind"`
	PID    int        `json:"pid,omitempty"`
	Detail string     `json:"detail,omitempty"`
}

type reportKind string

const (
	started reportKind = "started" // a server process is there; not that it answers
	exited  reportKind = "exited"  // it ended unexpectedly, and is started again
	failed  reportKind = "failed"  // the guardian gives up
)

// GuardMode reports whether this process was started to be the guardian. Call it first thing in main and
// in TestMain, before flags are parsed, and exit with RunGuard's code if it is true.
func GuardMode() bool { return os.Getenv(guardVariable) != "" }

// RunGuard is the guardian: it runs Postgres until its standard input is closed. The operating system closes that when the
// program ends, by any signal. Signals do not end the guardian: a signal to every process of a service must not end the
// database while the program still finishes its work.
func RunGuard() int {
	if err := os.Unsetenv(guardVariable); err != nil {
		return 1
	}
	// They are received and dropped. If this process ignored them, its child would ignore them too.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)

	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return 1
	}
	g := guard{reports: json.NewEncoder(os.Stdout), log: os.Stderr}
	if err := json.Unmarshal(line, &g.order); err != nil {
		return g.fail(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	if err := g.run(ctx); err != nil {
		return g.fail(err)
	}
	return 0
}

// guard is the guardian's state.
type guard struct {
	order   order
	reports *json.Encoder
	log     *os.File
}

func (g *guard) fail(err error) int {
	_ = g.reports.Encode(report{Kind: failed, Detail: err.Error()})
	return 1
}

// run keeps the server running until ctx ends, and leaves none behind.
func (g *guard) run(ctx context.Context) error {
	lock := flock.New(g.order.Lock, flock.SetPermissions(0o600))
	waiting, cancel := context.WithTimeout(ctx, predecessorPatience)
	defer cancel()
	if taken, err := lock.TryLockContext(waiting, 20*time.Millisecond); !taken {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("another guardian keeps %s: %w", g.order.Data, err)
	}
	defer func() { _ = lock.Unlock() }()
	if err := clearStale(g.order); err != nil {
		return err
	}
	return g.keep(ctx)
}

// keep starts the server again whenever it ends unexpectedly. Its parent decides whether that is worth waiting for.
func (g *guard) keep(ctx context.Context) error {
	// The kernel ties the server's life to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for pause := restartPause; ; pause = min(2*pause, longestRestartPause) {
		began := time.Now()
		s, err := launch(g.order, g.log)
		if err != nil {
			return fmt.Errorf("start PostgreSQL: %w", err)
		}
		_ = g.reports.Encode(report{Kind: started, PID: s.pid()})
		ended := make(chan string, 1)
		go func() { ended <- s.wait() }()
		select {
		case <-ctx.Done():
			return g.stop(s, ended)
		case how := <-ended:
			_ = g.reports.Encode(report{Kind: exited, PID: s.pid(), Detail: how})
		}
		if time.Since(began) > time.Minute {
			pause = restartPause
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// stop ends the server. Each time that it takes too long, a harder kind of shutdown follows.
func (g *guard) stop(s *server, ended <-chan string) error {
	for _, step := range []struct {
		how      shutdownKind
		patience time.Duration
	}{{fast, fastPatience}, {immediate, immediatePatience}, {kill, immediatePatience}} {
		_ = shutdown(s.pid(), step.how, g.order)
		select {
		case <-ended:
			return nil
		case <-time.After(step.patience):
		}
	}
	return errors.New("PostgreSQL does not end")
}

// serverEnv is the environment without what changes the server: its own variables, which may be meant
// for another server, and the language of its messages.
func serverEnv(env []string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "PG") || strings.HasPrefix(kv, "LC_") ||
			strings.HasPrefix(kv, "LANG") || strings.HasPrefix(kv, guardVariable) ||
			strings.HasPrefix(kv, "NOTIFY_SOCKET=") // a PostgreSQL that knows systemd would report itself as the service
	})
	return append(kept, "LC_ALL=C")
}
