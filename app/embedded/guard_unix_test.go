//go:build unix

package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// parent starts that program in a process group of its own, as a shell does.
func parent(t *testing.T, dir string) (*exec.Cmd, note) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), parentVariable+"="+dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var n note
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err := errors.Join(err, json.Unmarshal(line, &n)); err != nil || n.Postgres == 0 {
		t.Fatalf("the program said %q: %v", line, err)
	}
	return cmd, n
}

func TestNothingIsLeftAndNothingLostAfterSIGKILL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, n := parent(t, dir)
	if _, err := Start(within(t), Options{Dir: dir, Postgres: true}); !errors.Is(err, ErrInUse) ||
		!strings.Contains(err.Error(), strconv.Itoa(cmd.Process.Pid)) {
		t.Errorf("second start: %v, want ErrInUse naming process %d", err, cmd.Process.Pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "PostgreSQL ends after the program was killed", func() bool { return !serves(n.Postgres, n.Data) })
	s := start(t, Options{Dir: dir, Postgres: true, Redis: true, Kafka: true})
	if got := kept(t, s); got != "before" {
		t.Errorf("kept %q", got)
	}
	checkRecords(t, broker(t, s), "a", "b")
	checkOffset(t, broker(t, s), 1)
	for _, dir := range n.Sockets {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the killed program's sockets are left in %s: %v", dir, err)
		}
	}
}

// TestRestartRightAfterSIGKILL starts again while the dead program's server is still shutting down.
func TestRestartRightAfterSIGKILL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, n := parent(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	s := start(t, Options{Dir: dir, Postgres: true, Kafka: true})
	if got := kept(t, s); got != "before" {
		t.Errorf("kept %q", got)
	}
	if serves(n.Postgres, n.Data) {
		t.Errorf("the old server %d still runs beside the new one", n.Postgres)
	}
}

// TestInterruptReachesTheProgramOnly: Ctrl-C goes to every process of the terminal's group.
func TestInterruptReachesTheProgramOnly(t *testing.T) {
	t.Parallel()
	cmd, n := parent(t, t.TempDir())
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	if serves(n.Postgres, n.Data) {
		t.Errorf("PostgreSQL %d outlives the program", n.Postgres)
	}
}

// TestTheGuardianSurvivesSignals: a service manager sends its signal to all processes of a service at once.
func TestTheGuardianSurvivesSignals(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: t.TempDir(), Postgres: true})
	before, _ := postmaster(s.postgres.cluster.data)
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := s.postgres.guardian.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	mustQuery(t, s.Settings().DatabaseURL, "SELECT 'up'")
	if after, _ := postmaster(s.postgres.cluster.data); after != before {
		t.Errorf("the server was restarted: %d, was %d", after, before)
	}
}

func TestAKilledServerIsRestarted(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: t.TempDir(), Postgres: true})
	commit(t, s, "receipt")
	pid, _ := postmaster(s.postgres.cluster.data)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another server answers at the same address", func() bool {
		again, _ := postmaster(s.postgres.cluster.data)
		return again != pid && s.postgres.ask(within(t)) == nil
	})
	if got := kept(t, s); got != "receipt" {
		t.Errorf("kept %q", got)
	}
}

func TestAKilledGuardianIsReplaced(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: t.TempDir(), Postgres: true})
	commit(t, s, "receipt")
	pid, _ := postmaster(s.postgres.cluster.data)
	if err := s.postgres.guardian.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another server answers at the same address", func() bool {
		again, ok := postmaster(s.postgres.cluster.data)
		return ok && again != pid && s.postgres.ask(within(t)) == nil
	})
	if got := kept(t, s); got != "receipt" {
		t.Errorf("kept %q", got)
	}
	if serves(pid, s.postgres.cluster.data) {
		t.Errorf("the unguarded server %d still runs", pid)
	}
}

