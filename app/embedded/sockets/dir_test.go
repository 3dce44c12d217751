package sockets

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestADirectoryIsShortAndPrivate(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long) // a place that is too long is passed over
	d := newDir(t, filepath.Join(long, "sockets"))
	if at := d.Socket(Postgres); len(at) > 103 {
		t.Errorf("%s has %d bytes", at, len(at))
	}
	info, err := os.Stat(d.Path())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	note, err := os.Stat(filepath.Join(long, "sockets"))
	if err != nil || note.Mode().Perm() != 0o600 {
		t.Errorf("the note: %v %v", note, err)
	}
	d.Remove()
	gone(t, d.Path())
	gone(t, filepath.Join(long, "sockets"))
}

func newDir(t *testing.T, note string) *Dir {
	t.Helper()
	d, err := Make(note)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d.Path()) })
	return d
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", path, err)
	}
}

// TestWhatAKilledProcessLeftGoes, and nothing that is not ours.
func TestWhatAKilledProcessLeftGoes(t *testing.T) {
	t.Parallel()
	note := filepath.Join(t.TempDir(), "sockets")
	killed := newDir(t, note)
	l, err := net.Listen("unix", killed.Socket(Kafka))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(l.Close(), os.WriteFile(killed.Socket(postgresLock), []byte("1"), 0o600)); err != nil {
		t.Fatal(err)
	}
	next := newDir(t, note)
	gone(t, killed.Path())
	if next.Path() == killed.Path() {
		t.Error("two directories have one name")
	}
}

func TestNothingElseIsRemoved(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := func(name string, mode os.FileMode) string {
		path := filepath.Join(base, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := func(path string) string {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign, open, full := dir("photos", 0o700), dir(prefix+"open", 0o755), dir(prefix+"full", 0o700)
	kept := []string{foreign, open, full, file(filepath.Join(full, "letter")), file(filepath.Join(full, Kafka))}
	link := filepath.Join(base, prefix+"link")
	if err := os.Symlink(foreign, link); err != nil {
		t.Fatal(err)
	}
	for _, named := range append(kept, link, base, "", "/", "flashsale-relative", filepath.Join(base, "missing")) {
		note := filepath.Join(t.TempDir(), "sockets")
		if err := os.WriteFile(note, []byte(named+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		removeNoted(note)
		gone(t, note)
	}
	for _, path := range append(kept, link) {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}

func TestASocketServesSoManyConnections(t *testing.T) {
	t.Parallel()
	d := newDir(t, filepath.Join(t.TempDir(), "sockets"))
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
	for !echoes(dial()) { // its place comes back soon
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
