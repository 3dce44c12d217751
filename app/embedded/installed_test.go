//go:build unix

package embedded

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fake makes a directory of programs that call themselves what they are told.
func fake(t *testing.T, says string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\necho '" + says + "'\n"
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheVersionIsReadFromWhatTheProgramsPrint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says, version string
		major         int
	}{
		{"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18", 15},
		{"postgres (PostgreSQL) 18.3", "18.3", 18},
		{"postgres (PostgreSQL) 19beta1", "19beta1", 19},
		{"postgres (SomethingSQL) 9", "", 0},
		{"", "", 0},
	} {
		p, err := inspect(within(t), fake(t, c.says))
		if p.version != c.version || p.major != c.major || (err != nil) != (c.major == 0) {
			t.Errorf("%q is %+v, %v", c.says, p, err)
		}
	}
}

func TestADirectoryWithoutInitdbIsRefused(t *testing.T) {
	t.Parallel()
	dir := fake(t, "postgres (PostgreSQL) 18.3")
	if err := os.Remove(filepath.Join(dir, "initdb")); err != nil {
		t.Fatal(err)
	}
	if _, err := inspect(within(t), dir); err == nil {
		t.Error("took a directory without initdb")
	}
}

// TestNewestUsableServerFirst changes the PATH, so it runs alone.
func TestNewestUsableServerFirst(t *testing.T) {
	newer, tooOld := fake(t, "postgres (PostgreSQL) 99.1"), fake(t, "postgres (PostgreSQL) 14.9")
	for dir, listed := range map[string]bool{newer: true, tooOld: false} {
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		found, err := installed(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if first := len(found) > 0 && found[0].bin == dir; first != listed {
			t.Errorf("%s first: %v, want %v; found %+v", dir, first, listed, found)
		}
		for _, p := range found {
			if p.major < oldest {
				t.Errorf("listed %+v, which is too old", p)
			}
		}
	}
}

// A process that cannot look for want of descriptors or memory does not take that for "none is installed", which is answered with a
// download.
func TestWantOfRoomIsNoMissingServer(t *testing.T) {
	t.Parallel()
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if !exhausted(&os.PathError{Op: "fork/exec", Path: "postgres", Err: err}) {
			t.Errorf("%v is taken for a missing server", err)
		}
	}
	for _, err := range []error{nil, fs.ErrNotExist, syscall.ENOEXEC, syscall.EACCES} {
		if exhausted(err) {
			t.Errorf("%v is taken for want of room", err)
		}
	}
}

func TestProgramsBehindALinkAreListedOnce(t *testing.T) {
	dir := fake(t, "postgres (PostgreSQL) 99.1")
	link := filepath.Join(t.TempDir(), "bin")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", strings.Join([]string{dir, link, os.Getenv("PATH")}, string(os.PathListSeparator)))
	n := 0
	found, err := installed(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		if p.major == 99 {
			n++
		}
	}
	if n != 1 {
		t.Errorf("listed %d times", n)
	}
}
