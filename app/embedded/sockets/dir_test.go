package sockets

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestADirectoryIsShortAndPrivate(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long) // a place that is too long is passed over
	d := newDir(t, long)
	if at := d.Socket(Postgres); len(at) > 103 {
		t.Errorf("%s has %d bytes", at, len(at))
	}
	info, err := os.Stat(d.Path())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	d.Remove()
	gone(t, d.Path())
}

func newDir(t *testing.T, data string) *Dir {
	t.Helper()
	d, err := Make(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d.Path()) })
	return d
}

// gone fails the test when the path stays. Another process that starts now may be the one that removes it.
func gone(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := os.Lstat(path)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s is left: %v", path, err)
			return
		}
	}
}

// Starts at the same moment look at each other's new directories; nobody loses the one that it has.
func TestStartsAtTheSameTimeKeepTheirDirectories(t *testing.T) {
	t.Parallel()
	base := shortDir(t)
	var starts sync.WaitGroup
	for range 8 {
		starts.Go(func() {
			for range 40 {
				d, err := makeIn(base)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(filepath.Join(d.Path(), lock)); err != nil {
					t.Errorf("another start removed the directory: %v", err)
				}
				d.Remove()
			}
		})
	}
	starts.Wait()
}

// shortDir is a directory whose path leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") //nolint:usetesting // the path of t.TempDir is too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestWhatAKilledProcessLeftGoes, and nothing that is used.
func TestWhatAKilledProcessLeftGoes(t *testing.T) {
	t.Parallel()
	killed, used := newDir(t, t.TempDir()), newDir(t, t.TempDir())
	l, err := net.Listen("unix", killed.Socket(Kafka))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(l.Close(), os.WriteFile(killed.Socket(postgresLock), []byte("1"), 0o600), killed.alive.Unlock()); err != nil {
		t.Fatal(err)
	}
	newDir(t, t.TempDir())
	gone(t, killed.Path())
	if _, err := os.Stat(used.Path()); err != nil {
		t.Errorf("a directory that is used is gone: %v", err)
	}
}

func TestNothingElseIsRemoved(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	var kept []string
	dir := func(name string, mode os.FileMode, files ...string) {
		path := filepath.Join(base, name)
		err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode))
		for _, f := range files {
			err = errors.Join(err, os.WriteFile(filepath.Join(path, f), nil, 0o600))
			kept = append(kept, filepath.Join(path, f))
		}
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, path)
	}
	dir("photos", 0o700, lock)
	dir(prefix+"name-is-too-long!", 0o700, lock)
	dir(prefix+"opentoeverybody1", 0o755, lock)
	dir(prefix+"withoutourlock01", 0o700)
	dir(prefix+"withanotherfile1", 0o700, "letter", Kafka)
	link := filepath.Join(base, prefix+"linktothephotos1")
	if err := os.Symlink(filepath.Join(base, "photos"), link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, prefix+"withanotherfile1", lock), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sweep(base)
	for _, path := range append(kept, link) {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}

func TestASocketServesSoManyConnections(t *testing.T) {
	t.Parallel()
	d := newDir(t, t.TempDir())
	l, err := Listen(d.Socket(Redis), func(c net.Conn) { _, _ = io.Copy(c, c) })
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.Socket(Redis)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info, err)
	}
	echoes := func(c net.Conn) bool {
		b := make([]byte, 1)
		if _, err := c.Write([]byte("a")); err != nil {
			return false
		}
		_, err := c.Read(b)
		return err == nil
	}
	dial := func() net.Conn {
		c, err := Dialer(d.Socket(Redis))(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	var first net.Conn
	for n := range most {
		c := dial()
		if first == nil {
			first = c
		}
		if !echoes(c) {
			t.Fatalf("connection %d is not served", n)
		}
	}
	if echoes(dial()) {
		t.Error("one connection too many is served")
	}
	_ = first.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // its place comes back soon
		c := dial()
		if echoes(c) {
			break
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("the place of a connection that has ended does not come back")
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	gone(t, d.Socket(Redis))
}

func TestNoSocketNoDialer(t *testing.T) {
	t.Parallel()
	if Dialer("") != nil {
		t.Error("a dialer without a socket")
	}
}