// TestAStalePostmasterFileIsNoObstacle: after a reboot the number in the file may be that of any process, even one that
// Postgres takes for its own.
func TestAStalePostmasterFileIsNoObstacle(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Postgres: true}
	first := start(t, o)
	data := first.postgres.cluster.data
	file, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, first, "receipt")
	stop(t, first)

	other := exec.CommandContext(t.Context(), "sleep", "600")
	other.Dir = data // its working directory is the data directory
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	_, rest, _ := strings.Cut(string(file), "\n")
	stale := strconv.Itoa(other.Process.Pid) + "\n" + rest
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, start(t, o)); got != "receipt" {
		t.Errorf("kept %q", got)
	}
	if !alive(other.Process.Pid) {
		t.Error("a process that has nothing to do with it was stopped")
	}
}

// TestAnUnguardedServerIsStoppedFirst: where the kernel does not tie the server to its guardian, killing
// the guardian leaves it behind.
func TestAnUnguardedServerIsStoppedFirst(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Postgres: true}
	first := start(t, o)
	commit(t, first, "receipt")
	stop(t, first)

	ord := first.postgres.order()
	cmd := exec.CommandContext(t.Context(), filepath.Join(ord.Bin, "postgres"), append([]string{"-D", ord.Data}, ord.Args...)...)
	cmd.SysProcAttr = attributes(ord.As)
	cmd.Env = serverEnv(os.Environ())
	if err := os.Mkdir(first.postgres.sockets.Path(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	eventually(t, "the unguarded server answers", func() bool { return first.postgres.ask(within(t)) == nil })
	if got := kept(t, start(t, o)); got != "receipt" {
		t.Errorf("kept %q", got)
	}
	<-ended
}

// TestGuardianEndsWhenItsOrderCannotBeCarriedOut: it ends by itself instead of waiting with nothing to guard.
func TestGuardianEndsWhenItsOrderCannotBeCarriedOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stdin, says string }{
		"nothing":        {stdin: "", says: ""},
		"part of a line": {stdin: "{", says: ""},
		"not an order":   {stdin: "x\n", says: string(failed)},
		"no server":      {stdin: `{"bin":"/nonexistent","data":"/nonexistent","lock":"` + filepath.Join(t.TempDir(), "lock") + `"}` + "\n", says: "start PostgreSQL"},
		"no directory":   {stdin: `{"lock":"/nonexistent/lock"}` + "\n", says: "another guardian"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), guardVariable+"=1")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(in, c.stdin)
			if !strings.HasSuffix(c.stdin, "\n") {
				_ = in.Close()
			}
			if err := cmd.Wait(); err == nil {
				t.Error("ended without an error")
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("said %q, want %q", out.String(), c.says)
			}
		})
	}
}

func TestTheServerGetsNoVariablesOfOtherServers(t *testing.T) {
	t.Parallel()
	got := serverEnv([]string{"PATH=/bin", "PGPORT=1", "PGDATA=/x", "LC_ALL=de_DE", "LANG=de", "LANGUAGE=de", "HOME=/h", guardVariable + "=1"})
	if want := []string{"PATH=/bin", "HOME=/h", "LC_ALL=C"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

// TestAGuardianWaitsForItsPredecessor: two servers on one data directory must never even be tried.
func TestAGuardianWaitsForItsPredecessor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	predecessor := flock.New(path)
	if taken, err := predecessor.TryLock(); !taken || err != nil {
		t.Fatal(taken, err)
	}
	g := guard{order: order{Bin: "/nonexistent", Data: "/nonexistent", Lock: path}, reports: json.NewEncoder(io.Discard)}
	waiting, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := g.run(waiting); err != nil {
		t.Errorf("did not wait: %v", err)
	}
	if err := predecessor.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := g.run(within(t)); err == nil || !strings.Contains(err.Error(), "start PostgreSQL") {
		t.Errorf("did not start its server once it could: %v", err)
	}
}
